"""`sr-tf reader-kit`: what is drawn, that readers are blinded, and its errors."""

import csv
import io
import json
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from readers import CASES, SIDE

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.cli.main import main
from sr_tf.images.reading import read_rgb, write_png
from sr_tf.reader_study.blinding import publish, save
from sr_tf.reader_study.fields import shows_something
from sr_tf.reader_study.key import read_key
from sr_tf.reader_study.kit import make_kit
from sr_tf.slides.slide import open_slide


def test_images_are_the_originals_and_the_restored_pixels(study, slides):
    folder, key = study
    files = {path.name: path for paths in slides for path in paths}
    assert [case.number for case in key.cases] == list(range(1, CASES + 1))
    for case in key.cases:
        place = case.x, case.y, SIDE, SIDE
        images = [read_rgb(folder / "reader" / "images" / f"{name}.png") for name in (case.original, case.restored)]
        with open_slide(files[case.slide]) as slide, ArchivedSlide(files[case.archive]) as archive:
            np.testing.assert_array_equal(images[0], slide.read(*place))
            np.testing.assert_array_equal(images[1], archive.read(*place))
        error = np.mean((images[0].astype(float) - images[1]) ** 2)
        assert case.psnr == pytest.approx(10 * np.log10(255**2 / error), abs=1e-3)


def test_fields_show_cells_do_not_overlap_and_come_from_all_slides(study):
    _, key = study
    places = {name: [case for case in key.cases if case.slide == f"patient-{name}.png"] for name in (1, 2)}
    assert min(map(len, places.values())) >= 4
    assert all(case.x + SIDE > 256 for case in places[2])  # the rest is glass
    for cases in places.values():
        for one in cases:
            near = [o for o in cases if abs(o.x - one.x) < SIDE and abs(o.y - one.y) < SIDE]
            assert near == [one]


def test_each_session_shows_each_case_once_in_the_other_form(study):
    _, key = study
    shown = key.of_image()
    first, second = ([shown[image] for image in session] for session in key.sessions)
    forms = [{case.number: restored for case, restored in session} for session in (first, second)]
    assert all(len(form) == CASES for form in forms)
    assert all(forms[0][number] != forms[1][number] for number in forms[0])
    assert sum(forms[0].values()) == CASES // 2
    orders = [[case.number for case, _ in session] for session in (first, second)]
    assert orders[0] != orders[1] and orders[0] != sorted(orders[0])


def test_readers_are_blinded(study):
    folder, key = study
    reader = folder / "reader"
    for path in reader.iterdir():
        if path.is_file():
            text = path.read_text("utf-8")
            assert "patient-" not in text and str(key.seed) not in text
    images = list((reader / "images").iterdir())
    assert {path.stem for path in images} == set(key.of_image())
    assert len({path.stat().st_mtime_ns for path in images}) == 1
    assert (folder / "key.json").stat().st_mode & 0o077 == 0
    # The page lists images by session and order only.
    data = (reader / "index.html").read_text("utf-8").partition('id="study">')[2].partition("</script>")[0]
    assert json.loads(data) == {
        "study": key.study, "side": SIDE, "washout": 14, "categories": key.categories, "sessions": key.sessions,
    }  # fmt: skip


def test_image_files_tell_nothing_but_their_pixels(study):
    folder, _ = study
    paths = sorted((folder / "reader" / "images").iterdir())
    contents = [path.read_bytes() for path in paths]
    assert len({len(content) for content in contents}) == 1
    packed = [len(zlib.compress(content)) for content in contents]  # what the list of a ZIP file would show
    assert max(packed) < 1.001 * min(packed)
    for content in contents:
        assert dict.fromkeys(chunk_names(content)) == dict.fromkeys([b"IHDR", b"IDAT", b"fiLl", b"IEND"])
        with Image.open(io.BytesIO(content)) as image:
            assert (image.format, image.mode, image.size, image.info) == ("PNG", "RGB", (SIDE, SIDE), {})
            image.verify()  # the checksums
    written = [path.stat().st_ctime_ns for path in paths]
    assert written == sorted(written)  # in the order of the names, which are random
    assert not any(path.name == "images" for path in folder.iterdir())


def chunk_names(png):
    """The types of a PNG file's chunks, in their order."""
    place = 8
    while place < len(png):
        yield png[place + 4 : place + 8]
        place += 12 + int.from_bytes(png[place : place + 4], "big")


