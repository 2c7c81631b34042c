"""Crafted archives, with every hash right, are refused in one line before they take memory."""

import copy
import functools
import json
import tracemalloc
import zipfile
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from archived_slides import archived
from forger import Bomb, Forgery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.map_picture import draw_map
from sr_tf.archive.reader import ArchiveFile
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError

MOST_MEMORY = 100 << 20
BOMB = 64 << 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("border")


@pytest.fixture(scope="module")
def tiny(folder):
    """An archive of AVIF blocks."""
    pixels = cv2.GaussianBlur(render_smear(7, 300, 620), (0, 0), 2)
    Image.fromarray(pixels).save(folder / "field.png", icc_profile=bytes(range(200)))
    return archived(folder / "field.png", folder, "visual", models=()).archive


@pytest.fixture(scope="module")
def native(folder):
    """An archive of the original's JPEG segments."""
    tifffile.imwrite(
        folder / "tiles.tif", render_smear(7, 300, 620), tile=(256, 256), compression="jpeg", photometric="rgb",
        compressionargs={"level": 92}, metadata=None,
    )  # fmt: skip
    return archived(folder / "tiles.tif", folder, "lossless").archive


def read_all(path: Path) -> None:
    """Reads everything that commands and the viewer read of an archive; raises the first error."""
    problems = check_integrity(path)
    with ArchivedSlide(path) as archive:
        archive.read(0, 0, archive.header.slide.width, archive.header.slide.height)
        draw_map(archive)
        archive.scores()
    if problems:
        raise UserError(problems[0])


def refused(path: Path) -> str:
    """The one line with which an archive is refused; it takes little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as error:
            read_all(path)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    line = str(error.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    assert len(line) < 600
    return line


def test_a_forgery_that_changes_nothing_is_read(tiny, native, tmp_path):
    for path in (tiny, native):
        read_all(Forgery(path).save(tmp_path / "same.zip"))


def test_unknown_fields_are_skipped(tiny, tmp_path):
    forgery = Forgery(tiny)
    for place in (forgery.header, forgery.header["slide"], forgery.header["source"], forgery.header["gate"]):
        place["later"] = [1, {"more": "of it"}]
    read_all(forgery.save(tmp_path / "later.zip"))


def set_at(header: dict, path: str, value: object) -> dict:
    changed = copy.deepcopy(header)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place = functools.reduce(lambda found, part: found[part], parents, changed)
    place[last] = value
    return changed


GENERATOR = {
    "name": "archive4",
    "architecture": {"blocks": 16, "filters": 32, "scale": 4, "residual_scaling": 1.0, "one_step": True},
    "weights_sha256": "0" * 64,
    "engine": "tensorflow 2.21.0",
}


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("version", 2, "version 2, expected 1"),
        ("format", "other", "format is 'other'"),
        ("block", 256, "a newer sr_tf"),
        ("slide/width", 0, "`slide.width` is 0, expected `int` >= 1"),
        ("slide/width", 2**31, "`slide.width` is 2147483648"),
        ("slide/width", "620", "`slide.width` is '620', expected `int`, got `str`"),
        ("slide/height", 2**31 - 1, "blocks, expected at most 1,048,576"),
        ("slide/mpp", [0.0, 0.5], "`slide.mpp[0]` is 0.0"),
        ("slide/mpp", [0.5], "`slide.mpp`"),
        ("slide/objective_power", -1, "`slide.objective_power` is -1"),
        ("slide/properties", {"a": 1}, "slide.properties"),
        ("source/bytes", -1, "`source.bytes` is -1"),
        ("source/sha256", "0" * 63, "`source.sha256`"),
        ("gate/min_ssim", "high", "`gate.min_ssim` is 'high'"),
        ("gate/max_shift", 1e9, "`gate.max_shift`"),
        ("generators", [{**GENERATOR, "name": ""}], "`generators[0].name`"),
        ("generators", [set_at(GENERATOR, "architecture/blocks", 10**7)], "`generators[0].architecture.blocks`"),
        ("generators", [set_at(GENERATOR, "architecture/scale", 3)], "`generators[0].architecture.scale`"),
        ("generators", [GENERATOR] * 17, "`generators`"),
        ("codecs", {"libavif": "1" * 300}, "codecs"),
        ("heads", ["%%%"], "`heads[0]` is '%%%', expected Base64"),
        ("heads", ["AAAA"] * 256, "`heads`"),
        ("removed", "all", "`removed` is 'all'"),
        ("native", {"width": 620}, "`native`: object missing required field"),
        ("associated", {"label": {"stored": "png", "width": 1, "height": 1}}, "associated"),
        ("associated", {"label": {"stored": "avif", "width": 30000, "height": 30000}}, "associated.label` has 30000×"),
        ("associated", {"label": {"stored": "segments", "width": 3, "height": 3}}, "expected `segments`"),
        ("associated", {"label": {"stored": "avif", "width": 3, "height": 3}}, "'associated/label' is missing"),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_named_with_its_field(tiny, tmp_path, path, value, found):
    forgery = Forgery(tiny)
    forgery.header = set_at(forgery.header, path, value)
    assert found in refused(forgery.save(tmp_path / "bad.zip"))


def leaves(value: object, path: str = "") -> list[str]:
    """The paths of all values in a JSON document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path.strip("/"), *(leaf for key, item in items for leaf in leaves(item, f"{path}/{key}"))]


