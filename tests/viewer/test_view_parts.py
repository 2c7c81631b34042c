"""The pyramid's arithmetic and the tile cache."""

import errno
import os
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_tf.viewer.cache import TileCache
from sr_tf.viewer.levels import TILE, Levels, Tile


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 1400), st.integers(1, 1400))
def test_tiles_cover_each_level_once_and_the_last_level_is_one_tile(width, height):
    levels = Levels(width, height)
    assert levels.tiles(levels.count - 1) == (1, 1)
    assert levels.count == 1 or levels.tiles(levels.count - 2) != (1, 1)
    for level in range(levels.count):
        covered = np.zeros(levels.size(level)[::-1], np.uint8)
        columns, rows = levels.tiles(level)
        for row in range(rows):
            for column in range(columns):
                x, y, wide, high = levels.rectangle(Tile("any", level, column, row))
                assert wide > 0
                assert high > 0
                covered[y : y + high, x : x + wide] += 1
        assert (covered == 1).all()


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.data())
def test_finer_tiles_show_what_the_tile_shows(width, height, data):
    levels = Levels(width, height)
    if levels.count < 2:
        return
    level = data.draw(st.integers(1, levels.count - 1))
    columns, rows = levels.tiles(level)
    tile = Tile("any", level, data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1)))
    x, y, wide, high = levels.rectangle(tile)
    finer = [levels.rectangle(one) for one in levels.finer(tile)]
    right, bottom = max(a + c for a, _, c, _ in finer), max(b + d for _, b, _, d in finer)
    assert (min(a for a, *_ in finer), min(b for _, b, *_ in finer)) == (2 * x, 2 * y)
    assert (-(-right // 2), -(-bottom // 2)) == (x + wide, y + high)


def test_tiles_of_one_block_are_made_together():
    levels = Levels(3 * TILE, 2 * TILE - 10)
    groups = {
        tuple(levels.made_together(Tile("any", 0, column, row))) for row in range(2) for column in range(3)
    }  # fmt: skip
    assert sorted(map(len, groups)) == [2, 4]
    assert len({tile for group in groups for tile in group}) == 6


def _tile(number: int) -> Tile:
    return Tile("any", 0, number, 0)


def test_cache_is_bounded_and_never_gives_another_tiles_bytes():
    random = np.random.default_rng(0)
    cache = TileCache(memory=4000, disk=20_000)
    for number in range(300):
        cache.put(_tile(number), bytes([number % 251]) * int(random.integers(1, 1500)))
        for asked in random.integers(0, number + 1, 20):
            png = cache.get(_tile(int(asked)))
            assert png is None or set(png) == {asked % 251}
    kept = [number for number in range(300) if cache.get(_tile(number))]
    assert kept == list(range(kept[0], 300))  # the oldest went first
    assert 8000 < sum(len(cache.get(_tile(number))) for number in kept) <= 20_000
    cache.close()


def test_cache_reads_from_disk_what_does_not_fit_into_memory():
    cache = TileCache(memory=100, disk=10_000)
    for number in range(5):
        cache.put(_tile(number), bytes([number]) * 90)
    assert [cache.get(_tile(number)) for number in range(5)] == [bytes([number]) * 90 for number in range(5)]
    cache.put(_tile(9), b"x" * 50_000)  # larger than the limit on disk
    assert cache.get(_tile(9)) is None
    assert cache.get(_tile(3)) == bytes([3]) * 90
    cache.close()


def test_cache_gives_whole_tiles_where_the_disk_is_nearly_full(monkeypatch):
    room = 5000
    write = os.pwrite

    def into_the_rest(descriptor, content, offset):
        if offset >= room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, bytes(content)[: room - offset], offset)

    monkeypatch.setattr(os, "pwrite", into_the_rest)
    cache = TileCache(memory=4000, disk=20_000)
    for number in range(3):
        cache.put(_tile(number), bytes([number]) * 3000)
    assert cache.get(_tile(0)) == bytes([0]) * 3000
    assert cache.get(_tile(1)) is None  # 2,000 of its bytes found room
    assert cache.get(_tile(2)) is None
    cache.close()


def test_cache_writes_on_after_a_part(monkeypatch):
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, content, offset: write(file, bytes(content)[:7], offset))
    cache = TileCache(memory=100, disk=10_000)
    for number in range(5):
        cache.put(_tile(number), bytes([number]) * 90)
    assert [cache.get(_tile(number)) for number in range(5)] == [bytes([number]) * 90 for number in range(5)]
    cache.close()


def test_cache_leaves_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cache = TileCache()
    cache.put(_tile(0), b"of a patient")
    assert list(tmp_path.iterdir()) == []
    cache.close()


def test_cache_is_shared_by_threads():
    cache = TileCache(memory=2000, disk=9000)
    wrong = []

    def work(first: int) -> None:
        for number in range(400):
            cache.put(_tile(first + number), (first + number).to_bytes(4, "big") * 50)
            png = cache.get(_tile(first + number // 2))
            if png is not None and png != (first + number // 2).to_bytes(4, "big") * 50:
                wrong.append(png)

    threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    cache.close()


@pytest.mark.parametrize("size", [(1, 1), (7, 300)])
def test_hatching_has_two_colours(size):
    from sr_tf.viewer.hatch import hatched

    pixels = hatched(*size)
    assert pixels.shape == (*size, 3)
    assert pixels.dtype == np.uint8
    assert {tuple(colour) for colour in pixels.reshape(-1, 3).tolist()} <= {(44, 12, 40), (232, 62, 180)}
