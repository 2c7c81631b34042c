"""The manual's Python examples run, from the first block to the last, and make the pictures that it shows."""

import numpy as np
import pytest
from documents import ROOT, code_blocks
from PIL import Image

from sr_tf.data.smear import render_smear


def run_blocks(path):
    """Runs a document's Python blocks one after another in the current folder."""
    blocks = [block for language, block in code_blocks(path.read_text("utf-8")) if language == "python"]
    names = {"__name__": "__main__"}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{path.name}, block {number}", "exec"), names)
    return blocks


def test_the_page_about_the_interface(tmp_path, monkeypatch, capsys):
    pytest.importorskip("dask.array")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(render_smear(1, 560, 1100)).save("slide.svs", format="PNG")
    quick_start, *_ = run_blocks(ROOT / "docs" / "reference" / "python.md")
    assert len([line for line in quick_start.splitlines() if line]) <= 10
    said = capsys.readouterr().out
    assert "(1100, 560) None 3\n" in said and "inf 1.0" in said and "no-such-slide.svs: no such file" in said
    assert {"slide.ome.tif", "thumbnail.png"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.slow
def test_the_tutorial_makes_its_pictures(tmp_path, monkeypatch, capsys):
    pytest.importorskip("zarr")
    monkeypatch.chdir(tmp_path)
    run_blocks(ROOT / "docs" / "tutorials" / "python.md")
    assert "3 (325, 163) overview" in capsys.readouterr().out
    for name in ("python-overview.png", "python-tiles.png"):
        shown, made = (np.asarray(Image.open(folder / name), int) for folder in (ROOT / "docs" / "images", tmp_path))
        assert shown.shape == made.shape
        assert np.abs(shown - made).mean() < 2, name
