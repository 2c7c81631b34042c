"""The search for the smallest representation that passes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_tf.archive.choose import Chooser
from sr_tf.archive.enlarge import halo
from sr_tf.archive.gate import QUALITIES, Gate, measured_names
from sr_tf.archive.grid import Grid
from sr_tf.archive.kinds import EXACT, LR4_BICUBIC
from sr_tf.archive.measure import Measure
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.archive.search import lowest
from sr_tf.archive.stored import StoredImage, decode, from_record
from sr_tf.archive.windows import Windows, rescale
from sr_tf.data.smear import render_smear


def _search(original, gate, **options):
    measure = Measure(measured_names(gate))
    grid, size = Grid(original.shape[1], original.shape[0]), original.shape[:2]
    windows = Windows(grid, lambda row, column, scale: rescale(original, 1, scale, size))
    return Chooser(gate, measure, {}).choose(
        lambda: original, lambda kind: windows.window(0, 0, kind.scale, halo(kind, {})), **options
    )


def test_glass_takes_few_bytes_and_cells_more():
    glass = np.full((512, 512, 3), (226, 224, 230), np.uint8)
    cells = render_smear(1, 512, 512)
    chosen = {name: _search(image, QUALITIES["visual"]) for name, image in (("glass", glass), ("cells", cells))}
    assert chosen["glass"].kind is LR4_BICUBIC
    assert chosen["glass"].cost < 60
    assert chosen["cells"].cost > 10 * chosen["glass"].cost
    larger = _search(cells, QUALITIES["diagnostic"])
    assert larger.cost > chosen["cells"].cost


@pytest.mark.parametrize("quality", ["visual", "diagnostic"])
def test_the_chosen_level_passes_and_after_a_failure_another_is_chosen(quality):
    original, gate = render_smear(4, 300, 512), QUALITIES[quality]
    found = _search(original, gate)
    assert from_record(found.record()) == found
    image = decode(found.kind, found.file, (300, 512))
    restored = RestoredBlocks(Grid(512, 300), lambda row, column: StoredImage(found.kind, image), {}).restored(0, 0)
    assert gate.passes(Measure(measured_names(gate))(original, restored))
    larger = _search(original, gate, failed=found)
    assert (larger.kind, larger.level) != (found.kind, found.level)


@given(
    st.integers(0, 60), st.integers(0, 49), st.floats(0.01, 3), st.sampled_from([0.0, 1e-3, np.inf]), st.integers(0, 20)
)
def test_the_lowest_level_is_found_with_any_margins(threshold, start, slope, flat, first):
    tried = []

    def true_margin(level):
        distance = slope * (level - threshold)
        return max(distance, flat) if distance >= 0 else min(distance, -1e-3)

    def margin(level):
        tried.append(level)
        return true_margin(level)

    start = max(start, first)
    found = lowest(margin, first, 49, start)
    if threshold > 49:
        assert found is None
    elif found != max(threshold, first):
        assert 0 < true_margin(found) < 0.1, "it passes with such a small margin that the level below is not tried"
    assert all(first <= level <= 49 for level in tried)
    assert len(tried) <= 12


def test_accurate_margins_need_few_tries():
    tried = []

    def margin(level):
        tried.append(level)
        return 0.25 * (level - 13) or 1e-9

    assert lowest(margin, 0, 49, 24) == 13
    assert len(tried) <= 3


def test_the_search_gives_up_soon_if_no_level_passes():
    tried = []

    def margin(level):
        tried.append(level)
        return -0.1 - 0.001 * (49 - level)

    assert lowest(margin, 0, 49, 24) is None
    assert len(tried) <= 3


def test_only_exact_pixels_pass_the_lossless_gate():
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    found = _search(noise, QUALITIES["lossless"])
    assert found.kind is EXACT
    np.testing.assert_array_equal(decode(found.kind, found.file, (40, 60)), noise)


def test_noise_that_no_codec_can_code_is_stored_exactly():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert _search(noise, Gate("custom", 60, 0.9999)).kind is EXACT
