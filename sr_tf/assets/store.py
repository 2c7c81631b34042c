"""The cache folder: where assets are stored, and whether their bytes are the published ones."""

import os
from pathlib import Path

from sr_tf.assets.registry import Asset, find_asset
from sr_tf.disk.hashing import hash_of_file
from sr_tf.errors import UserError


def cache_folder() -> Path:
    """`$SR_TF_CACHE` if set, else `$XDG_CACHE_HOME/sr_tf`, else `~/.cache/sr_tf`."""
    if named := os.environ.get("SR_TF_CACHE"):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sr_tf"


def place(asset: Asset) -> Path:
    """The path of an asset in the cache, whether or not it exists."""
    return cache_folder() / asset.file_name


def is_cached(name: str) -> bool:
    """Whether the cache holds an asset's file. Its bytes are not checked.

    Raises:
        UserError: no asset has this name.
    """
    return place(find_asset(name)).is_file()


def locate(name: str) -> Path:
    """Finds an asset in the cache and checks its hash.

    Args:
        name: an asset's name in the registry.

    Returns:
        Its path.

    Raises:
        UserError: no asset has this name, or its file is missing, cannot be read or has another hash. The message says
            how to get it, with and without a network.
    """
    asset = find_asset(name)
    path = place(asset)
    if not path.is_file():
        raise UserError(f"{path}: is missing; `sr-tf assets fetch {name}` gets it; {by_hand(asset)}")
    if difference := mismatch(path, asset):
        raise UserError(f"{path}: {difference}; refused; `sr-tf assets fetch {name}` replaces it")
    return path


def by_hand(asset: Asset) -> str:
    """Says how to install an asset on a machine without a network."""
    return (
        f"without a network, place {asset.file_name} ({asset.size:,} bytes, {asset.digest}; from {asset.origin}) "
        f"in {cache_folder()}"
    )


def mismatch(path: Path, asset: Asset) -> str:
    """Compares a file's hash with an asset's.

    Returns:
        An empty string if they are equal; otherwise what was found and what was expected.

    Raises:
        UserError: the file cannot be read.
    """
    algorithm, _, expected = asset.digest.partition(":")
    found = hash_of_file(path, algorithm)
    if found == expected:
        return ""
    size = path.stat().st_size
    return f"{size:,} bytes with {algorithm}:{found}, expected {asset.size:,} bytes with {asset.digest} ({asset.name})"
