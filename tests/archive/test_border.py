"""Crafted archives, with every hash right, are refused in one line before they take memory."""

import copy
import functools
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from forger import Bomb, Forgery, read_all, refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.enlarge import BlockGenerator
from sr_tf.archive.reader import ArchiveFile
from sr_tf.errors import UserError

BOMB = 64 << 20


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
        ("version", 5, "version 5 with blocks of 512 and gate tiles of 256 pixels, expected version 4 with"),
        ("version", 3, "`native.codec`: expected it in version 3"),
        ("format", "other", "format is 'other'"),
        ("block", 256, "blocks of 256 and gate tiles of 256 pixels, expected version 4 with blocks of 512 and"),
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
    "name", ["README.txt", "overview.avif", "profile.icc", "blocks.npy", "pieces.npy", "scores.npy"]
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
    for name in ("blocks.npy", "pieces.npy", "scores.npy"):
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


@pytest.mark.parametrize("name", ["../run/best/g.keras", "/etc/passwd", "archive4/../x", "best", "mixed+", "m3@nan"])
def test_a_generator_that_an_archive_names_is_never_a_path(tiny, tmp_path, monkeypatch, name):
    """Whatever the name, no file is opened, also if it exists."""
    forgery = Forgery(tiny)
    forgery.header["generators"] = [{**GENERATOR, "name": name}]
    forgery.set_kinds(2, scale=4)
    monkeypatch.setattr("sr_tf.archive.enlarge.load_network", lambda *_: pytest.fail("a generator was loaded"))
    path = forgery.save(tmp_path / "named.zip")
    with pytest.raises(UserError, match=r"does not ship with sr_tf; name its file with --models"):
        ArchivedSlide(path)


def test_a_generator_that_is_stated_with_another_architecture_is_refused(tiny, tmp_path):
    forgery = Forgery(tiny)
    stated = {**GENERATOR, "weights_sha256": BlockGenerator("archive4").record["weights_sha256"]}
    forgery.header["generators"] = [set_at(stated, "architecture/filters", 1024)]
    forgery.set_kinds(2, scale=4)
    with pytest.raises(UserError, match=r"archive4 is stated with .*filters 1024.*expected .*filters 32"):
        ArchivedSlide(forgery.save(tmp_path / "shape.zip"))


def test_a_block_of_segments_without_segments_is_refused(tiny, tmp_path):
    forgery = Forgery(tiny)
    forgery.set_array("blocks.npy", np.full_like(forgery.array("blocks.npy"), 8))
    forgery.set_array("pieces.npy", forgery.array("pieces.npy")[:, :0])
    forgery.header["pieces"], forgery.members["blocks"] = 0, b""
    assert "which the archive does not contain" in refused(forgery.save(tmp_path / "native.zip"))


def zipped(path: Path) -> str:
    with zipfile.ZipFile(path) as file:
        return file.read("archive.json").decode()


def test_what_is_read_gives_the_same_header_again(tiny, native):
    for path in (tiny, native):
        with ArchiveFile(path) as archive:
            assert archive.header.to_json() == zipped(path)