def test_large_fillings_are_divided_and_the_colour_profile_is_kept(tmp_path):
    drafts, images = tmp_path / "drafts", tmp_path / "images"
    drafts.mkdir()
    images.mkdir()
    rng = np.random.default_rng(3)
    noise, even = rng.integers(0, 256, (1100, 1100, 3), np.uint8), np.full((1100, 1100, 3), 7, np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    save(drafts / "a.png", noise, profile)
    save(drafts / "b.png", even, profile)
    publish(drafts, images, rng)
    sizes = [(images / name).stat().st_size for name in ("a.png", "b.png")]
    assert sizes[0] == sizes[1] > 3_000_000 and not list(drafts.iterdir())
    assert list(chunk_names((images / "b.png").read_bytes())).count(b"fiLl") == 3
    for name, pixels in (("a.png", noise), ("b.png", even)):
        np.testing.assert_array_equal(cv2.imread(str(images / name))[..., ::-1], pixels)
        with Image.open(images / name) as image:
            assert image.info["icc_profile"] == profile


def test_forms_have_the_images_in_the_order_of_reading(study):
    folder, key = study
    for number, session in enumerate(key.sessions, 1):
        with (folder / "reader" / f"answers-session-{number}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["image"] for row in rows] == session
        assert {row["session"] for row in rows} == {str(number)}
        assert not any(row["finding"] or row["reader"] for row in rows)
    instructions = (folder / "reader" / "instructions.txt").read_text("utf-8")
    assert key.made in instructions and "normal, abnormal, cannot say" in instructions


def test_a_seed_draws_the_same_study_again(study, slides, settings, tmp_path):
    folder, key = study
    paths, archives = slides
    again = make_kit(archives, paths, tmp_path / "again", settings)
    assert (again.cases, again.sessions, again.study) == (key.cases, key.sessions, key.study)
    assert read_key(folder)[0] == key


@pytest.mark.parametrize("tint", [(226, 224, 230), (236, 222, 190), (120, 120, 120)])
def test_glass_shows_nothing_whatever_its_colour(tint):
    noise = np.random.default_rng(0).normal(0, 3, (256, 256, 3))
    glass = np.uint8(np.clip(np.array(tint) + noise, 0, 255))
    assert not shows_something(glass)
    cells = glass.copy()
    for x in range(0, 256, 80):
        cells[x : x + 40, 64:200] = 90
    assert shows_something(cells)


@pytest.fixture
def refused(slides, tmp_path, capsys):
    """Runs `reader-kit` on the slides with other arguments; it must stop in one line and leave nothing behind."""

    def run(*more, archives=None, against=None, out="study"):
        before = sorted(tmp_path.rglob("*"))
        command = [
            "reader-kit",
            *(archives or slides[1]),
            "--against",
            *(against or slides[0]),
            "--out",
            tmp_path / out,
        ]
        try:
            code = main([str(part) for part in (*command, "--field", SIDE, *more)])
        except SystemExit as stop:
            code = stop.code
        error = capsys.readouterr().err
        assert (code, error.count("error: "), error.splitlines()[-1].count("error: ")) == (2, 1, 1)
        assert sorted(tmp_path.rglob("*")) == before
        return error

    return run


def test_bad_input_is_one_line_and_leaves_nothing(refused, slides, tmp_path):
    paths, _ = slides
    assert "fields of 128×128 pixels with tissue or cells, expected 60" in refused()
    assert "0 fields of 512×512" in refused("--field", "512")
    assert "1 slides for 2 archives, expected one for each" in refused("--cases", "4", against=paths[:1])
    assert "is not the slide of" in refused("--cases", "4", against=paths[::-1])
    assert "expected two to nine different names" in refused("--categories", "one")
    assert "expected two to nine different names" in refused("--categories", "a,A")
    assert "from 128 to 4096" in refused("--field", "64")
    assert "at least 2" in refused("--cases", "1")
    (tmp_path / "full").mkdir()
    write_png(tmp_path / "full" / "a.png", np.zeros((4, 4, 3), np.uint8))
    assert "has contents" in refused("--cases", "4", out="full")
    assert "is no folder" in refused("--cases", "4", out="full/a.png")


def test_the_command_says_where_everything_is(slides, tmp_path, capsys):
    paths, archives = slides
    folder = tmp_path / "study"
    folder.mkdir()  # an empty folder is used
    command = ["reader-kit", *archives, "--against", *paths, "--out", folder, "--cases", 4, "--field", SIDE]
    assert main([str(part) for part in [*command, "--categories", "ring form, <none>"]]) == 0
    said = capsys.readouterr()
    assert "session 2 after 14 days" in said.out and "fewer than" in said.err
    assert read_key(folder)[0].categories == ["ring form", "<none>"]
    assert "<none>" not in (folder / "reader" / "index.html").read_text("utf-8")
