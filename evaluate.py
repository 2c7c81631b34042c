"""Scores generators beside interpolation and writes the study's table and a figure panel."""

import sys
from functools import partial
from pathlib import Path

from absl import flags

from sr_tf.cli.flags import DATA_FIELDS, define_config_flags, given_config_flags, run
from sr_tf.config import TrainConfig
from sr_tf.disk.files import make_folder, write_atomically
from sr_tf.generators.load import DEFAULT_GENERATOR
from sr_tf.generators.names import labels
from sr_tf.messages import load_tensorflow

USAGE = """Scores generators beside interpolation: the study's table and a figure panel. Research use only.

  python evaluate.py --models=small --images=/path/to/hr_scenes
  python evaluate.py --models=small,runs/small-gan --dataset=chula_rbc12 --data_dir=/path/to/fields --report

With no data named, the test split of the synthetic smears is used. Written to --out: table.txt, table.md,
scores.json (every scene), panel.png and, if asked for, report.html. Perceptual scores are put to the ladder test first;
one that fails it is not shown. ENL0 and LPIPS need files that `sr-tf assets fetch` gets."""

flags.DEFINE_list(
    "models",
    [DEFAULT_GENERATOR],
    "Shipped names, .keras files or run folders, separated by commas; with a + behind it (small+), the mean over a "
    "generator's eight flips and rotations.",
)
flags.DEFINE_string("images", None, "Folder of HR images to score on, each as one scene; instead of --dataset.")
flags.DEFINE_integer(
    "centre", None, "Of each of --images, score the middle square of so many pixels' side: 700 is the study's scene."
)
flags.DEFINE_string("split", "test", "Split of --dataset.")
flags.DEFINE_list(
    "metrics",
    [],
    "Scores besides PSNR and SSIM, separated by commas: psnr_y, ssim_y, lr_psnr, enl0, ssimulacra2, lpips_alex, "
    "lpips_vgg, shift_r, shift_g, shift_b, lattice; or all. Default: lr_psnr and every perceptual score whose files "
    "were fetched; with --report, every score of those.",
)
flags.DEFINE_bool(
    "report", False, "Write report.html too: one page with tables, plots and pictures, which needs no other file."
)
define_config_flags(DATA_FIELDS)
flags.DEFINE_string("out", "runs/evaluation", "Folder for the results.")


def main() -> None:
    """Compares, prints and writes."""
    config = TrainConfig(**given_config_flags())
    models = labels(flags.FLAGS.models)
    out = make_folder(flags.FLAGS.out)
    load_tensorflow()
    from sr_tf.evaluation import table
    from sr_tf.evaluation.compare import common_scale, compare, restorations
    from sr_tf.evaluation.measures import load_measures, put_to_test
    from sr_tf.evaluation.panel import panel, typical_scene
    from sr_tf.evaluation.report.cards import model_card
    from sr_tf.evaluation.report.page import page
    from sr_tf.generators.restorer import load_restorer
    from sr_tf.generators.upscale import upscale

    generators = {label: load_restorer(where) for label, where in models.items()}
    names = flags.FLAGS.metrics or (["all"] if flags.FLAGS.report else [])
    measures = load_measures(names, common_scale(generators), config.degradation)
    data, scenes = _scenes(config)
    measures = put_to_test(measures, scenes, partial(upscale, load_restorer("small")))
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


def _scenes(config: TrainConfig):
    """What the scenes are called, and a function that yields (name, HR) anew each time."""
    if flags.FLAGS.images:
        from sr_tf.data.scenes import middle
        from sr_tf.images.reading import find_images, read_folder

        folder = Path(flags.FLAGS.images)
        paths, side = find_images(folder), flags.FLAGS.centre

        def read_images():
            for path, image in read_folder(paths, config.strict):
                yield str(path.relative_to(folder)), middle(path, image, side) if side else image

        return f"{folder.parent.name}/{folder.name}{f', middle {side}×{side}' * bool(side)}", read_images
    import datasets
    from sr_tf.data.scene_store import read_scenes

    builder = datasets.prepare_for(config)
    return f"{config.dataset}/{flags.FLAGS.split}", lambda: read_scenes(builder, flags.FLAGS.split)


if __name__ == "__main__":
    run(main, USAGE)
