"""The journal of `sr-tf archive` keeps the original's JPEG tiles only for blocks that are stored as them."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from jpeg_tiffs import SIDE, tiles_of, write_tiff

from sr_tf.archive import native
from sr_tf.archive.associated import segments_of, standalone_of
from sr_tf.archive.grid import Grid
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import EXACT
from sr_tf.archive.stored import Stored
from sr_tf.archive.windows import RecentlyUsed
from sr_tf.disk.spool import Spool
from sr_tf.slides.slide import open_slide

TILES = [(row, column) for row in range(4) for column in range(4)]


@pytest.fixture(scope="module")
def jpeg_slide(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiles")
    return write_tiff(folder / "slide.tif", (64, 64), tiles_of((64, 64), "420"), (2, 2))


@pytest.fixture
def journal(jpeg_slide, tmp_path) -> Iterator[Journal]:
    with open_slide(jpeg_slide) as slide, Spool(tmp_path / "journal", {}) as spool:
        yield _journal(slide, spool)


@pytest.fixture
def packed(monkeypatch) -> Counter:
    """Counts how often each JPEG tile is packed."""
    count, repack = Counter(), native.repack

    def counted(standalone, codec):
        count[standalone] += 1
        return repack(standalone, codec)

    monkeypatch.setattr(native, "repack", counted)
    return count


def test_threads_pack_a_segment_once(journal, packed):
    start = threading.Barrier(8)

    def all_segments():
        start.wait()
        for place in TILES:
            journal.packed_segment(*place)

    threads = [threading.Thread(target=all_segments) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(packed.values()) == {1}
    assert packed.total() == len(TILES)


def test_tiles_that_are_only_compared_are_not_kept(journal):
    costs = journal.native(0, 0).cost
    assert costs == sum(journal.segment_bytes(*place) for place in TILES)
    journal.put(0, 0, Stored(EXACT, 0, b"smaller", 7))
    assert _bytes_on_disk(journal) < 100 * len(TILES) < costs
    journal.put(0, 0, journal.native(0, 0))
    assert costs < _bytes_on_disk(journal) < costs + 200 * len(TILES)


def test_an_interrupted_call_has_the_tiles_that_it_needs(jpeg_slide, tmp_path, packed):
    path = tmp_path / "journal"
    with open_slide(jpeg_slide) as slide, Spool(path, {}) as spool:
        first = _journal(slide, spool)
        first.put(0, 0, first.native(0, 0))
        expected = [first.packed_segment(*place) for place in TILES]
    with open_slide(jpeg_slide) as slide, Spool(path, {}) as spool:
        again = _journal(slide, spool)
        assert [again.packed_segment(*place) for place in TILES] == expected
    assert packed.total() == len(TILES)


def test_a_tile_that_was_not_kept_is_packed_again(jpeg_slide, tmp_path, packed):
    path = tmp_path / "journal"
    with open_slide(jpeg_slide) as slide, Spool(path, {}) as spool:
        first = _journal(slide, spool)
        expected = first.native(0, 0).cost, [first.packed_segment(*place) for place in TILES]
    with open_slide(jpeg_slide) as slide, Spool(path, {}) as spool:
        again = _journal(slide, spool)
        assert again.native(0, 0).cost == expected[0]
        assert packed.total() == len(TILES)
        again.put(0, 0, again.native(0, 0))
        assert [again.packed_segment(*place) for place in TILES] == expected[1]
    assert packed.total() == 2 * len(TILES)


def _journal(slide, spool: Spool) -> Journal:
    return Journal(spool, Grid(SIDE, SIDE), segments_of(slide.grid), standalone_of(slide.grid))


def _bytes_on_disk(journal: Journal) -> int:
    return Path(journal.path).stat().st_size


def test_values_are_kept_up_to_a_number_of_bytes():
    made = []

    def ask(key: int, size: int) -> None:
        kept.get((key,), lambda: made.append(key) or bytes(size))

    kept = RecentlyUsed(3, 100, len)
    for key, size in ((1, 40), (2, 40), (1, 40), (3, 40), (1, 40), (2, 40)):
        ask(key, size)
    assert made == [1, 2, 3, 2]
    ask(4, 1000)
    ask(4, 1000)
    ask(2, 40)
    assert made == [1, 2, 3, 2, 4, 2]
