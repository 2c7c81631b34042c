# make demo   trains, evaluates, restores, archives and exports on scenes that the project draws itself
# make test   lint and the whole test suite
# make quick  lint and the tests that take seconds
# make docs   the manual as a website, in build/docs
# make long   the tests that take minutes: Ray Serve, JAX beside TensorFlow, the pages in Chromium
# make wheel  builds the wheel in build/dist, installs it into an empty environment and runs the quick start there
PYTHON ?= python3
BIN := .venv/bin
DEMO := build/demo
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --quiet -c constraints.txt

SPREAD := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test long quick lint weights wheel docs clean
.DELETE_ON_ERROR:

.venv/run: setup.cfg constraints.txt
	@echo "Setting up .venv: TensorFlow and its companions, about 600 MB to fetch."
	$(PYTHON) -m venv .venv
	$(INSTALL) -e ".[train,evaluate]"
	@touch $@

.venv/test: .venv/run
	$(INSTALL) -e ".[train,evaluate,test]"
	@touch $@

demo: .venv/run
	@echo "== 1. Train a fresh generator on drawn blood smears (research use only)"
	$(BIN)/python train.py --phase=pretrain --preset=smoke --run_dir=$(DEMO)/pretrain --tfds_dir=$(DEMO)/tfrecords
	@echo "== 2. Score it and a shipped generator beside interpolation"
	scores=lr_psnr,ssimulacra2; \
	$(BIN)/sr-tf assets fetch lpips_imagenet && scores=lr_psnr,lpips_alex || echo "Going on without LPIPS."; \
	$(BIN)/python evaluate.py --models=$(DEMO)/pretrain,mixed --tfds_dir=$(DEMO)/tfrecords --metrics=$$scores --out=$(DEMO)/evaluation --report
	@echo "== 3. Reduce a scene 4 times in each direction, then restore it"
	$(BIN)/sr-tf smear $(DEMO)/scenes --overwrite
	$(BIN)/sr-tf reduce $(DEMO)/scenes $(DEMO)/lr --overwrite
	$(BIN)/sr-tf upscale $(DEMO)/lr $(DEMO)/restored --overwrite
	@echo "== 4. Export the shipped generator for TF Serving"
	$(BIN)/sr-tf export $(DEMO)/export/mixed
	@echo "== 5. Archive a scene, verify it against the original, restore it as a pyramidal OME-TIFF"
	$(BIN)/sr-tf archive $(DEMO)/scenes/smear-0.png $(DEMO)/archive/smear-0.sr.zip --overwrite
	$(BIN)/sr-tf verify $(DEMO)/archive/smear-0.sr.zip --against $(DEMO)/scenes/smear-0.png
	$(BIN)/sr-tf restore $(DEMO)/archive/smear-0.sr.zip $(DEMO)/archive/smear-0.ome.tif --overwrite
	$(BIN)/sr-tf info $(DEMO)/archive/smear-0.sr.zip --map $(DEMO)/archive/map.png --overwrite
	@echo "== Done. Look at:"
	@echo "   report           $(DEMO)/evaluation/report.html"
	@echo "   table            $(DEMO)/evaluation/table.md"
	@echo "   pictures         $(DEMO)/evaluation/panel.png"
	@echo "   scene, LR, SR    $(DEMO)/scenes/smear-0.png $(DEMO)/lr/smear-0.png $(DEMO)/restored/smear-0.png"
	@echo "   archive, its map $(DEMO)/archive/smear-0.sr.zip $(DEMO)/archive/map.png"
	@echo "   fresh generator  $(DEMO)/pretrain/best/"
	@echo "   SavedModel       $(DEMO)/export/mixed/"
	@echo "   TensorBoard      $(BIN)/tensorboard --logdir $(DEMO)/pretrain"

lint: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# Weights that others trained; the tests that read them are skipped where they cannot be had.
weights: .venv/test
	@$(BIN)/sr-tf assets fetch lpips_imagenet efficientnet_lite0 efficientnet_lite2 lpips_heads || echo "Going on without: their tests are skipped."

test: lint weights
	$(BIN)/python -m pytest $(SPREAD) -m "not long and not browser and not gpu" --durations=10

# What takes longer, and what needs Chromium.
long: .venv/test
	$(INSTALL) -e ".[train,evaluate,test,browser]"
	$(BIN)/python -m pytest -m "(long or browser) and not gpu" --durations=10

wheel: .venv/test
	.ci/wheel $(PYTHON)

quick: lint
	$(BIN)/python -m pytest $(SPREAD) -m "not slow and not long and not browser and not gpu"

# The manual; every warning, a dead link for instance, is an error.
.venv/docs: .venv/run
	$(INSTALL) -e ".[train,evaluate,docs]"
	@touch $@

docs: .venv/docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --jobs 2 --doctree-dir build/doctrees docs build/docs
	@echo "Open build/docs/index.html"

clean:
	rm -rf build .venv
