"""Trains a generator: phase 1 by pixelwise MSE, phase 2 adversarially with a perceptual loss."""

import functools

from absl import flags

from sr_tf.cli.flags import define_config_flags, given_config_flags, run
from sr_tf.messages import load_tensorflow

USAGE = """Trains a generator that restores 4× reduced microscope scenes. Research use only.

  python train.py --phase=pretrain --preset=small
  python train.py --phase=gan --preset=small

With no data named, synthetic blood smears are made and used. On your own images:

  python train.py --phase=pretrain --dataset=scene_folder --data_dir=/path/to/images

The same command goes on where an earlier one stopped. Watch with: tensorboard --logdir runs

Every flag but --preset changes one value of the preset."""

flags.DEFINE_enum(
    "preset", "paper", ["paper", "small", "smoke"], "paper: the study. small: trains on a CPU. smoke: minutes."
)
define_config_flags()


def main() -> None:
    """Prepares the data set and trains."""
    from sr_tf.config import preset

    given = given_config_flags()
    config = preset(flags.FLAGS.preset, given.pop("phase", "pretrain"), **given)

    load_tensorflow()
    import datasets
    from sr_tf.training.run import train

    run_dir = train(config, functools.partial(datasets.prepare_for, config))
    print(f"{run_dir}: best generators in {run_dir / 'best'}; tensorboard --logdir {run_dir}")


if __name__ == "__main__":
    run(main, USAGE)
