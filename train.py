"""Trains a generator: phase 1 by pixelwise MSE, phase 2 adversarially with a perceptual loss."""

if __name__ == "__main__":
    from sr_tf.cli.early_interrupt import stop_at_once

    stop_at_once()  # before the other imports, which take a while

import functools

from absl import flags

from sr_tf.cli.flags import define_config_flags, given_config_flags, run
from sr_tf.messages import load_backend

USAGE = """Trains a generator that restores 4× reduced microscope scenes. Research use only.

  python train.py --phase=pretrain --preset=small
  python train.py --phase=gan --preset=small

Without --dataset, training uses synthetic blood smears. To train on your own images:

  python train.py --phase=pretrain --dataset=scene_folder --data_dir=/path/to/images

Repeat the command to continue an interrupted run. To see its progress: tensorboard --logdir runs
Training runs on TensorFlow; set the environment variable KERAS_BACKEND=jax to use JAX.

Every flag except --preset replaces one value of the preset."""

flags.DEFINE_enum(
    "preset",
    "paper",
    ["paper", "small", "smoke"],
    "paper: the study's schedule; its gan phase uses VGG-19 if the file is in the cache of assets, else VGG-16. "
    "small: a network that trains in hours on a CPU. smoke: a test run of a few minutes.",
)
define_config_flags()


def main() -> None:
    """Reads the flags, prepares the data set and trains."""
    from sr_tf.config import open_run_folder, preset

    given = given_config_flags()
    if given.get("dataset") == "packed":
        from sr_tf.data.packed import packed_settings

        given = {**given, **packed_settings(given)}
    config = preset(flags.FLAGS.preset, given.pop("phase", "pretrain"), **given)
    if flags.FLAGS.preset == "paper":
        from sr_tf.training.study_content import prefer_vgg19

        config = prefer_vgg19(config, given)

    open_run_folder(config)  # before a framework is loaded, which takes seconds
    load_backend()
    from sr_tf.training.run import train

    run_dir = train(config, functools.partial(_scenes, config))
    print(f"{run_dir}: best generators in {run_dir / 'best'}; tensorboard --logdir {run_dir}")


def _scenes(config):
    """Opens the scenes of the configured data set; prepares them first if necessary."""
    from sr_tf.training.run import TrainingData

    if config.dataset == "packed":
        from sr_tf.data.packed import PackedLRs, open_packed

        scenes = open_packed(config.data_dir)
        lrs = tuple(PackedLRs(scenes[split], config.told) for split in ("train", "validation"))
        return TrainingData(config.data_dir, scenes["train"], scenes["validation"], lrs)
    import datasets
    from sr_tf.data.records import RecordScenes

    builder = datasets.prepare_for(config)
    return TrainingData(builder.info.full_name, *(RecordScenes(builder, name) for name in ("train", "validation")))


if __name__ == "__main__":
    run(main, USAGE)
