"""JSON files of others: content of another type, size or depth is one line."""

import os

import msgspec
import pytest

from sr_tf.disk.json_files import read_json
from sr_tf.errors import UserError


class Named(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    value: float


def test_content_of_the_type_is_returned(tmp_path):
    (tmp_path / "a.json").write_text('{"name": "é", "value": 2}', "utf-8")
    assert read_json(tmp_path / "a.json", Named, "expected a name") == Named("é", 2.0)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"[]", b'{"name": 1, "value": 2}', b'{"name": "a"}', b'{"name": "a", "value": 1, "b": 2}',
        b'{"name": "a", "value": NaN}', b'{"name": "a", "value": 1e999}', b'{"name": "\xff", "value": 1}',
        b'{"name": "a", "value": ' + b"1" * 5000 + b"}", b'{"name": "a", "value": ' + b"[" * 100_000, b"\xef\xbb\xbf{}",
    ],
)  # fmt: skip
def test_other_content_is_one_line(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_json(path, Named, "expected a name")
    message = str(error.value)
    assert message.startswith(f"{path}: ") and "expected a name" in message and "\n" not in message


def test_deep_nesting_is_one_line(tmp_path):
    (tmp_path / "a.json").write_bytes(b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(UserError, match=r"a\.json: expected a list"):
        read_json(tmp_path / "a.json", list, "expected a list")


def test_what_is_no_regular_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match=r"pipe: is a device, pipe or socket, expected a name"):
        read_json(tmp_path / "pipe", Named, "expected a name")
    with pytest.raises(UserError, match=r": is a folder, expected a name"):
        read_json(tmp_path, Named, "expected a name")
    with pytest.raises(UserError, match=r"none: no such file, expected a name"):
        read_json(tmp_path / "none", Named, "expected a name")
    with pytest.raises(UserError, match=r"is no name of a file, expected a name"):
        read_json(tmp_path / "a\0b", Named, "expected a name")


def test_a_large_file_is_not_read_whole(tmp_path):
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UserError, match=r"a\.json: has more than 33,554,432 bytes, expected a name"):
        read_json(tmp_path / "a.json", Named, "expected a name")
