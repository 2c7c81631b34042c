"""DICOMweb: objects, searches, frames and their pixels, and the preflight of browsers."""

import json
import shutil

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless
from vendor_slides import write_dicom
from viewed import running, running_app, whole_level

import sr_tf
from sr_tf.data.smear import render_smear
from sr_tf.viewer.dicomweb import _is_like
from sr_tf.viewer.folder import make_folder_app
from sr_tf.viewer.levels import TILE, Levels

WIDTH, HEIGHT = 1150, 740
SITE = "https://viewer.example"
JPEG2000 = f'multipart/related; type="image/jp2"; transfer-syntax={JPEG2000Lossless}'
RAW = f'multipart/related; type="application/octet-stream"; transfer-syntax={ExplicitVRLittleEndian}'


@pytest.fixture(params=["slide", "archive"])
def shown(request, slide_view, archive_view, viewed):
    """(server, layer, the file that it shows)."""
    if request.param == "slide":
        return slide_view, "original", viewed.slide
    return archive_view, "restored", viewed.archive


def objects(server, path="instances", prefix=""):
    answer = server.ask(f"{prefix}/dicomweb/{path}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/dicom+json")
    return [Dataset.from_json(one) for one in json.loads(answer.body)]


def address(one):
    return f"studies/{one.StudyInstanceUID}/series/{one.SeriesInstanceUID}/instances/{one.SOPInstanceUID}"


def frames(server, one, numbers, accept):
    """The frames of an answer, as images; its parts are taken apart by their headers."""
    numbers = list(numbers)
    answer = server.ask(f"/dicomweb/{address(one)}/frames/{','.join(map(str, numbers))}", Accept=accept)
    assert answer.status == 200
    boundary = answer.headers["content-type"].partition("boundary=")[2].encode()
    parts = answer.body.split(b"--" + boundary)
    assert parts[0] == b"" and parts[-1] == b"--\r\n" and len(parts) == len(numbers) + 2
    images = []
    for part in parts[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        syntax = head.decode().partition("transfer-syntax=")[2].split("\r\n")[0]
        data = data.removesuffix(b"\r\n")
        assert f"Content-Length: {len(data)}" in head.decode()
        if syntax == JPEG2000Lossless:
            images.append(imagecodecs.jpeg2k_decode(data))
        else:
            images.append(np.frombuffer(data, np.uint8).reshape(TILE, TILE, 3))
    return images


@pytest.mark.parametrize("accept", [JPEG2000, RAW, "*/*", ""])
def test_frames_are_the_viewers_tiles(shown, accept):
    server, layer, path = shown
    levels = Levels(WIDTH, HEIGHT)
    study = objects(server, "studies")[0].StudyInstanceUID
    for one in objects(server, f"studies/{study}/metadata"):
        level = one.InstanceNumber - 1
        width, height = one.TotalPixelMatrixColumns, one.TotalPixelMatrixRows
        assert (width, height) == levels.size(level)
        whole = np.full((*(-(-side // TILE) * TILE for side in (height, width)), 3), 255, np.uint8)
        columns = whole.shape[1] // TILE
        for index, image in enumerate(frames(server, one, range(1, one.NumberOfFrames + 1), accept)):
            y, x = index // columns * TILE, index % columns * TILE
            whole[y : y + TILE, x : x + TILE] = image
        np.testing.assert_array_equal(whole[:height, :width], whole_level(server, layer, levels, level))
        assert (whole[height:] == 255).all() and (whole[:, width:] == 255).all()
        if not level:
            with sr_tf.open(path) as slide:
                expected = slide.read_region((0, 0), 0, (WIDTH, HEIGHT), as_array=True)
            np.testing.assert_array_equal(whole[:height, :width], expected)


def test_objects_say_what_is_known_and_name_nobody(archive_view):
    found = [objects(archive_view, f"{address(one)}/metadata")[0] for one in objects(archive_view)]
    assert len(found) == 4 == len({one.SOPInstanceUID for one in found})
    assert len({(one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID) for one in found}) == 1
    for one in found:
        factor = 2 ** (one.InstanceNumber - 1)
        (measures,) = one.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
        assert measures.PixelSpacing == pytest.approx([0.00025 * factor] * 2, rel=0.01)
        assert (one.ImagedVolumeWidth, one.ImagedVolumeHeight) == pytest.approx((0.2875, 0.185))
        assert one.ImageType == ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED" if factor > 1 else "NONE"]
        assert not any((one.PatientName, one.PatientID, one.StudyDate))
        assert one.LossyImageCompression == "01"
        assert all(len(uid) <= 64 and uid.is_valid for uid in (one.SOPInstanceUID, one.PyramidUID))


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 4), ("Modality=SM", 4), ("00080060=SM", 4), ("Modality=CT", 0), ("PatientName=*", 4), ("PatientID=7", 0),
        ("InstanceNumber=2", 1), ("limit=3", 3), ("limit=3&offset=2", 2), ("offset=9", 0), ("includefield=Rows", 4),
        ("SOPClassUID=1.2.840.10008.5.1.4.1.1.77.1.6&Modality=S*", 4), ("Modality=CT,SM", 4), ("Modality=*M*", 4),
        ("ImageType=RESAMPLED", 3), ("limit=x", 4), ("Modality=S%5BM", 0), ("Modality=S*M*M", 0),
    ],
)  # fmt: skip
def test_searches(slide_view, query, count):
    answer = slide_view.ask(f"/dicomweb/instances?{query}")
    assert answer.status == (200 if count else 204)
    assert len(json.loads(answer.body or b"[]")) == count


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("ab", False), ("abc*", True), ("*c*a", True), ("abcabca", True), ("*bb*", False), ("*", True)],
)
def test_stars_stand_for_any_text(pattern, fits):
    assert _is_like("abcabca", pattern) == fits
    assert not _is_like("a" * 60, "*a" * 400 + "b")  # and at once


