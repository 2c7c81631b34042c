import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from sr_tf.errors import UserError
from sr_tf.generators.engines import ENGINES, engine_version, on_engine
from sr_tf.generators.load import load_network, shipped
from sr_tf.generators.upscale import upscale
from sr_tf.images.means import pad_to_multiple
from sr_tf.images.pixels import to_uint8, with_quality
from sr_tf.models.coded_filter import CodedFilter
from sr_tf.models.edsr import EDSR

RNG = np.random.default_rng(0)
LR = RNG.integers(0, 256, (41, 67, 3), np.uint8)


@pytest.fixture
def openvino():
    pytest.importorskip("sr_tf.generators.openvino")


def network(**shape):
    model = EDSR(**{"blocks": 2, "filters": 8, **shape})
    model.build((None, None, None, 3))
    # Biases start at zero, so that a forgotten one would not be noticed.
    model.set_weights([weight + RNG.normal(0, 0.02, weight.shape) for weight in model.get_weights()])
    return model


def batch(*size):
    return RNG.integers(0, 256, (*size, 3)).astype(np.float32)


@pytest.mark.parametrize("one_step", [False, True])
@pytest.mark.parametrize("scale", [2, 4, 8])
def test_openvino_gives_the_networks_values(openvino, scale, one_step):
    generator = network(scale=scale, one_step=one_step, residual_scaling=0.3)
    engine = on_engine(generator, "openvino")
    assert (engine.scale, engine.receptive_radius) == (scale, generator.receptive_radius)
    for images in (batch(1, 12, 9), batch(3, 20, 31), batch(1, 1, 1), batch(1, 12, 9)):
        np.testing.assert_allclose(engine.predict_on_batch(images), generator(images), atol=2e-3)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_engines_pixels_of_shipped_generators_agree_within_1_of_255(openvino, name):
    network = load_network(name)
    image = LR if network.channels == 3 else with_quality(pad_to_multiple(LR, 2), 40)
    expected = upscale(network, image, tile=32)
    found = upscale(on_engine(network, "openvino"), image, tile=32)
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


@pytest.mark.parametrize("network", [CodedFilter(2, 8), EDSR(2, 8, 2, quality_input=True)])
def test_openvino_gives_the_values_of_networks_that_are_told_the_quality(openvino, network):
    network.build((None, None, None, 4))
    network.set_weights([weight + RNG.normal(0, 0.05, weight.shape) for weight in network.get_weights()])
    engine = on_engine(network, "openvino")
    assert (engine.scale, engine.channels) == (network.scale, 4)
    for quality, size in ((0, (2, 12, 18)), (100, (1, 2, 2))):
        told = np.concatenate([batch(*size), np.full((*size, 1), quality, np.float32)], axis=-1)
        np.testing.assert_allclose(engine.predict_on_batch(told), network(told), atol=2e-3)


def test_openvino_is_thread_safe(openvino):
    engine = on_engine(network(), "openvino")
    images = [batch(1, 16 + number, 24) for number in range(6)]
    expected = [engine.predict_on_batch(image) for image in images]
    found = {}

    def work(number):
        for _ in range(5):
            found[number] = engine.predict_on_batch(images[number])
            assert np.array_equal(found[number], expected[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A failed thread leaves no pixels or wrong ones.
    assert all(np.array_equal(found[number], expected[number]) for number in range(6))


def test_a_result_is_not_overwritten_by_the_next_call(openvino):
    engine = on_engine(network(), "openvino")
    images = batch(1, 8, 8)
    first = engine.predict_on_batch(images)
    kept = first.copy()
    engine.predict_on_batch(255 - images)
    np.testing.assert_array_equal(first, kept)


def test_openvino_reports_nothing_to_its_makers(openvino, tmp_path):
    """OpenVINO's telemetry package writes a file to the home folder before it sends anything."""
    program = (
        "import sr_tf.generators.openvino, openvino.tools.ovc as ovc\n"
        "assert type(ovc.telemetry).__module__ == 'openvino.tools.ovc.telemetry_stub', type(ovc.telemetry)\n"
    )
    # OpenVINO sends nothing if these variables are set, so that the test would prove nothing.
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "GITHUB_ACTIONS")}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**environment, "HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "intel").exists()


def test_the_tensorflow_engine_is_the_network_itself():
    generator = network()
    assert on_engine(generator) is on_engine(generator, "tensorflow") is generator
    assert to_uint8(generator.predict_on_batch(LR[None].astype(np.float32))[0]).shape == (164, 268, 3)


def test_engine_versions_have_a_name_and_a_number(openvino):
    for engine in ENGINES:
        name, version = engine_version(engine).split(" ")
        assert name == engine
        assert version[0].isdigit()


def test_missing_and_unknown_engines_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "sr_tf.generators.openvino", None)
    with pytest.raises(UserError, match=r"^the extra `openvino` is not installed .*: pip install -e '\.\[openvino\]'"):
        on_engine(network(), "openvino")
    with pytest.raises(ValueError, match="engine 'abacus'"):
        on_engine(network(), "abacus")
