"""Scores generators and interpolation, and writes the study's table and a figure panel."""

if __name__ == "__main__":
    from sr_tf.cli.early_interrupt import stop_at_once

    stop_at_once()  # before the other imports, which take a while

import sys
from functools import partial
from pathlib import Path

from absl import flags

from sr_tf.cli.flags import DATA_FIELDS, define_config_flags, given_config_flags, run
from sr_tf.config import TrainConfig
from sr_tf.disk.files import make_folder, write_atomically
from sr_tf.disk.outputs import ANY, OutputKind, check_outputs
from sr_tf.generators.load import require_generator
from sr_tf.generators.names import DEFAULT_GENERATOR, labels, parse_model
from sr_tf.images.reading import find_images, read_folder
from sr_tf.messages import load_tensorflow

_SCORES = OutputKind("the scores of evaluate.py", (b"{",), b'"protocol"')

USAGE = """Scores generators and interpolation: the study's table and a figure panel. Research use only.

  python evaluate.py --models=small --images=/path/to/hr_scenes
  python evaluate.py --models=small,runs/small-gan --dataset=chula_rbc12 --data_dir=/path/to/fields --report

Without --images and --dataset, the test split of the synthetic smears is used. The results are written to --out:
table.txt, table.md, scores.json (every scene), panel.png and, with --report, report.html. Perceptual scores must pass
the ladder test; a score that fails is not shown. ENL0 and LPIPS need files that `sr-tf assets fetch` downloads."""

flags.DEFINE_list(
    "models",
    [DEFAULT_GENERATOR],
    "Shipped generators, .keras files or run folders, separated by commas. NAME+ (as small+) takes the mean over the "
    "eight flips and rotations of the image.",
)
flags.DEFINE_string("images", None, "Folder of HR images, each one scene, to use instead of --dataset.")
flags.DEFINE_integer(
    "centre", None, "Score only the middle square of each image in --images, of this side in pixels; the study: 700."
)
flags.DEFINE_string("split", "test", "The split of --dataset to use.")
flags.DEFINE_list(
    "metrics",
    [],
    "Scores in addition to PSNR and SSIM, separated by commas: psnr_y, ssim_y, lr_psnr, enl0, ssimulacra2, lpips_alex, "
    "lpips_vgg, shift_r, shift_g, shift_b, lattice; or all. Default: lr_psnr, lpips_alex, enl0 and ssimulacra2, as far "
    "as their files were fetched; with --report, all but lpips_vgg, which takes seconds for each image.",
)
flags.DEFINE_bool(
    "report", False, "Also write report.html: one page with tables, plots and pictures that needs no other file."
)
define_config_flags(DATA_FIELDS)
flags.DEFINE_string("out", "runs/evaluation", "Folder for the results.")


def main() -> None:
    """Scores all methods, prints the table and writes the results."""
    config = TrainConfig(**given_config_flags())
    models = labels(flags.FLAGS.models)
    for where in models.values():
        require_generator(where)
    images = _images(config) if flags.FLAGS.images else None
    out = make_folder(flags.FLAGS.out)
    # A call may be repeated, so its own results are replaced, but no image, and no `scores.json` of a training run.
    inputs = {"generator": [Path(parse_model(where).where) for where in models.values()]}
    if images is not None:
        inputs["input image"] = find_images(flags.FLAGS.images)
    check_outputs([out / "scores.json"], _SCORES, inputs, overwrite=True)
    others = ["table.txt", "table.md", "panel.png", *["report.html"] * flags.FLAGS.report]
    check_outputs([out / name for name in others], ANY, inputs, overwrite=True)
    load_tensorflow()
    from sr_tf.evaluation import table
    from sr_tf.evaluation.compare import common_scale, compare, restorations
    from sr_tf.evaluation.measures import DEFAULT, OF_REPORT, load_measures, run_ladder_test
    from sr_tf.evaluation.panel import panel, typical_scene
    from sr_tf.evaluation.report.cards import model_card
    from sr_tf.evaluation.report.page import page
    from sr_tf.generators.restorer import load_restorer
    from sr_tf.generators.upscale import upscale

    generators = {label: load_restorer(where) for label, where in models.items()}
    default = OF_REPORT if flags.FLAGS.report else DEFAULT
    measures = load_measures(flags.FLAGS.metrics, common_scale(generators), config.degradation, default)
    data, scenes = images or _prepared(config)
    measures = run_ladder_test(measures, scenes, partial(upscale, load_restorer("small")))
    comparison = compare(scenes(), generators, config.degradation, data, measures)
    name = typical_scene(comparison)
    hr = next(image for other, image in scenes() if other == name)
    picture = panel(name, hr, restorations(hr, generators, config.degradation), comparison)
    files = {
        "table.txt": table.as_text(comparison),
        "table.md": table.as_markdown(comparison),
        "scores.json": table.as_json(comparison),
        "panel.png": picture,
    }
    if flags.FLAGS.report:
        cards = {label: model_card(where, generators[label]) for label, where in models.items()}
        command = ["python", Path(sys.argv[0]).name, *sys.argv[1:]]
        files["report.html"] = page(comparison, scenes(), generators, cards, command)
    for file, content in files.items():
        write_atomically(out / file, content)
    print(files["table.txt"])
    print(f"{out}: {', '.join(files)}")


def _images(config: TrainConfig):
    """The name of the images, and a function whose every call returns a new iterator of (name, HR)."""
    from sr_tf.data.scenes import middle

    folder = Path(flags.FLAGS.images)
    paths, side = find_images(folder), flags.FLAGS.centre

    def read_images():
        for path, image in read_folder(paths, config.strict):
            yield str(path.relative_to(folder)), middle(path, image, side) if side else image

    return f"{folder.parent.name}/{folder.name}{f', middle {side}×{side}' * bool(side)}", read_images


def _prepared(config: TrainConfig):
    """The same for a prepared data set."""
    import datasets
    from sr_tf.data.records import RecordScenes

    builder = datasets.prepare_for(config)
    return f"{config.dataset}/{flags.FLAGS.split}", lambda: iter(RecordScenes(builder, flags.FLAGS.split))


if __name__ == "__main__":
    run(main, USAGE)
