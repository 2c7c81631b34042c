"""Files by HTTP, taken up again where they broke off."""

import http
import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from sr_tf.errors import UserError

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 60


def download(url: str, path: Path) -> None:
    """Downloads a file, or the rest of one.

    What `path` already holds is kept, and only the rest is asked for (HTTP Range); a server that knows no ranges sends
    all of it again. Whether the whole is the right file is for its hash to say.

    Args:
        url: of the file.
        path: file that grows while it arrives, and stays as it is when the connection breaks.

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
            return  # Nothing was left to send.
        raise UserError(f"{url}: the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise UserError(f"{url}: {reason}{_kept(path)}") from error
    if total is not None and path.stat().st_size < total:
        raise UserError(f"{url}: the connection broke before {total:,} bytes had come{_kept(path)}")


def _receive(response: http.client.HTTPResponse, path: Path) -> int | None:
    """Writes what the server sends to where it belongs; returns the size of the whole file if the server tells."""
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
    """Where in the file the answer begins; 0 where the server sends all of it."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    described = response.headers.get("Content-Range", "none")
    match = re.match(r"bytes (\d+)-", described)
    if match is None:
        raise UserError(f"{response.url}: answers with Content-Range {described!r}, expected a range of bytes")
    return int(match[1])


def _kept(path: Path) -> str:
    size = path.stat().st_size if path.is_file() else 0
    return f"; {size:,} bytes are kept in {path}, and the same command goes on from there" if size else ""
