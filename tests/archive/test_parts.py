"""Gate, grid, AVIF heads, planes and the search, each by itself."""

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sr_tf.archive import av1, native
from sr_tf.archive.choose import Chooser
from sr_tf.archive.enlarge import halo
from sr_tf.archive.gate import QUALITIES, Gate, Measure, pack, unpack
from sr_tf.archive.grid import BLOCK, Grid
from sr_tf.archive.kinds import EXACT, FULL_AVIF, KINDS, LR4_BICUBIC
from sr_tf.archive.map_picture import COLOURS
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.archive.search import lowest
from sr_tf.archive.stored import Stored, decode, exact, from_record
from sr_tf.archive.windows import Windows, rescale
from sr_tf.cli.archive_commands import chosen_gate
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.images.codecs import CODECS
from sr_tf.images.degradation import reduce

SIDES = st.integers(1, 2 * BLOCK + 40)


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES)
def test_blocks_cover_every_pixel_once(width, height):
    grid = Grid(width, height)
    covered = np.zeros((height, width), np.uint8)
    for place in grid.blocks():
        x, y, block_width, block_height = grid.rectangle(*place)
        covered[y : y + block_height, x : x + block_width] += 1
        assert list(grid.under(x, y, block_width, block_height)) == [place]
    assert (covered == 1).all()


