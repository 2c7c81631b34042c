"""The cache folder: where assets lie, and whether they are what they should be."""

import hashlib
import os
from pathlib import Path

from sr_tf.assets.registry import Asset, find_asset
from sr_tf.errors import UserError


def cache_folder() -> Path:
    """`$SR_TF_CACHE`, else `sr_tf` in `$XDG_CACHE_HOME`, else `~/.cache/sr_tf`."""
    if named := os.environ.get("SR_TF_CACHE"):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sr_tf"


def place(asset: Asset) -> Path:
    """Where the asset lies in the cache once it is there."""
    return cache_folder() / asset.file_name


def is_cached(name: str) -> bool:
    """Whether an asset's file is in the cache, whatever its bytes.

    Raises:
        UserError: no asset has this name.
    """
    return place(find_asset(name)).is_file()


def locate(name: str) -> Path:
    """An asset's file, every byte of it hashed.

    Args:
        name: of an entry of the registry.

    Returns:
        Its path in the cache.

    Raises:
        UserError: no asset has this name, or its file is absent, cannot be read or is another one. The message says how
            to get it, with and without a network.
    """
    asset = find_asset(name)
    path = place(asset)
    if not path.is_file():
        raise UserError(f"{path}: not there; `sr-tf assets fetch {name}` gets it; {by_hand(asset)}")
    if difference := mismatch(path, asset):
        raise UserError(f"{path}: {difference}; refused; `sr-tf assets fetch {name}` gets it anew")
    return path


def by_hand(asset: Asset) -> str:
    """What to place where, for a machine without a network."""
    return (
        f"without a network, place {asset.file_name} ({asset.size:,} bytes, {asset.digest}; from {asset.origin}) "
        f"in {cache_folder()}"
    )


def mismatch(path: Path, asset: Asset) -> str:
    """Hashes a file that should be the asset.

    Returns:
        Empty if it is; else what was found and what was expected.

    Raises:
        UserError: the file cannot be read.
    """
    algorithm, _, expected = asset.digest.partition(":")
    try:
        with path.open("rb") as file:
            # "Not for security" lets MD5 pass where a system forbids it; see the registry.
            found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
            size = file.tell()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}), expected {asset.name}") from error
    if found == expected:
        return ""
    return f"{size:,} bytes with {algorithm}:{found}, expected {asset.size:,} bytes with {asset.digest} ({asset.name})"
