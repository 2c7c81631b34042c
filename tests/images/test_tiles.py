"""Cutting into tiles and putting together again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_tf.images.tiles import assemble, halo_tiles, tiles, under

SIDES = st.integers(1, 60)


def image(height: int, width: int) -> np.ndarray:
    """Pixels that are all different."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@given(SIDES, SIDES, st.integers(1, 70))
def test_tiles_cover_every_pixel_once(height, width, tile):
    covered = np.zeros((height, width), int)
    for top, bottom, left, right in tiles(height, width, tile):
        assert 0 < bottom - top <= tile
        assert 0 < right - left <= tile
        covered[top:bottom, left:right] += 1
    assert (covered == 1).all()


def test_a_tile_has_at_least_one_pixel():
    with pytest.raises(ValueError, match="tile 0: expected at least 1"):
        list(tiles(10, 10, 0))


@given(st.integers(0, 40), st.integers(0, 40), SIDES, SIDES, st.integers(1, 30), st.integers(1, 30))
def test_under_names_each_touched_tile_once(x, y, width, height, tile_width, tile_height):
    pixels = {
        (row // tile_height, column // tile_width) for row in range(y, y + height) for column in range(x, x + width)
    }
    assert list(under((x, y, width, height), tile_width, tile_height)) == sorted(pixels)


@given(SIDES, SIDES, st.integers(1, 30), st.data())
def test_a_rectangle_of_tiles_is_that_of_the_whole(height, width, tile, data):
    whole = image(height, width)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    rectangle = x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    places = under(rectangle, tile, tile)
    parts = [(column * tile, row * tile, whole[row * tile :, column * tile :][:tile, :tile]) for row, column in places]
    expected = whole[y : y + rectangle[3], x : x + rectangle[2]]
    np.testing.assert_array_equal(assemble(rectangle, parts), expected)


def test_pixels_that_no_part_covers_are_filled_and_parts_outside_are_left_out():
    parts = [(-2, -2, image(4, 4)), (5, 5, image(9, 9)), (50, 0, image(3, 3)), (-30, 2, image(3, 3))]
    found = assemble((0, 0, 8, 8), parts, fill=255)
    expected = np.full((8, 8, 3), 255, np.uint8)
    expected[:2, :2], expected[5:, 5:] = image(4, 4)[2:, 2:], image(9, 9)[:3, :3]
    np.testing.assert_array_equal(found, expected)


@given(SIDES, SIDES, st.integers(1, 30), st.integers(0, 9), st.sampled_from([1, 2, 4]), st.integers(0, 8))
def test_halo_tiles_fill_the_enlarged_image_from_what_they_see(height, width, tile, halo, scale, edge):
    whole = image(height, width)
    enlarged = np.zeros((scale * height, scale * width, 3), np.uint8)
    extended = np.pad(whole, ((edge, edge), (edge, edge), (0, 0)))
    for cut in halo_tiles(height, width, tile, halo, scale, edge):
        seen = extended[cut.seen]
        assert seen.shape[0] <= tile + 2 * halo
        assert seen.shape[1] <= tile + 2 * halo
        enlarged[cut.place] = seen.repeat(scale, axis=0).repeat(scale, axis=1)[cut.kept]
    np.testing.assert_array_equal(enlarged, whole.repeat(scale, axis=0).repeat(scale, axis=1))
