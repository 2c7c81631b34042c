"""Grid, AVIF heads, JPEG segments, windows and stored blocks, each by itself."""

import pickle

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_tf.archive import av1, native
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.grid import BLOCK, Grid
from sr_tf.archive.kinds import EXACT, FULL_AVIF, KINDS, LR4_BICUBIC
from sr_tf.archive.map_picture import COLOURS
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.archive.stored import Stored, StoredImage, decode, exact
from sr_tf.archive.windows import rescale
from sr_tf.archive.write import Options
from sr_tf.data.smear import render_smear
from sr_tf.images.codecs import CODECS
from sr_tf.images.degradation import reduce

SIDES = st.integers(1, 2 * BLOCK + 40)


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES)
def test_blocks_cover_every_pixel_once(width, height):
    grid = Grid(width, height)
    covered, gate_tiles = np.zeros((height, width), np.uint8), np.zeros(grid.gate_shape, np.uint8)
    for place in grid.blocks():
        x, y, block_width, block_height = grid.rectangle(*place)
        covered[y : y + block_height, x : x + block_width] += 1
        gate_tiles[grid.gate_tiles(*place)] += 1
        assert list(grid.under(x, y, block_width, block_height)) == [place]
    assert (covered == 1).all()
    assert (gate_tiles == 1).all()


@pytest.mark.parametrize("side", [16, 33, 128])
def test_an_avif_file_comes_back_from_its_head_and_body(side):
    heads = set()
    for quality in (10, 60, 95):
        file = CODECS["avif"].encode(render_smear(1, side, side), quality)
        head, body = av1.split(file)
        assert av1.join(head, body) == file
        assert len(head) > 200
        assert len(body) == len(file) - len(head) + 4  # the head also contains the position of the length
        heads.add(head)
    assert len(heads) == 1, "files of one size share their head"


@given(st.binary(max_size=400))
def test_other_bytes_than_avif_files_are_kept_whole(data):
    assert av1.join(*av1.split(data)) == data


def test_a_jpeg_segment_comes_back_bit_by_bit():
    file = imagecodecs.jpeg8_encode(render_smear(1, 256, 256), level=80)
    kind, packed = native.repack(file)
    assert kind == native.REPACKED
    assert len(packed) < len(file)
    assert native.unpack(kind, packed, {(256, 256)}) == file
    assert native.repack(b"no JPEG") == (native.RAW, b"no JPEG")
    assert native.repack(b"") == (native.MISSING, b"")
    with pytest.raises(ValueError, match=r"a box of|cannot be unpacked"):
        native.unpack(native.REPACKED, packed[: len(packed) // 2], {(256, 256)})


def test_planes_of_other_scales_are_means_or_interpolations():
    image = render_smear(1, 70, 91)
    np.testing.assert_array_equal(rescale(image, 1, 4, (70, 91)), reduce(image, 4, "antialiased"))
    lr = reduce(image, 4, "antialiased")
    half = rescale(lr, 4, 2, (70, 91))
    assert half.shape == (35, 46, 3)
    assert np.abs(half.astype(int) - reduce(image, 2, "antialiased")).mean() < 6


def test_a_window_contains_the_neighbours_and_repeats_the_slides_edge():
    pixels = render_smear(1, 600, 1100)
    grid = Grid(1100, 600)

    def stored(row, column):
        x, y, width, height = grid.rectangle(row, column)
        return StoredImage(FULL_AVIF, pixels[y : y + height, x : x + width])

    blocks = RestoredBlocks(grid, stored, {})
    whole = np.pad(reduce(pixels, 4, "antialiased"), ((200, 200), (200, 200), (0, 0)), mode="edge")
    for row, column in grid.blocks():
        top, left = 200 + 128 * row - 20, 200 + 128 * column - 20
        np.testing.assert_array_equal(
            blocks.windows.window(row, column, 4, 20), whole[top : top + 168, left : left + 168]
        )
    np.testing.assert_array_equal(blocks.read(500, 3, 580, 590), pixels[3:593, 500:1080])


def test_blocks_of_one_kind_are_restored_like_one_image():
    from sr_tf.archive.enlarge import load_generators
    from sr_tf.archive.kinds import LR4_GENERATOR
    from sr_tf.generators.load import load_generator
    from sr_tf.generators.upscale import upscale

    generators = load_generators(["small"])
    lr = reduce(render_smear(3, 700, 1100), 4, "antialiased")
    grid = Grid(1100, 700)

    def stored(row, column):
        x, y, width, height = (length // 4 for length in grid.rectangle(row, column))
        return StoredImage(LR4_GENERATOR, lr[y : y + height, x : x + width])

    restored = RestoredBlocks(grid, stored, generators).read(0, 0, 1100, 700)
    whole = upscale(load_generator("small"), np.pad(lr, ((30, 30), (30, 30), (0, 0)), mode="edge"))
    expected = whole[120:820, 120:1220]
    assert np.abs(restored.astype(int) - expected).max() <= 1
    assert (restored != expected).mean() < 1e-3


def test_a_damaged_or_wrong_image_is_refused():
    file = exact(render_smear(1, 32, 40)).file
    assert decode(EXACT, file, (32, 40)).shape == (32, 40, 3)
    with pytest.raises(ValueError, match="claims 40×32 pixels, expected 41×32"):
        decode(EXACT, file, (32, 41))
    with pytest.raises(ValueError, match=r"AVIF file|JPEG XL|cannot be decoded"):
        decode(EXACT, file[:20], (32, 40))
    with pytest.raises(ValueError, match=r"AVIF file|JPEG XL|cannot be decoded"):
        decode(LR4_BICUBIC, file, (32, 40))


def test_kinds_have_their_own_codes():
    assert [kind.code for kind in KINDS.values()] == list(KINDS)
    assert isinstance(Stored(EXACT, 0, b"", 0).record(), bytes)


def test_every_kind_has_a_colour_of_its_own():
    assert set(COLOURS) == set(KINDS)
    assert len(set(COLOURS.values())) == len(KINDS)


def test_kinds_are_the_same_objects_after_their_way_to_another_process():
    options = Options(QUALITIES["visual"], ("small",))
    there = pickle.loads(pickle.dumps(options))
    assert there == options
    assert all(one.kind is other.kind for one, other in zip(there.families, options.families, strict=True))
