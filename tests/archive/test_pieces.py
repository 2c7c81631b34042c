"""Pieces: what several blocks share, which piece counts for a block, and the parts around them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.cut import cut, joined
from sr_tf.archive.gate import QUALITIES, Gate
from sr_tf.archive.grid import Grid
from sr_tf.archive.index import AVIF, PIECE_TYPE, Index
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.join import stored_alone
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import FULL_AVIF420_FILTER, FULL_AVIF_FILTER, LR2_GENERATOR, LR4_BICUBIC, NATIVE, Family
from sr_tf.archive.measure import Measure
from sr_tf.archive.overview import decode_overview, overview_scale
from sr_tf.archive.proof import check_restorable
from sr_tf.archive.shared_piece import SharedPiece
from sr_tf.archive.stored import Stored, stored_bytes
from sr_tf.archive.write import Options, write_archive
from sr_tf.data.smear import render_smear
from sr_tf.disk.spool import Spool
from sr_tf.errors import UserError
from sr_tf.images.degradation import reduce
from sr_tf.models.coded_filter import CodedFilter
from sr_tf.models.edsr import EDSR


@pytest.fixture(scope="module")
def glass(tmp_path_factory):
    """A slide of 2 × 4 blocks of almost blank glass with a corner of cells, its pixels and its archive."""
    folder = tmp_path_factory.mktemp("glass")
    rows, columns = np.mgrid[:1024, :1900]
    pixels = np.stack([200 + 10 * np.sin(rows / 300), 220 + 6 * np.cos(columns / 400), 235 + 0 * rows], -1)
    pixels = np.uint8(np.rint(pixels + np.random.default_rng(0).normal(0, 1.2, pixels.shape)))
    pixels[600:1000, 1500:1880] = render_smear(1, 400, 380)
    Image.fromarray(pixels).save(folder / "glass.png")
    write_archive(folder / "glass.png", folder / "a.sr.zip", Options(QUALITIES["visual"], ()))
    return pixels, folder / "a.sr.zip"


def test_blocks_share_a_piece_and_every_tile_passes(glass):
    pixels, path = glass
    with ArchivedSlide(path) as archive:
        blocks = np.bincount(archive.index.pieces.ravel(), minlength=len(archive.index.table))
        assert blocks.max() >= 4
        restored = archive.read(0, 0, 1900, 1024)
    for row in range(2):
        place = slice(512 * row, 512 * row + 512)
        assert QUALITIES["visual"].passes(Measure()(pixels[place], restored[place]))
    assert check_integrity(path) == []


@pytest.mark.parametrize(("alone", "taken"), [(40, True), (380, True), (400, False)])
def test_blocks_leave_a_piece_that_others_have_left_if_they_are_smaller_alone(alone, taken, tmp_path):
    with Spool(tmp_path / "journal", {}) as spool:
        journal = Journal(spool, Grid(2 * 512, 512), None, None)
        journal.put_piece(4, 0, 0, SharedPiece(0, 0, 1, 2, 50, b"x" * 900))
        journal.put(0, 0, Stored(LR4_BICUBIC, 3, b"name", 0, shared=True))
        journal.put(0, 1, Stored(LR4_BICUBIC, 60, b"left", 700))
        size = stored_bytes(LR4_BICUBIC, b"x" * 900)
        single = Stored(LR4_BICUBIC, 3, b"", alone / 400 * size)
        found = stored_alone(journal, (4, 0, 0), lambda row, column: single)
        assert found == ({(0, 0): single} if taken else {})
        journal.put(0, 0, single)
        assert stored_alone(journal, (4, 0, 0), lambda row, column: single) == {}


def test_the_overview_shows_the_slide(glass):
    pixels, path = glass
    with ArchivedSlide(path) as archive:
        overview = decode_overview(archive.member("overview.avif"), archive.header.grid)
    expected = reduce(pixels, 8, "antialiased")
    assert overview.shape == expected.shape
    assert np.abs(overview.astype(int) - expected).mean() < 4


@pytest.mark.parametrize(("side", "scale"), [(100, 8), (8192, 8), (8193, 16), (100_000, 128)])
def test_an_overview_has_at_most_1024_pixels_in_a_direction(side, scale):
    assert overview_scale(Grid(side, 50)) == scale


def piece(row, column, rows=1, columns=1, scale=4, codec=AVIF):
    return (row, column, rows, columns, scale, codec, 0, 0, 1, b"\0" * 8)


def index_of(kinds, *pieces):
    return Index.of_version_2(np.array(kinds, np.uint8), np.array(list(pieces), PIECE_TYPE))


def test_the_last_piece_of_a_blocks_scale_and_codec_counts():
    kinds = [[1, 2, 3], [5, 1, NATIVE.code]]
    pieces = [piece(0, 0, 2, 2), piece(0, 2, scale=2), piece(1, 0, scale=1), piece(1, 1)]
    found = index_of(kinds, *pieces)
    assert found.pieces.tolist() == [[0, 0, 1], [2, 3, -1]]
    assert found.bytes_by_kind()[1] == 2


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([piece(0, 0)], "a block without a piece"),
        ([piece(0, 0, 1, 2), piece(0, 1, 1, 2)], "outside the slide"),
        ([piece(0, 0, 5, 1)], "more than 512 coded pixels"),
        ([piece(0, 0, 1, 3, scale=2)], "more than 512 coded pixels"),
        ([piece(0, 0, 0, 1)], "without blocks"),
        ([piece(0, 0, 1, 2, scale=3)], "unknown codec or scale"),
        ([piece(0, 0, 1, 2, codec=3)], "unknown codec or scale"),
        ([piece(2**32 - 1, 0)], "outside the slide"),
        ([], "a block without a piece"),
        ([piece(0, 0, 1, 2), piece(0, 1, scale=2)], "a piece without a block"),
        ([piece(0, 0), piece(0, 0, 1, 2)], "a piece without a block"),
    ],
)
def test_an_index_that_cannot_be_is_refused(pieces, why):
    with pytest.raises(ValueError, match=why):
        index_of([[1, 1]], *pieces)


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1), st.integers(0, 99))
def test_what_is_joined_is_cut_out_again(places, seed):
    rng, grid = np.random.default_rng(seed), Grid(2000, 1990)
    sizes = {place: tuple(-(-length // 4) for length in grid.rectangle(*place)[:1:-1]) for place in places}
    parts = {place: rng.integers(0, 256, (*size, 3), dtype=np.uint8) for place, size in sizes.items()}
    whole = joined(parts, (498, 500), 4)
    assert whole.shape == (498, 500, 3) and whole.dtype == np.uint8
    for place, part in parts.items():
        np.testing.assert_array_equal(cut(whole, (0, 0, 2000, 1990), grid.rectangle(*place), 4), part)


def test_gaps_are_filled_smoothly():
    parts = {(0, 0): np.full((128, 128, 3), 100, np.uint8), (1, 1): np.full((128, 128, 3), 200, np.uint8)}
    whole = joined(parts, (256, 256), 4).astype(int)
    assert whole.min() >= 100 and whole.max() <= 200
    assert np.abs(np.diff(whole[:, 160:, 0], axis=0)).max() < 40


def untrained(network, folder: Path, name: str) -> str:
    """Saves a network with small random weights in its last layer."""
    network.build((None, None, None, network.channels))
    weights = network.get_weights()
    weights[-2] = np.random.default_rng(0).normal(0, 1e-3, weights[-2].shape)
    network.set_weights(weights)
    network.save(folder / name)
    return str(folder / name)


def test_a_users_own_generator_is_in_the_archive(tmp_path):
    own = untrained(EDSR(1, 4, 2, one_step=True), tmp_path, "own.keras")
    Image.fromarray(render_smear(1, 300, 300)).save(tmp_path / "field.png")
    options = Options(Gate("custom", 20.0, 0.3), (own,), families=(Family(LR2_GENERATOR, (60, 90)),))
    write_archive(tmp_path / "field.png", tmp_path / "a.sr.zip", options)
    with ArchivedSlide(tmp_path / "a.sr.zip") as archive:
        expected = archive.read(0, 0, 300, 300)
        assert archive.header.generators[0]["embedded"]
    Path(own).unlink()
    assert check_restorable(tmp_path / "a.sr.zip") == []
    with ArchivedSlide(tmp_path / "a.sr.zip") as archive:
        np.testing.assert_array_equal(archive.read(0, 0, 300, 300), expected)


def test_by_reference_a_users_own_generator_stays_outside(tmp_path):
    own = untrained(EDSR(1, 4, 2, one_step=True), tmp_path, "own.keras")
    Image.fromarray(render_smear(1, 300, 300)).save(tmp_path / "field.png")
    options = Options(Gate("custom", 20.0, 0.3), (own,), families=(Family(LR2_GENERATOR, (60, 90)),), embed=False)
    write_archive(tmp_path / "field.png", tmp_path / "a.sr.zip", options)
    with pytest.raises(UserError, match="does not ship with sr_tf; name its file with --models"):
        ArchivedSlide(tmp_path / "a.sr.zip")
    assert len(check_restorable(tmp_path / "a.sr.zip")) == 1
    with ArchivedSlide(tmp_path / "a.sr.zip", (own,)) as archive:
        assert archive.read(0, 0, 300, 300).shape == (300, 300, 3)


@pytest.mark.parametrize("kind", [FULL_AVIF_FILTER, FULL_AVIF420_FILTER])
def test_a_filter_restores_blocks_of_full_size_from_their_neighbours_too(kind, tmp_path):
    own = untrained(CodedFilter(1, 8), tmp_path, "filter.keras")
    pixels = render_smear(2, 520, 600)
    Image.fromarray(pixels).save(tmp_path / "field.png")
    options = Options(Gate("custom", 25.0, 0.5, max_shift=20), (own,), families=(Family(kind, (20, 50, 80)),))
    write_archive(tmp_path / "field.png", tmp_path / "a.sr.zip", options)
    with ArchivedSlide(tmp_path / "a.sr.zip") as archive:
        assert (archive.index.kinds == kind.code).all()
        restored = archive.read(0, 0, 600, 520)
        decoded = archive.stored_image(0, 0).image
        assert archive.generators[1].scale == 1
    assert (restored[:512, :512] != decoded).any()
    assert np.abs(restored[:512, :512].astype(int) - decoded).max() < 40
