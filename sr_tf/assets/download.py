"""Downloading a file by HTTP, and continuing a download that was interrupted."""

import http
import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from sr_tf.errors import UserError, reason

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 60


def download(url: str, path: Path) -> None:
    """Downloads a file, or the missing end of it.

    If `path` exists, only the bytes after its end are requested (HTTP Range). A server that does not support ranges
    sends the whole file, which then replaces it. The caller must check the hash of the result.

    Args:
        url: the file's address.
        path: the file to write. If the connection breaks, the bytes received so far stay in it.

    Raises:
        UserError: the server cannot be reached or refuses, the connection broke, or the disk is full.
    """
    held = path.stat().st_size if path.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={held}-"} if held else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            total = _receive(response, path)
    except urllib.error.HTTPError as error:
        if held and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # The file is complete.
        raise UserError(f"{url}: the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", None) or error
        raise UserError(f"{url}: {reason(cause)}{_kept(path)}") from error
    if total is not None and path.stat().st_size < total:
        raise UserError(f"{url}: the connection broke before all {total:,} bytes had arrived{_kept(path)}")


def _receive(response: http.client.HTTPResponse, path: Path) -> int | None:
    """Writes the response to the file; returns the size of the complete file if the server states it."""
    start = _first_byte(response)
    total = None if response.length is None else start + response.length
    with (
        path.open("r+b" if start else "wb") as file,
        tqdm(desc=path.stem, total=total, initial=start, unit="B", unit_scale=True, leave=False, disable=None) as bar,
    ):
        file.seek(start)
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            bar.update(len(chunk))
    return total


def _first_byte(response: http.client.HTTPResponse) -> int:
    """The position in the file of the response's first byte; 0 if the server sends the whole file."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    described = response.headers.get("Content-Range", "none")
    match = re.match(r"bytes (\d+)-", described)
    if match is None:
        raise UserError(f"{response.url}: answers with Content-Range {described!r}, expected a range of bytes")
    return int(match[1])


def _kept(path: Path) -> str:
    size = path.stat().st_size if path.is_file() else 0
    return f"; {size:,} bytes are kept in {path}, and the same command continues from there" if size else ""
