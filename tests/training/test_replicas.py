"""Two replicas take the same step as one, with and without XLA.

Run as a program, this file takes three steps in each way and writes the resulting states. It runs in its own process,
because a CPU can be divided into logical devices only before TensorFlow initialises it.
"""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
STEPS = 3

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder that the program wrote."""
    folder = tmp_path_factory.mktemp("replicas")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, __file__, str(folder)], env=environment, cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def states(folder):
    """The variables of networks and optimizers, by (phase, way) and name."""
    states = {}
    with np.load(folder / "states.npz") as file:
        for key, array in file.items():
            phase, way, name = key.split(" ")
            states.setdefault((phase, way), {})[name] = array
    return states


@pytest.mark.parametrize("phase, networks", [("pretrain", 1), ("reduction", 1), ("gan", 2)])
@pytest.mark.parametrize("way", ["two", "two-xla"])
def test_two_replicas_take_the_same_step_as_one(states, phase, networks, way):
    # The reducer's LR is rounded before it is coded. XLA sums in another order, so a value halfway between two levels
    # can be rounded differently. Runs with XLA are therefore compared with a run of one replica with XLA.
    alone = "one-xla" if (phase, way) == ("reduction", "two-xla") else "one"
    one, two = states[phase, alone], states[phase, way]
    assert one.keys() == two.keys()
    counters = [name for name in two if name.endswith("_optimizer/0")]
    assert [int(two[name]) for name in counters] == [STEPS] * networks
    assert [int(one[name]) for name in counters] == [STEPS] * networks
    assert int(one["step/0"]) == int(two["step/0"]) == STEPS
    for name, array in two.items():
        if "optimizer" not in name:
            assert np.abs(array - one[name]).max() < 1e-5, name
        else:
            # Adam's steps do not depend on the scale of gradients, but its moments do. They range over many orders
            # of magnitude, and float32 sums in another order differ by some 1e-6 of the largest.
            assert np.abs(array - one[name]).max() <= 2e-5 * np.abs(one[name]).max(), name


def test_a_batch_that_replicas_cannot_share_is_refused(folder):
    assert (folder / "refusal").read_text() == "--batch_size=3: expected a multiple of the 2 replicas"


def _write_refusal(folder: Path) -> None:
    from sr_tf.config import TrainConfig
    from sr_tf.errors import UserError
    from sr_tf.training.run import train

    try:
        train(TrainConfig(batch_size=3, run_dir=str(folder / "run")), prepare=None)
    except UserError as error:
        (folder / "refusal").write_text(str(error))


def _write_states(folder: Path) -> None:
    import keras
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from sr_tf.models.edsr import EDSR
    from sr_tf.training.step_tensorflow import mirrored_strategy

    keras.utils.set_random_seed(0)
    keras.utils.set_random_seed(0)
    pretrained = EDSR(blocks=1, filters=8)
    pretrained.build((None, None, None, 3))
    pretrained.save(folder / "pretrained.keras")
    one, two = tf.distribute.MirroredStrategy(["CPU:0"]), mirrored_strategy()
    assert two.num_replicas_in_sync == 2
    states = {}
    ways = {"one": (one, False), "two": (two, False), "two-xla": (two, True)}
    for phase in ("pretrain", "reduction", "gan"):
        for way, (strategy, xla) in (ways | ({"one-xla": (one, True)} if phase == "reduction" else {})).items():
            for name, array in _three_steps(phase, strategy, xla, folder).items():
                states[f"{phase} {way} {name}"] = array
    np.savez(folder / "states.npz", **states)
    _write_refusal(folder)


def _three_steps(phase: str, strategy, xla: bool, folder: Path) -> dict[str, np.ndarray]:
    import keras

    from sr_tf.config import TrainConfig
    from sr_tf.data.sampler import Sampler
    from sr_tf.data.scene_store import CodedLRs, SceneStore
    from sr_tf.images.degradation import reduce
    from sr_tf.training.step_tensorflow import TensorFlowBackend

    keras.backend.clear_session()  # gives variables the same names each time
    keras.utils.set_random_seed(1)
    config = TrainConfig(
        phase="gan" if phase == "gan" else "pretrain",
        learn_reduction=phase == "reduction",
        lr_qualities="40,80" if phase == "reduction" else "",
        batch_size=4,
        crop_size=8,
        blocks=1,
        filters=8,
        discriminator_filters=16,
        learning_rate=1e-4,
        xla=xla,
        pretrained=str(folder / "pretrained.keras"),
    )
    store = SceneStore(_Scenes(), config.scale, CodedLRs(partial(reduce, scale=config.scale)), 8, 1e9)
    with strategy.scope():
        network = _content_network() if phase == "gan" else None
    backend = TensorFlowBackend(config, network, strategy)
    sampler = Sampler(store, 4, 8, seed=0, qualities=config.qualities)
    backend.run(sampler, STEPS, lambda step, named: None)
    return {f"{part}/{i}": value for part, values in backend.state().items() for i, value in enumerate(values)}


class _Scenes:
    """Four small synthetic scenes."""

    def __len__(self):
        return 4

    def __iter__(self):
        return ((str(seed), self.read(seed)) for seed in range(4))

    def read(self, index):
        from sr_tf.data.smear import render_smear

        return render_smear(index, 64, 64)


def _content_network():
    import keras

    images = keras.Input((None, None, 3))
    shallow = keras.layers.Conv2D(8, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(images))
    deep = keras.layers.Conv2D(8, 3)(keras.layers.MaxPooling2D()(shallow))  # pooling as in VGG networks
    return keras.Model(images, [shallow, deep])


if __name__ == "__main__":
    _write_states(Path(sys.argv[1]))