JSON_VALUES = st.one_of(
    st.none(), st.booleans(), st.text(max_size=20), st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True), st.just([]), st.just({}), st.just("x" * 100_000), st.just([0] * 100_000),
    st.sampled_from([0, -1, 1, 2**31 - 1, 2**31, 2**63, 10**400, "../../etc/passwd", "\x00", "0" * 64]),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_value_in_any_field_is_read_or_refused_in_one_line(tiny, native, tmp_path, data):
    forgery = Forgery(data.draw(st.sampled_from([tiny, native])))
    paths = [path for path in leaves(forgery.header) if path and not path.startswith("members")]
    text = json.dumps(set_at(forgery.header, data.draw(st.sampled_from(paths)), data.draw(JSON_VALUES)))
    forgery.header = json.loads(text)
    path = forgery.save(tmp_path / "any.zip")
    try:
        read_all(path)
    except UserError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, "null", '{"format": NaN}', '"\\ud800"', '{"format": 1e999}'])
def test_text_that_is_no_header_is_refused(tiny, tmp_path, text):
    assert "is not an archive of this version" in refused(Forgery(tiny).save(tmp_path / "text.zip", text=text))


@pytest.mark.parametrize(
    "name", ["README.txt", "preview.jpg", "profile.icc", "blocks.npy", "scores.npy"]
)  # fmt: skip
@pytest.mark.parametrize("stated", [None, "as before"])
def test_a_member_that_is_a_bomb_is_not_inflated(tiny, tmp_path, name, stated):
    forgery = Forgery(tiny)
    before = forgery.members[name]
    forgery.members[name] = Bomb(BOMB, before, stated and len(before))
    line = refused(forgery.save(tmp_path / "bomb.zip"))
    assert "67,108,864 bytes, expected at most" in line if stated is None else "damaged" in line


def test_a_header_that_is_a_bomb_is_not_inflated(tiny, tmp_path):
    forgery = Forgery(tiny)
    path = forgery.save(tmp_path / "large.zip", text=" " * (17 << 20))
    assert "archive.json has 17,825,792 bytes, expected at most 16,777,216" in refused(path)


def test_the_directory_is_checked(tiny, tmp_path):
    path = tmp_path / "directory.zip"
    assert "two members are named scores.npy" in refused(Forgery(tiny).save(path, twice="scores.npy"))
    assert "is encrypted" in refused(Forgery(tiny).save(path, flags=1))
    forgery = Forgery(tiny)
    forgery.members.update({f"associated/{number}": b"" for number in range(200)})
    assert "expected at most 128" in refused(forgery.save(path))
    forgery = Forgery(tiny)
    forgery.members["more"] = b"text"
    assert "the member 'more'" in refused(forgery.save(path))
    content = Forgery(tiny).save(path).read_bytes()
    path.write_bytes(content[:4] + b"gap" + content[4:])
    refused(path)


