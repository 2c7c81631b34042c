"""Keeps freed memory for the next image, instead of giving it back to the system and asking for it again."""

import ctypes
import platform

_TRIM, _TOP_PAD, _MMAP = -1, -2, -3
"""The numbers of `M_TRIM_THRESHOLD`, `M_TOP_PAD` and `M_MMAP_THRESHOLD` in glibc's `mallopt(3)`."""
_LARGEST = 32 << 20
"""The largest `M_MMAP_THRESHOLD` that glibc takes, in bytes; smaller arrays come from the heap and are kept."""
_KEPT = 256 << 20
"""Freed bytes that are kept at the end of the heap."""
_AT_ONCE = 16 << 20
"""Bytes that are asked of the system at a time."""


def keep_freed_memory() -> bool:
    """Sets glibc's allocator up for a program that makes and frees arrays of some megabytes all the time.

    By default each such array is new memory, which the system fills with zeros page by page: a tenth of the time of
    archiving a slide. For programs of their own; a library does not change the allocator of its user's process.

    Returns:
        Whether it was done; False with another C library.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(_MMAP, _LARGEST), mallopt(_TRIM, _KEPT), mallopt(_TOP_PAD, _AT_ONCE)])
