"""Peak memory of a training run on many scenes, beside `--cache_gib`.

    python benchmarks/training_memory.py --scenes=3000 --cache_gib=0.5

Draws the scenes once (about a tenth of a second and 0.6 MB each), then trains in a process of its own for some steps
with validations between, and prints the largest resident memory that the operating system saw.
"""

import subprocess
import sys
import time
from pathlib import Path

from absl import app, flags

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

flags.DEFINE_integer("scenes", 3000, "Training scenes to draw.")
flags.DEFINE_integer("size", 700, "Side of a scene in pixels.")
flags.DEFINE_float("cache_gib", 0.5, "As in train.py.")
flags.DEFINE_integer("steps", 100, "Training steps.")
flags.DEFINE_string("folder", "build/training-memory", "Where the data set and the run are written.")
flags.DEFINE_bool("train", False, "Train in this process; used by the program itself.")


def scenes_in_all(training: int) -> int:
    """How many scenes to draw so that the training split has `training` of them, in the study's proportions."""
    from datasets.synthetic_smear.synthetic_smear_dataset_builder import split_counts

    count = training
    while split_counts(count)["train"] < training:
        count += 1
    return count


def prepare():
    """The data set, drawn unless it is there."""
    import datasets

    options = flags.FLAGS
    return datasets.prepare(
        "synthetic_smear",
        tfds_dir=Path(options.folder) / "tfds",
        scenes=scenes_in_all(options.scenes),
        size=options.size,
    )


def train_here() -> None:
    """Trains the small preset for a few steps."""
    from sr_tf.config import preset
    from sr_tf.data.records import RecordScenes
    from sr_tf.messages import load_backend
    from sr_tf.training.run import TrainingData, train

    load_backend()
    options = flags.FLAGS
    config = preset(
        "small",
        "pretrain",
        run_dir=str(Path(options.folder) / f"run-{int(time.time())}"),
        cache_gib=options.cache_gib,
        steps=options.steps,
        validate_every=options.steps // 2,
        log_every=options.steps // 4,
    )
    builder = prepare()
    train(
        config,
        lambda: TrainingData(
            builder.info.full_name, *(RecordScenes(builder, name) for name in ("train", "validation"))
        ),
    )


def main(_) -> None:
    """Draws, trains in a child process, prints its peak memory."""
    options = flags.FLAGS
    if options.train:
        train_here()
        # Not ru_maxrss, which a process inherits from the one that started it.
        status = Path("/proc/self/status").read_text()
        print("peak in KiB:", status.split("VmHWM:")[1].split()[0])
        return
    start = time.monotonic()
    prepare()
    print(f"scenes drawn in {time.monotonic() - start:.0f} s")
    start = time.monotonic()
    done = subprocess.run([sys.executable, *sys.argv, "--train"], check=True, stdout=subprocess.PIPE, text=True)
    peak = int(done.stdout.split()[-1]) / 2**20
    pixels = options.scenes * 3 * options.size**2 / 2**30
    print(
        f"{options.scenes} scenes of {options.size}×{options.size} pixels ({pixels:.2f} GiB decoded), --cache_gib="
        f"{options.cache_gib:g}: peak memory {peak:.2f} GiB, {options.steps} steps in {time.monotonic() - start:.0f} s"
    )


if __name__ == "__main__":
    app.run(main)
