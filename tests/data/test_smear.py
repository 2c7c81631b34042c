import hashlib
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_tf.data.smear import render_smear
from sr_tf.data.smear_cells import RED_KINDS, RedStyle, red_cell

SEEDS = range(20, 30)


@pytest.fixture(scope="module")
def scenes():
    return [render_smear(seed) for seed in SEEDS]


def test_same_seed_same_pixels_in_another_process():
    code = (
        "import hashlib, sys; from sr_tf.data.smear import render_smear;"
        "print(hashlib.sha256(render_smear(4, 300, 200).tobytes()).hexdigest(), 'tensorflow' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert output == [hashlib.sha256(render_smear(4, 300, 200).tobytes()).hexdigest(), "False"]


def test_seeds_give_different_scenes(scenes):
    assert len({scene.tobytes() for scene in scenes}) == len(scenes)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**63), st.integers(1, 200), st.integers(1, 200))
def test_every_size_and_seed(seed, height, width):
    scene = render_smear(seed, height, width)
    assert scene.shape == (height, width, 3)
    assert scene.dtype == np.uint8


@pytest.mark.parametrize("size", [(702, 699), (480, 640)])
def test_scene_sizes(size):
    assert render_smear(1, *size).shape == (*size, 3)


@pytest.mark.parametrize("arguments", [(-1,), (0, 0, 10), (0, 10, -3)])
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ValueError):
        render_smear(*arguments)


def test_cells_are_darker_and_redder_than_the_bright_field(scenes):
    for scene in scenes:
        field, cells = _field_and_cells(scene)
        assert 0.1 < cells.mean() < 0.9
        assert field.mean() > 0.1
        bright, dark = scene[field].mean(axis=0), scene[cells].mean(axis=0)
        assert bright.min() > 120
        assert (dark < bright).all()
        # Haemoglobin absorbs green most and red least, independently of the lamp's tint.
        kept = dark / bright
        assert kept[0] > kept[2] > kept[1]
        assert kept[1] < 0.9


def test_fine_detail_exists_and_is_not_noise(scenes):
    # In real fields at 1000×, bicubic reduction and enlargement by 4 gives 31–43 dB; sensor noise is about 1 of 255.
    detail = [_bicubic_psnr(scene) for scene in scenes]
    assert 34 < np.mean(detail) < 40
    assert all(29 < value < 44 for value in detail)
    for scene in scenes:
        field, _ = _field_and_cells(scene)
        grey = cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY).astype(np.float32)
        grain = grey - cv2.GaussianBlur(grey, (0, 0), 1.5)
        assert 0.3 < np.median(np.abs(grain[cv2.erode(field.astype(np.uint8), np.ones((15, 15))) > 0])) / 0.6745 < 3


def test_some_scenes_have_violet_nuclei(scenes):
    # The largest platelet is below 1400 square pixels.
    sizes = [_largest_violet(scene) for scene in scenes]
    assert sum(size > 1500 for size in sizes) >= 2
    assert min(sizes) < 1500


def test_stain_and_light_vary(scenes):
    means = np.array([scene.mean(axis=(0, 1)) for scene in scenes])
    assert means.std(axis=0).min() > 6


@pytest.mark.parametrize("kind", RED_KINDS)
def test_a_red_cell_is_a_disc_on_an_empty_patch(kind):
    style = RedStyle(rim=0.2, halo=0.1, edge=1.0, pallor=0.6, drying=0.0)
    patch = red_cell(np.random.default_rng(3), 40.0, kind, style)
    assert patch.dtype == np.float32
    assert np.abs(np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]])).max() < 0.02
    covered = np.count_nonzero(patch > 0.1)
    assert 0.3 < covered / (np.pi * 40.0**2) < 2
    middle = patch.shape[0] // 2
    if kind == "hypochromic":
        assert patch[middle, middle] < 0.6 * patch.max()


def test_a_scene_takes_less_than_three_seconds():
    start = time.process_time()
    render_smear(5)
    assert time.process_time() - start < 3


def _field_and_cells(scene):
    """Masks of the empty field and of the stained cells, by Otsu's threshold on green."""
    green = cv2.GaussianBlur(scene[..., 1], (5, 5), 0)
    threshold, _ = cv2.threshold(green, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return green > threshold, green < threshold


def _bicubic_psnr(scene):
    height, width = scene.shape[:2]
    small = cv2.resize(scene, (width // 4, height // 4), interpolation=cv2.INTER_CUBIC)
    return cv2.PSNR(scene, cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def _largest_violet(scene):
    """Pixels of the largest region that absorbs red strongly and more than blue: chromatin, not haemoglobin."""
    light = np.percentile(scene.reshape(-1, 3), 95, axis=0)
    density = -np.log(np.maximum(scene, 1) / light)
    violet = (density[..., 0] > 0.45) & (density[..., 0] > 1.3 * density[..., 2])
    _, _, blobs, _ = cv2.connectedComponentsWithStats(violet.astype(np.uint8))
    return blobs[1:, cv2.CC_STAT_AREA].max(initial=0)
