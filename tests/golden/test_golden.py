"""Archives that were made once are restored to the recorded pixels, by the project and by the independent reader."""

import hashlib
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from reader import Archive, GeneratorNeededError
from reader_images import enlarge_in_floats
from reader_index import LAST_KIND, NETWORK_KINDS, SCALES

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.overview import decode_overview
from sr_tf.archive.reader import ArchiveFile
from sr_tf.cli.main import main

FOLDER = Path(__file__).parent
DOCUMENT = FOLDER.parents[1] / "docs" / "archive-format.md"
ZOO = FOLDER.parents[1] / "sr_tf" / "zoo"
RECORDS = json.loads((FOLDER / "golden.json").read_text("utf-8"))
BY_NETWORK = [name for name, record in RECORDS.items() if NETWORK_KINDS & set(record["kinds"])]
OTHERS = [name for name in RECORDS if name not in BY_NETWORK]
EMBEDDED = ["2-own-generator", "2-own-told-generator", "2-filter", "2-filter-beside-reduced"]


def version_of(name: str) -> int:
    return int(name[0]) if name[1] == "-" and name[0].isdigit() else 1


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.sr.zip"


def sha256(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def read_all(archive: ArchivedSlide) -> np.ndarray:
    return archive.read(0, 0, archive.header.slide.width, archive.header.slide.height)


@pytest.fixture(scope="module")
def opencv_rounds_as_documented() -> bool:
    """Whether this build of OpenCV adds in the documented order; others may round differently, by 1 of 255."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    return np.array_equal(
        cv2.resize(noise, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), enlarge_in_floats(noise, 4)
    )


@pytest.mark.parametrize("version", [1, 2])  # versions 3 and 4 add no kind
def test_every_kind_has_a_golden_archive(version):
    records = [record for name, record in RECORDS.items() if version_of(name) == version]
    expected = {kind for kind in SCALES if kind <= LAST_KIND[version]}
    assert {kind for record in records for kind in record["kinds"]} == expected


@pytest.mark.parametrize("name", RECORDS)
def test_the_name_says_the_version(name):
    assert Archive(path_of(name).read_bytes()).header["version"] == version_of(name)


def test_blocks_of_both_reduced_scales_share_pieces():
    with ArchiveFile(path_of("2-shared")) as archive:
        shared = {int(entry["scale"]) for entry in archive.index.table if entry["rows"] * entry["columns"] > 1}
        several = [number for number in archive.index.pieces.flat if (archive.index.pieces == number).sum() > 1]
    assert shared == {2, 4}
    assert several


def test_a_block_has_the_last_of_the_pieces_that_fit():
    with ArchiveFile(path_of("2-shared-in-part")) as archive:
        covered = archive.index.table[0]
        assert (covered["rows"], covered["columns"], covered["scale"]) == (2, 3, 4)
        assert archive.index.kinds.tolist() == [[1, 3, 1], [1, 3, 1]]
        assert archive.index.pieces.tolist() == [[0, 1, 0], [0, 1, 2]]


@pytest.mark.parametrize("name", [name for name in RECORDS if version_of(name) > 1])
def test_the_overview_is_the_same(name):
    found = Archive(path_of(name).read_bytes()).overview()
    with ArchiveFile(path_of(name)) as archive:
        np.testing.assert_array_equal(found, decode_overview(archive.member("overview.avif"), archive.header.grid))


@pytest.mark.parametrize("name", RECORDS)
def test_the_scores_of_cells_are_the_same(name):
    found = Archive(path_of(name).read_bytes()).cells()
    with ArchiveFile(path_of(name)) as archive:
        scores = archive.scores()
    assert (found is None) == (name != "2-small-details") == ("local_ssim" not in scores)
    if found is not None:
        np.testing.assert_array_equal(found, (scores["local_ssim"], scores["local_error"]))


def test_all_archives_are_listed():
    assert sorted(FOLDER.glob("*.zip")) == sorted(map(path_of, RECORDS))


def test_the_document_lists_the_golden_archives():
    rows = re.findall(r"(?m)^\| `([\w.-]+)` \| ([\d, ]+) \|", DOCUMENT.read_text("utf-8"))
    assert {name: [int(kind) for kind in kinds.split(", ")] for name, kinds in rows} == {
        name: record["kinds"] for name, record in RECORDS.items()
    }


@pytest.mark.parametrize("name", RECORDS)
def test_a_golden_archive_is_never_made_again(name):
    assert hashlib.sha256(path_of(name).read_bytes()).hexdigest() == RECORDS[name]["file"]


@pytest.mark.parametrize("name", OTHERS)
def test_the_reader_restores_the_recorded_pixels(name):
    archive = Archive(path_of(name).read_bytes())
    archive.verify()
    assert sha256(archive.read()) == RECORDS[name]["pixels"]
    assert {image: sha256(archive.associated(image)) for image in archive.header["associated"]} == (
        RECORDS[name]["associated"]
    )


@pytest.mark.parametrize("name", OTHERS)
def test_the_project_restores_the_recorded_pixels(name, opencv_rounds_as_documented):
    with ArchivedSlide(path_of(name)) as archive:
        pixels = read_all(archive)
        associated = {image: sha256(archive.associated(image)) for image in archive.header.associated}
    if version_of(name) == 1 and not opencv_rounds_as_documented:
        expected = Archive(path_of(name).read_bytes()).read()
        assert np.abs(np.subtract(pixels, expected, dtype=int)).max() <= 1
        pixels = expected
    assert sha256(pixels) == RECORDS[name]["pixels"]
    assert associated == RECORDS[name]["associated"]


@pytest.mark.parametrize("name", OTHERS)
def test_verify_passes(name):
    assert main(["verify", str(path_of(name))]) == 0


@pytest.mark.parametrize("name", BY_NETWORK)
def test_the_reader_restores_the_blocks_beside_those_of_a_network(name):
    archive = Archive(path_of(name).read_bytes())
    archive.verify()
    with Image.open(FOLDER / f"{name}.png") as image:
        expected = np.asarray(image)
    assert sha256(expected) == RECORDS[name]["pixels"]
    pixels = archive.read(fill=0)
    needed = np.isin(archive.kinds, list(NETWORK_KINDS)).repeat(512, 0).repeat(512, 1)
    needed = needed[: archive.height, : archive.width]
    assert needed.any() and (name in (*EMBEDDED, "2-study") or not needed.all())
    assert not pixels[needed].any()
    np.testing.assert_array_equal(pixels[~needed], expected[~needed])
    if name in EMBEDDED:
        assert_equal_within_rounding(archive.read(), name)
    else:
        with pytest.raises(GeneratorNeededError):
            archive.read()


@pytest.mark.parametrize("name", ["2-filter", "2-filter-beside-reduced"])
def test_the_filter_changes_pixels(name):
    archive = Archive(path_of(name).read_bytes())
    row, column = np.argwhere(archive.kinds >= 10)[0]
    unfiltered = archive._stored(row, column)
    assert (archive.block(row, column) != unfiltered).mean() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NETWORK)
def test_the_reader_restores_the_blocks_of_networks_within_rounding(name):
    files = [*ZOO.glob("*/weights.npz"), *ZOO.glob("earlier/*.npz")]
    archive = Archive(path_of(name).read_bytes(), map(weights_of, files))
    assert_equal_within_rounding(archive.read(), name)


def weights_of(path: Path) -> list[np.ndarray]:
    with np.load(path) as file:
        return [file[key] for key in file.files]


def assert_equal_within_rounding(pixels: np.ndarray, name: str) -> None:
    """Another engine or CPU adds in another order; the document allows 1 of 255 where that happens."""
    with Image.open(FOLDER / f"{name}.png") as image:
        difference = np.abs(np.subtract(pixels, np.asarray(image), dtype=int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NETWORK)
def test_networks_restore_the_recorded_pixels_within_rounding(name):
    with ArchivedSlide(path_of(name)) as archive:
        assert_equal_within_rounding(read_all(archive), name)
    assert main(["verify", str(path_of(name))]) == 0
