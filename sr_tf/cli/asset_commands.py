"""Runs the actions of `sr-tf assets`: weights that others trained, in the cache."""

from collections.abc import Callable, Sequence

from sr_tf.assets.fetch import fetch
from sr_tf.assets.registry import ASSETS, Asset, find_asset
from sr_tf.assets.store import cache_folder, is_cached, locate, place
from sr_tf.errors import UserError
from sr_tf.messages import tell


def list_assets() -> None:
    """Prints each asset's purpose, source and licence, and whether it is in the cache."""
    for name, asset in ASSETS.items():
        print(f"{name}: {asset.purpose}")
        print(f"    {asset.size / 1e6:,.1f} MB, version {asset.version}; licence: {asset.licence}")
        print(f"    from {asset.source}")
        print(f"    present: {place(asset)}" if is_cached(name) else "    absent")
    print(f"Cache folder: {cache_folder()} (SR_TF_CACHE names another)")


def fetch_assets(names: Sequence[str]) -> None:
    """Fetches assets and prints their paths.

    Args:
        names: the assets' names; empty for all. A failure does not stop the others.

    Raises:
        UserError: a name does not exist, or some assets could not be fetched.
    """
    _for_each(names or list(ASSETS), lambda asset: str(fetch(asset)), "could not be fetched")


def verify_assets(names: Sequence[str]) -> None:
    """Hashes assets and prints one line for each.

    Args:
        names: the assets' names; empty for all in the cache.

    Raises:
        UserError: a name does not exist, or some assets are absent or damaged.
    """
    chosen = names or list(filter(is_cached, ASSETS))
    if not chosen:
        print(f"{cache_folder()} holds no asset yet")
    _for_each(chosen, lambda asset: f"{asset.name}: ok, {asset.digest}, {locate(asset.name)}", "are not as published")


def _for_each(names: Sequence[str], action: Callable[[Asset], str], what_failed: str) -> None:
    """Prints the result of `action` for each asset; raises the errors after all assets have been tried."""
    failures = {}
    for asset in [find_asset(name) for name in names]:
        try:
            print(action(asset))
        except UserError as error:
            failures[asset.name] = error
    if len(failures) == 1:
        raise next(iter(failures.values()))
    for error in failures.values():
        tell(str(error))
    if failures:
        raise UserError(f"{len(failures)} of {len(names)} assets {what_failed}: {', '.join(failures)}")
