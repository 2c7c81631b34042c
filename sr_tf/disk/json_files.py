"""Reading JSON files of others: the content must be of a given type, and nothing larger or deeper is read."""

from pathlib import Path
from typing import TypeVar

import msgspec

from sr_tf.disk.files import read_at_most
from sr_tf.errors import UserError, reason

_MOST_BYTES = 1 << 25
"""The largest JSON file that is read; a run's and an image's results have some hundred kilobytes."""

Content = TypeVar("Content")


def read_json(path: Path, kind: type[Content], expected: str) -> Content:
    """Reads a JSON file.

    Numbers are finite, whole numbers have at most 64 bits, and text is UTF-8; anything else is an error.

    Args:
        path: the file.
        kind: the type of its content, as msgspec takes it.
        expected: the end of the message: "expected the scores of a run".

    Raises:
        UserError: the file is missing, is no regular file, cannot be read, is too large, or has other content.
    """
    return decode_json(read_at_most(path, _MOST_BYTES, expected), kind, path, expected)


def decode_json(content: bytes, kind: type[Content], name: str | Path, expected: str) -> Content:
    """Decodes JSON that was read already; see `read_json`.

    Args:
        content: the bytes.
        kind: the type of the content.
        name: the file's name in the error.
        expected: the end of the message.
    """
    if not content:
        raise UserError(f"{name}: is empty, {expected}")
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise UserError(f"{name}: {expected} ({reason(error)})") from error