def test_an_npy_file_that_states_another_shape_is_refused(tiny, tmp_path):
    for name in ("blocks.npy", "scores.npy"):
        forgery = Forgery(tiny)
        content = forgery.members[name]
        stated = content.replace(b"'shape': (", b"'shape': (65536, ")
        length = int.from_bytes(stated[8:10], "little") + len(stated) - len(content)
        forgery.members[name] = stated[:8] + length.to_bytes(2, "little") + stated[10:]
        assert f"{name} states the shape (65536" in refused(forgery.save(tmp_path / "shape.zip"))
        forgery.members[name] = content[:-1]
        assert "bytes of values" in refused(forgery.save(tmp_path / "short.zip"))
        forgery.members[name] = content[:10] + b"(" * (len(content) - 10)
        assert "unreadable NPY header" in refused(forgery.save(tmp_path / "deep.zip"))


def avif(side: int) -> bytes:
    return imagecodecs.avif_encode(np.zeros((side, side, 3), np.uint8), level=0, speed=10, numthreads=1)


def jpegxl(side: int) -> bytes:
    return imagecodecs.jpegxl_encode(np.zeros((side, side, 3), np.uint8), lossless=True, effort=1, numthreads=1)


def test_an_image_that_states_another_size_is_not_decoded(tiny, tmp_path):
    large = avif(4096)
    lying = large.replace(b"ispe\0\0\0\0" + (4096).to_bytes(4, "big") * 2, b"ispe\0\0\0\0\0\0\2\0\0\0\1\x2c")
    alpha = imagecodecs.avif_encode(np.zeros((300, 512, 4), np.uint8), level=50, numthreads=1)
    for kind, file, found in (
        (5, large, "claims 4096×4096 pixels, expected 512×300"),
        (5, lying, "claims 4096×4096 pixels, expected 512×300"),
        (1, large, "expected 128×75"),
        (5, alpha, "that no encoder here writes"),
        (5, large[: len(large) // 2], "AVIF file"),
        (5, b"", "AVIF file"),
        (7, jpegxl(4096), "claims 4096×4096 pixels, expected 512×300"),
        (7, b"\xff\x0a", "truncated"),
        (7, avif(16), "expected ff0a"),
    ):
        forgery = Forgery(tiny)
        forgery.set_block(kind, file)
        assert found in refused(forgery.save(tmp_path / "block.zip"))


def test_other_kinds_of_jpegxl_files_than_the_encoder_writes_are_not_decoded(tiny, tmp_path):
    pixels = np.zeros((300, 512, 4), np.uint8)
    for file, found in (
        (imagecodecs.jpegxl_encode(pixels, lossless=True, numthreads=1), "extra channels"),
        (
            imagecodecs.jpegxl_encode(pixels[..., :3].astype(np.uint16), lossless=True, numthreads=1),
            "expected ff0a",
        ),
        (imagecodecs.jpegxl_encode(np.stack([pixels[..., :3]] * 3), lossless=True, numthreads=1), "animation"),
    ):
        forgery = Forgery(tiny)
        forgery.set_block(7, file)
        assert found in refused(forgery.save(tmp_path / "block.zip"))


def test_a_segment_is_not_unpacked_or_decoded_before_its_size_is_known(native, tmp_path):
    small = imagecodecs.jpeg8_encode(np.zeros((256, 256, 3), np.uint8), subsampling="420")
    large = imagecodecs.jpeg8_encode(np.zeros((4096, 4096, 3), np.uint8), subsampling="420")
    comments = small[:2] + (b"\xff\xfe\xff\xff" + bytes(65533)) * 100 + small[2:]
    scan = small.index(b"\xff\xda")
    scans = small[:scan] + b"\xff\xda\x00\x02" * 101 + small[scan:]
    for kind, packed, standalone, found in (
        (1, imagecodecs.jpegxl_encode_jpeg(comments, numthreads=1), comments, "6,553,617 bytes beside its image"),
        (1, imagecodecs.jpegxl_encode_jpeg(large, numthreads=1), large, "claims 4096×4096 pixels, expected 256×256"),
        (2, large, large, "claims 4096×4096 pixels, expected 256×256"),
        (2, scans, scans, "102 scans"),
        (1, jpegxl(256), b"", "expected a container"),
        (1, b"", b"", "expected a container"),
        (0, small, small, "stored in the way 0"),
        (7, small, small, "stored in the way 7"),
    ):
        forgery = Forgery(native)
        forgery.set_segment(kind, packed, standalone)
        assert found in refused(forgery.save(tmp_path / "segment.zip"))


def test_metadata_of_a_segment_that_inflates_is_not_inflated(native, tmp_path):
    small = imagecodecs.jpeg8_encode(np.zeros((256, 256, 3), np.uint8), subsampling="420")
    bomb = b"brobExif" + imagecodecs.brotli_encode(bytes(64 << 20))
    packed = imagecodecs.jpegxl_encode_jpeg(small, numthreads=1) + (len(bomb) + 4).to_bytes(4, "big") + bomb
    forgery = Forgery(native)
    forgery.set_segment(1, packed, small)
    assert "too long metadata" in refused(forgery.save(tmp_path / "brotli.zip"))


def test_a_large_label_is_not_decoded(tiny, tmp_path):
    for stored, content in (("avif", avif(4096)), ("jpegxl", jpegxl(4096))):
        forgery = Forgery(tiny)
        forgery.header["associated"] = {"label": {"stored": stored, "width": 30, "height": 40}}
        forgery.members["associated/label"] = content
        assert "claims 4096×4096 pixels, expected 30×40" in refused(forgery.save(tmp_path / "label.zip"))


def test_a_preview_of_another_format_or_size_is_not_decoded(tiny, tmp_path):
    png = imagecodecs.png_encode(np.zeros((20, 20, 3), np.uint8))
    for content in (png, imagecodecs.jpeg8_encode(np.zeros((4096, 4096, 3), np.uint8)), b""):
        forgery = Forgery(tiny)
        forgery.members["preview.jpg"] = content
        assert "preview.jpg is damaged" in refused(forgery.save(tmp_path / "preview.zip"))


@pytest.mark.parametrize("name", ["../run/best/g.keras", "/etc/passwd", "archive4/../x", "best", "mixed+", "m3@nan"])
def test_a_generator_that_an_archive_names_is_never_a_path(tiny, tmp_path, monkeypatch, name):
    """Whatever the name, no file is opened, also if it exists."""
    forgery = Forgery(tiny)
    forgery.header["generators"] = [{**GENERATOR, "name": name}]
    index = forgery.array("blocks.npy")
    index["kind"] = 2
    forgery.set_array("blocks.npy", index)
    monkeypatch.setattr("sr_tf.archive.enlarge.load_generator", lambda *_: pytest.fail("a generator was loaded"))
    path = forgery.save(tmp_path / "named.zip")
    with pytest.raises(UserError, match=r"is none of those that ship .* with --models"):
        ArchivedSlide(path)


def test_a_generator_of_another_architecture_is_not_built(tiny, tmp_path, monkeypatch):
    forgery = Forgery(tiny)
    forgery.header["generators"] = [set_at(GENERATOR, "architecture/filters", 1024)]
    index = forgery.array("blocks.npy")
    index["kind"] = 2
    forgery.set_array("blocks.npy", index)
    monkeypatch.setattr("sr_tf.archive.enlarge.load_generator", lambda *_: pytest.fail("a generator was loaded"))
    with pytest.raises(UserError, match=r"archive4 is stated with .*filters 1024.*expected .*filters 32"):
        ArchivedSlide(forgery.save(tmp_path / "shape.zip"))


def test_a_block_of_segments_without_segments_is_refused(tiny, tmp_path):
    forgery = Forgery(tiny)
    index = forgery.array("blocks.npy")
    index["kind"][0, 0] = 8
    forgery.set_array("blocks.npy", index)
    assert "which the archive does not contain" in refused(forgery.save(tmp_path / "native.zip"))


def zipped(path: Path) -> str:
    with zipfile.ZipFile(path) as file:
        return file.read("archive.json").decode()


def test_what_is_read_gives_the_same_header_again(tiny, native):
    for path in (tiny, native):
        with ArchiveFile(path) as archive:
            assert archive.header.to_json() == zipped(path)
