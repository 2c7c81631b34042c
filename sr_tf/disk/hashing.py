"""Hashes of whole files."""

import hashlib
from pathlib import Path

from sr_tf.errors import unreadable


def sha256_of_file(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        UserError: the file cannot be read.
    """
    return hash_of_file(path, "sha256")


def hash_of_file(path: str | Path, algorithm: str) -> str:
    """The hash of a file's bytes, in hexadecimal.

    Args:
        path: the file.
        algorithm: a name that `hashlib.new` knows, for instance "sha256" or "md5".

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            # With `usedforsecurity=False`, MD5 works on systems that forbid it for security.
            return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error
