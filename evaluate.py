"""Scores generators beside interpolation and writes the study's table and a figure panel."""

from pathlib import Path

from absl import flags

from sr_tf.command_line import run
from sr_tf.errors import UserError
from sr_tf.files import make_folder, write_atomically
from sr_tf.messages import load_tensorflow

USAGE = """Scores generators beside interpolation: the study's table and a figure panel. Research use only.

  python evaluate.py --models=small --images=/path/to/hr_scenes
  python evaluate.py --models=small,runs/small-gan --dataset=chula_rbc12 --data_dir=/path/to/fields

With no data named, the test split of the synthetic smears is used. Written to --out: table.txt, table.md,
scores.json (every scene) and panel.png."""

flags.DEFINE_list("models", ["small"], "Shipped names, .keras files or run folders, separated by commas.")
flags.DEFINE_string("images", None, "Folder of HR images to score on, each as one scene; instead of --dataset.")
flags.DEFINE_enum(
    "dataset", "synthetic_smear", ["synthetic_smear", "chula_rbc12", "scene_folder"], "Data set to score on."
)
flags.DEFINE_string("split", "test", "Its split.")
flags.DEFINE_string("data_dir", None, "Folder of your images, for chula_rbc12 and scene_folder.")
flags.DEFINE_string("tfds_dir", None, "Where TFRecords are written and found again. Default: that of TFDS.")
flags.DEFINE_enum("degradation", "study", ["study", "antialiased"], "How HR becomes LR; see sr_tf/degradation.py.")
flags.DEFINE_bool("strict", False, "Stop at an unreadable image instead of skipping it with a warning.")
flags.DEFINE_string("out", "runs/evaluation", "Folder for the results.")


def main() -> None:
    """Compares, prints and writes."""
    options = flags.FLAGS
    out = make_folder(options.out)
    load_tensorflow()
    from sr_tf.evaluation import table
    from sr_tf.evaluation.compare import compare, restorations
    from sr_tf.evaluation.panel import panel, typical_scene
    from sr_tf.zoo import load_generator

    generators = {_label(where): load_generator(where) for where in options.models}
    if len(generators) < len(options.models):
        raise UserError(f"--models={','.join(options.models)}: two have the same name in the table; rename one")
    data, scenes = _scenes()
    comparison = compare(scenes(), generators, options.degradation, data)
    name = typical_scene(comparison)
    hr = next(image for other, image in scenes() if other == name)
    write_atomically(out / "table.txt", table.as_text(comparison))
    write_atomically(out / "table.md", table.as_markdown(comparison))
    write_atomically(out / "scores.json", table.as_json(comparison))
    write_atomically(out / "panel.png", panel(name, hr, restorations(hr, generators, options.degradation), comparison))
    print(table.as_text(comparison))
    print(f"{out}: table.txt, table.md, scores.json, panel.png")


def _label(where: str) -> str:
    path = Path(where)
    return f"{path.parent.parent.name}/{path.stem}" if path.suffix == ".keras" else path.name


def _scenes():
    """What the scenes are called, and a function that yields them anew each time."""
    options = flags.FLAGS
    if options.images:
        from sr_tf.data.images import find_images, read_folder

        folder = Path(options.images)
        paths = find_images(folder)
        named = lambda: ((str(path.relative_to(folder)), image) for path, image in read_folder(paths, options.strict))  # noqa: E731
        return f"{folder.parent.name}/{folder.name}", named
    import datasets
    from sr_tf.data.scene_store import read_scenes

    builder = datasets.prepare(options.dataset, options.data_dir, options.tfds_dir)
    return f"{options.dataset}/{options.split}", lambda: read_scenes(builder, options.split)


if __name__ == "__main__":
    run(main, USAGE)