def test_scores_of_tiles_are_those_of_an_independent_implementation():
    hr = render_smear(1, 300, 512)
    sr = np.clip(hr + np.random.default_rng(0).normal(0, 4, hr.shape), 0, 255).astype(np.uint8)
    scores = Measure()(hr, sr)
    assert scores["psnr"].shape == scores["ssim"].shape == (2, 2)
    for row, column in np.ndindex(2, 2):
        tile = np.s_[row * 256 : (row + 1) * 256, column * 256 : (column + 1) * 256]
        assert scores["psnr"][row, column] == pytest.approx(peak_signal_noise_ratio(hr[tile], sr[tile]), abs=1e-3)
        expected = structural_similarity(
            hr[tile],
            sr[tile],
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
        # scikit-image averages over all but a border of 5 pixels, as we do.
        assert scores["ssim"][row, column] == pytest.approx(expected, abs=2e-4)
        shift = np.abs((np.float64(sr[tile]) - hr[tile]).mean(axis=(0, 1))).max()
        assert scores["shift"][row, column] == pytest.approx(shift, abs=1e-9)


def test_equal_and_tiny_tiles_have_scores():
    hr = render_smear(1, 5, 300)
    scores = Measure()(hr, hr)
    assert np.isinf(scores["psnr"]).all()
    other = Measure()(hr, 255 - hr)
    assert np.isfinite(other["psnr"]).all()
    assert (other["ssim"] == 1).all(), "no SSIM window fits"


def test_every_tile_has_to_pass():
    gate = Gate("custom", 30, 0.9)
    good = {"psnr": np.array([[31.0, 30.0]]), "ssim": np.array([[0.9, 1.0]]), "shift": np.array([[0.0, 1.5]])}
    assert gate.passes(good)
    for name, value in (("psnr", 29.99), ("ssim", 0.8999), ("shift", 1.51)):
        bad = {key: values.copy() for key, values in good.items()}
        bad[name][0, 1] = value
        assert not gate.passes(bad)
    one, zero = np.array([[1.0]]), np.array([[0.0]])
    assert not gate.passes({"psnr": np.array([[np.nan]]), "ssim": one, "shift": zero})
    assert QUALITIES["lossless"].passes({"psnr": np.array([[np.inf]]), "ssim": one, "shift": zero})
    assert not QUALITIES["lossless"].passes({"psnr": np.array([[80.0]]), "ssim": one, "shift": zero})


@given(st.floats(0, 100), st.floats(0, 1), st.floats(0, 5))
def test_kept_scores_are_never_better_than_the_measured_ones(psnr, ssim, enl0):
    assert psnr - 0.0101 <= unpack("psnr", pack("psnr", np.array(psnr))) <= psnr + 1e-6
    assert ssim - 0.000101 <= unpack("ssim", pack("ssim", np.array(ssim))) <= ssim + 1e-6
    assert psnr - 1e-6 <= unpack("shift", pack("shift", np.array(psnr))) <= psnr + 0.0101
    assert enl0 - 1e-6 <= unpack("enl0", pack("enl0", np.array(enl0))) <= enl0 + 0.000101
    assert np.isinf(unpack("psnr", pack("psnr", np.array(np.inf))))


@pytest.mark.parametrize("side", [16, 33, 128])
def test_an_avif_file_comes_back_from_its_head_and_body(side):
    heads = set()
    for quality in (10, 60, 95):
        file = CODECS["avif"].encode(render_smear(1, side, side), quality)
        head, body = av1.split(file)
        assert av1.join(head, body) == file
        assert len(head) > 200
        assert len(body) == len(file) - len(head) + 4  # the place of the length is kept with the head
        heads.add(head)
    assert len(heads) == 1, "files of one size share their head"


@given(st.binary(max_size=400))
def test_what_is_no_avif_file_is_kept_whole(data):
    assert av1.join(*av1.split(data)) == data


def test_a_jpeg_segment_comes_back_bit_by_bit():
    file = imagecodecs.jpeg8_encode(render_smear(1, 256, 256), level=80)
    kind, packed = native.repack(file)
    assert kind == native.REPACKED
    assert len(packed) < len(file)
    assert native.unpack(kind, packed) == file
    assert native.repack(b"no JPEG") == (native.RAW, b"no JPEG")
    assert native.repack(b"") == (native.MISSING, b"")
    with pytest.raises(ValueError, match="cannot be unpacked"):
        native.unpack(native.REPACKED, packed[: len(packed) // 2])


def test_planes_of_other_scales_are_means_or_interpolations():
    image = render_smear(1, 70, 91)
    np.testing.assert_array_equal(rescale(image, 1, 4, (70, 91)), reduce(image, 4, "antialiased"))
    lr = reduce(image, 4, "antialiased")
    half = rescale(lr, 4, 2, (70, 91))
    assert half.shape == (35, 46, 3)
    assert np.abs(half.astype(int) - reduce(image, 2, "antialiased")).mean() < 6


def test_a_window_holds_its_neighbours_and_repeats_the_slides_edge():
    pixels = render_smear(1, 600, 1100)
    grid = Grid(1100, 600)

    def stored(row, column):
        x, y, width, height = grid.rectangle(row, column)
        return FULL_AVIF, pixels[y : y + height, x : x + width]

    blocks = RestoredBlocks(grid, stored, {})
    whole = np.pad(reduce(pixels, 4, "antialiased"), ((200, 200), (200, 200), (0, 0)), mode="edge")
    for row, column in grid.blocks():
        top, left = 200 + 128 * row - 20, 200 + 128 * column - 20
        np.testing.assert_array_equal(
            blocks.windows.window(row, column, 4, 20), whole[top : top + 168, left : left + 168]
        )
    np.testing.assert_array_equal(blocks.read(500, 3, 580, 590), pixels[3:593, 500:1080])


def test_blocks_of_one_kind_are_restored_as_one_image_would_be():
    from sr_tf.archive.enlarge import load_generators
    from sr_tf.archive.kinds import LR4_GENERATOR
    from sr_tf.generators.load import load_generator
    from sr_tf.generators.upscale import upscale

    generators = load_generators(["small"])
    lr = reduce(render_smear(3, 700, 1100), 4, "antialiased")
    grid = Grid(1100, 700)

    def stored(row, column):
        x, y, width, height = (length // 4 for length in grid.rectangle(row, column))
        return LR4_GENERATOR, lr[y : y + height, x : x + width]

    restored = RestoredBlocks(grid, stored, generators).read(0, 0, 1100, 700)
    whole = upscale(load_generator("small"), np.pad(lr, ((30, 30), (30, 30), (0, 0)), mode="edge"))
    expected = whole[120:820, 120:1220]
    assert np.abs(restored.astype(int) - expected).max() <= 1
    assert (restored != expected).mean() < 1e-3


def _search(original, gate, **options):
    measure = Measure()
    grid, size = Grid(original.shape[1], original.shape[0]), original.shape[:2]
    windows = Windows(grid, lambda row, column, scale: rescale(original, 1, scale, size))
    return Chooser(gate, measure, {}).choose(
        original, lambda kind: windows.window(0, 0, kind.scale, halo(kind, {})), **options
    )


def test_the_search_takes_little_for_glass_and_more_for_cells():
    glass = np.full((512, 512, 3), (226, 224, 230), np.uint8)
    cells = render_smear(1, 512, 512)
    chosen = {name: _search(image, QUALITIES["visual"]) for name, image in (("glass", glass), ("cells", cells))}
    assert chosen["glass"].kind is LR4_BICUBIC
    assert chosen["glass"].cost < 60
    assert chosen["cells"].cost > 10 * chosen["glass"].cost
    dear = _search(cells, QUALITIES["diagnostic"])
    assert dear.cost > chosen["cells"].cost


@pytest.mark.parametrize("quality", ["visual", "diagnostic"])
def test_what_the_search_finds_passes_and_one_level_less_does_not(quality):
    original, gate = render_smear(4, 300, 512), QUALITIES[quality]
    found = _search(original, gate)
    assert from_record(found.record()) == found
    image = decode(found.kind, found.file, (300, 512))
    restored = RestoredBlocks(Grid(512, 300), lambda row, column: (found.kind, image), {}).restored(0, 0)
    assert gate.passes(Measure()(original, restored))
    dearer = _search(original, gate, failed=found)
    assert (dearer.kind, dearer.level) != (found.kind, found.level)


@given(
    st.integers(0, 60), st.integers(0, 49), st.floats(0.01, 3), st.sampled_from([0.0, 1e-3, np.inf]), st.integers(0, 20)
)
def test_the_lowest_level_is_found_whatever_margins_say(threshold, start, slope, flat, first):
    asked = []

    def true_margin(level):
        distance = slope * (level - threshold)
        return max(distance, flat) if distance >= 0 else min(distance, -1e-3)

    def margin(level):
        asked.append(level)
        return true_margin(level)

    start = max(start, first)
    found = lowest(margin, first, 49, start)
    if threshold > 49:
        assert found is None
    elif found != max(threshold, first):
        assert 0 < true_margin(found) < 0.1, "it passes, with so little to spare that the level below is not asked"
    assert all(first <= level <= 49 for level in asked)
    assert len(asked) <= 12


def test_margins_that_tell_the_truth_save_questions():
    asked = []

    def margin(level):
        asked.append(level)
        return 0.25 * (level - 13) or 1e-9

    assert lowest(margin, 0, 49, 24) == 13
    assert len(asked) <= 3


def test_what_no_level_can_reach_is_soon_given_up():
    asked = []

    def margin(level):
        asked.append(level)
        return -0.1 - 0.001 * (49 - level)

    assert lowest(margin, 0, 49, 24) is None
    assert len(asked) <= 3


def test_only_exact_pixels_pass_the_lossless_gate():
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    found = _search(noise, QUALITIES["lossless"])
    assert found.kind is EXACT
    np.testing.assert_array_equal(decode(found.kind, found.file, (40, 60)), noise)


def test_noise_that_no_codec_can_hold_is_kept_exactly():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert _search(noise, Gate("custom", 60, 0.9999)).kind is EXACT


def test_a_damaged_or_foreign_image_is_told():
    file = exact(render_smear(1, 32, 40)).file
    assert decode(EXACT, file, (32, 40)).shape == (32, 40, 3)
    with pytest.raises(ValueError, match="expected uint8"):
        decode(EXACT, file, (32, 41))
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode(EXACT, file[:20], (32, 40))
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode(LR4_BICUBIC, file, (32, 40))


def test_kinds_have_their_own_codes():
    assert [kind.code for kind in KINDS.values()] == list(KINDS)
    assert isinstance(Stored(EXACT, 0, b"", 0).record(), bytes)


def test_gates_by_name_and_by_number():
    assert chosen_gate("visual", None, None, None) is QUALITIES["visual"]
    gate = chosen_gate("diagnostic", 36.5, None, 0.4)
    assert (gate.name, gate.min_psnr, gate.min_ssim, gate.max_enl0) == ("custom", 36.5, 0.95, 0.4)
    for arguments, flag in (
        (("lossless", 30, None, None), "--quality=lossless"),
        (("visual", 99, None, None), "--min-psnr=99"),
        (("visual", float("nan"), None, None), "--min-psnr=nan"),
        (("visual", None, 1.0, None), "--min-ssim=1"),
        (("visual", None, None, -1.0), "--max-enl0=-1"),
    ):
        with pytest.raises(UserError, match=flag):
            chosen_gate(*arguments)


def test_every_kind_has_a_colour_of_its_own():
    assert set(COLOURS) == set(KINDS)
    assert len(set(COLOURS.values())) == len(KINDS)
