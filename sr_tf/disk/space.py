"""Whether a disk has room for what is to be written."""

import shutil
from pathlib import Path

from sr_tf.errors import UserError


def free_bytes(path: Path) -> int:
    """The bytes that are free where a file is to be written; its folder need not exist yet."""
    folder = Path(path).absolute().parent
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require_space(path: Path, needed: int) -> None:
    """Checks that there is room for a file.

    Args:
        path: the file that is to be written.
        needed: bytes that writing takes.

    Raises:
        UserError: there is less.
    """
    free = free_bytes(path)
    if free < needed:
        raise UserError(
            f"{path}: writing it takes about {in_words(needed)} (estimated), found {in_words(free)} free "
            "there; make room, or choose another disk or a smaller form"
        )


def in_words(count: int) -> str:
    """A number of bytes for people."""
    if count < 1e6:
        return f"{count / 1e3:,.0f} kB"
    return f"{count / 1e6:,.1f} MB" if count < 1e10 else f"{count / 1e9:,.1f} GB"
