"""Trains a generator on Keras's JAX backend, with JAX, Keras and NumPy alone. Research use only.

python -m sr_tf.training_jax.train train.npz validation.npz --preset=paper --phase=pretrain --run_dir=runs/paper

The .npz files are written by python -m sr_tf.training_jax.pack. The same command goes on where an earlier one stopped.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import argparse
import dataclasses
import sys
from pathlib import Path

from sr_tf.config import PHASES, PRESETS, TrainConfig, preset
from sr_tf.errors import UserError

# What the packed scenes decide, and what means something to TensorFlow only.
_NOT_HERE = {
    "phase", "dataset", "data_dir", "tfds_dir", "scene_size", "group_by", "strict", "cache_gib", "degradation",
    "lr_qualities", "scale", "xla", "learn_reduction", "rate_weight",
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Trains; returns the exit code."""
    parser = argparse.ArgumentParser("sr_tf.training_jax.train", description=__doc__)
    parser.add_argument("scenes", type=Path, metavar="TRAIN.npz", help="packed scenes to learn from")
    parser.add_argument("validation", type=Path, metavar="VALIDATION.npz", help="packed scenes to choose generators by")
    parser.add_argument("--preset", choices=sorted({name for name, _ in PRESETS}), default="paper")
    parser.add_argument("--phase", choices=PHASES, default="pretrain")
    for field in dataclasses.fields(TrainConfig):
        if field.name in _NOT_HERE:
            continue
        how = {"action": argparse.BooleanOptionalAction} if field.type is bool else {"type": field.type}
        if field.metadata["choices"]:
            how["choices"] = field.metadata["choices"]
        text = field.metadata["help"].replace("%", "%%")
        parser.add_argument(f"--{field.name}", default=argparse.SUPPRESS, help=text, **how)
    given = vars(parser.parse_args(argv))
    try:
        print(_train(**given))
    except UserError as error:
        print(f"train: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _train(scenes: Path, validation: Path, **given) -> Path:
    from sr_tf.training_jax.packed import PackedScenes
    from sr_tf.training_jax.run import train

    learned, chosen_by = PackedScenes.load(scenes), PackedScenes.load(validation)
    if chosen_by.scale != learned.scale:
        raise UserError(f"{validation}: reduced ×{chosen_by.scale}, expected ×{learned.scale} as {scenes}")
    config = preset(
        given.pop("preset"),
        given.pop("phase"),
        dataset="scene_folder",
        data_dir=str(scenes),
        scale=learned.scale,
        degradation=learned.degradation,
        lr_qualities=learned.qualities,
        **given,
    )
    return train(config, learned, chosen_by)


if __name__ == "__main__":
    sys.exit(main())
