"""Two replicas take the step of one: run as a program, this file takes three steps with each and writes the weights.

A process of its own, since a CPU can be divided into logical devices only before TensorFlow has looked at it.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
STEPS = 3
# Largest difference of any weight. A replica's loss that is not divided by their number doubles the gradients, which
# Adam hides almost wholly; the moments that are compared besides show it.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    """Everything that three steps leave behind, by `phase/xla/replicas/name`."""
    folder = tmp_path_factory.mktemp("replicas")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        [sys.executable, __file__, str(folder)], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "weights.npz") as file:
        return dict(file)


def _write_weights(folder: Path) -> None:
    import keras
    import tensorflow as tf

    from sr_tf.config import TrainConfig
    from sr_tf.data.pipeline import training_batches
    from sr_tf.data.scene_store import build_store
    from sr_tf.data.smear import render_smear
    from sr_tf.models.edsr import EDSR
    from sr_tf.training.distribution import mirrored_strategy, prepare_process
    from sr_tf.training.run import build_model

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    prepare_process(seed=0, mixed_bfloat16=False)
    pretrained = EDSR(blocks=1, filters=8)
    pretrained(np.zeros((1, 8, 8, 3)))
    pretrained.save(folder / "pretrained.keras")
    store = build_store(((str(seed), render_smear(seed, 64, 64)) for seed in range(4)), 4, "study", 8, 1e9)

    def content_network():
        images = keras.Input((None, None, 3))
        shallow = keras.layers.Conv2D(8, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(images))
        return keras.Model(images, [shallow, keras.layers.Conv2D(8, 3, strides=2)(shallow)])

    # Made once: the keys of collective operations start anew with each strategy, and TensorFlow remembers their shapes.
    strategies = [tf.distribute.MirroredStrategy(["CPU:0"]), mirrored_strategy()]
    results = {}
    for phase in ("pretrain", "gan"):
        for xla in (False, True):
            for strategy in strategies:
                config = TrainConfig(
                    phase=phase, blocks=1, filters=8, discriminator_filters=16, learning_rate=1e-4, xla=xla,
                    pretrained=str(folder / "pretrained.keras"),
                )  # fmt: skip
                keras.utils.set_random_seed(0)
                with strategy.scope():
                    model = build_model(config, content_network() if phase == "gan" else None)
                batches = training_batches(store, batch_size=4, crop_size=8, seed=0, start=0, stop=STEPS)
                model.fit(batches, steps_per_epoch=STEPS, verbose=0)
                key = f"{phase}/{xla}/{strategy.num_replicas_in_sync}"
                for name, part in model.checkpointed().items():
                    for i, variable in enumerate(part.variables):
                        results[f"{key}/{name}/{i}:{variable.path}"] = np.asarray(variable)
    np.savez(folder / "weights.npz", **{k.replace("/", "|"): v for k, v in results.items()})


if __name__ == "__main__":
    _write_weights(Path(sys.argv[1]))