def test_studies_and_series_are_one_each(slide_view):
    (study,), (series,) = objects(slide_view, "studies"), objects(slide_view, "series")
    assert "Modality" not in study and series.Modality == "SM"
    base = f"studies/{study.StudyInstanceUID}"
    assert objects(slide_view, f"{base}/series")[0].SeriesInstanceUID == series.SeriesInstanceUID
    assert len(objects(slide_view, f"{base}/instances")) == 4
    assert len(objects(slide_view, f"{base}/series/{series.SeriesInstanceUID}/instances")) == 4
    assert len(objects(slide_view, f"{base}/series/{series.SeriesInstanceUID}/metadata")) == 4


def test_what_is_not_there_is_not_found(slide_view):
    one = objects(slide_view)[0]
    assert slide_view.ask("/dicomweb/studies/1.2/metadata").status == 404
    assert slide_view.ask("/dicomweb/studies/1.2/series").status == 204
    for numbers in ("0", "16", "1,16", "x", "-1", "1,,2"):
        assert slide_view.ask(f"/dicomweb/{address(one)}/frames/{numbers}").status == 404
    assert slide_view.ask(f"/dicomweb/{address(one)}/frames/{','.join('1' * 65)}").status == 400
    for accept in ("image/png", 'multipart/related; type="image/jpeg"', JPEG2000.replace("90", "91")):
        assert slide_view.ask(f"/dicomweb/{address(one)}/frames/1", Accept=accept).status == 406
    several = f'multipart/related; type="image/jpeg", {JPEG2000}'
    assert b"image/jp2" in slide_view.ask(f"/dicomweb/{address(one)}/frames/1", Accept=several).body
    assert slide_view.ask(f"/dicomweb/{'x' * 1100}").status == 414


def test_a_slide_without_a_scale_says_so(open_view, tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    with open_view(tmp_path / "a.png") as source, running(source) as server:
        for path in ("studies", "studies/1.2/metadata", "studies/1.2/series/1/instances/1/frames/1"):
            answer = server.ask(f"/dicomweb/{path}")
            assert (answer.status, str(tmp_path) in answer.body.decode()) == (404, False)
            assert b"states no \xc2\xb5m per pixel" in answer.body


def test_a_slide_that_is_dicom_is_offered_without_its_identifiers(open_view, tmp_path):
    path = write_dicom(tmp_path / "dicom" / "slide.dcm", render_smear(1, 300, 400))
    own = dcmread(path)
    measures, groups = Dataset(), Dataset()
    measures.PixelSpacing = [0.0005, 0.0005]
    groups.PixelMeasuresSequence = [measures]
    own.SharedFunctionalGroupsSequence = [groups]
    own.PatientName = "Doe^Jane"
    own.save_as(path)
    with open_view(path) as source, running(source) as server:
        text = server.ask("/dicomweb/instances").body
        (found, *_) = objects(server)
        (first, *_) = frames(server, found, [1], JPEG2000)
    assert b"Doe" not in text and own.SOPInstanceUID.encode() not in text
    with sr_tf.open(path) as slide:
        np.testing.assert_array_equal(first, slide.read_region((0, 0), 0, (256, 256), as_array=True))


def test_each_slide_of_a_folder_has_its_objects(viewed, open_view, tmp_path):
    shutil.copy(viewed.archive, tmp_path)
    with running_app(make_folder_app(tmp_path, 2, open_view)) as server:
        (entry,) = json.loads(server.ask("/folder.json").body)["slides"]
        assert len(objects(server, prefix=f"/slides/{entry['id']}")) == 4


def test_browsers_may_ask_first_for_pages_of_the_named_site(viewed, open_view):
    foreign = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"}
    with open_view(viewed.slide) as source, running(source, site=SITE) as server:
        answer = server.ask("/dicomweb/studies", "OPTIONS", Origin=SITE, **foreign)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, SITE)
        assert answer.headers["access-control-allow-headers"] == "accept"
        assert server.ask("/dicomweb/studies", "OPTIONS", Origin="https://evil.example", **foreign).status == 405
        assert server.ask("/slide.json", "OPTIONS", Origin=SITE, **foreign).status == 405
        assert server.ask("/dicomweb/studies", "POST", Origin=SITE, **foreign).status == 405
        assert server.ask("/dicomweb/studies", Origin=SITE, **foreign).status == 200
