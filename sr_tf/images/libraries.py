"""Libraries that are imported when something of them is first used: large ones, which reading archives does not need.

    from sr_tf.images.libraries import cv2

Where one is missing, that use is an error which names the extra. A small installation reads archives without them.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from sr_tf.errors import missing_extra

EXTRA = "archive"
"""The extra of setup.cfg that has them."""


def is_installed(name: str) -> bool:
    """Whether a module can be imported, without importing it."""
    try:
        return find_spec(name) is not None
    except ImportError:  # where a program has forbidden it
        return False


HAS_OPENCV, HAS_IMAGECODECS = is_installed("cv2"), is_installed("imagecodecs")
"""Whether they are installed: code for both cases gives the same pixels, and is faster or smaller."""


class _Library:
    """Stands for a module until something of it is used."""

    def __init__(self, name: str):
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        try:
            module = import_module(self.__name__)
        except ImportError as error:
            raise missing_extra(EXTRA, error) from error
        value = getattr(module, name)
        setattr(self, name, value)
        return value


cv2: Any = _Library("cv2")
imagecodecs: Any = _Library("imagecodecs")
pydicom: Any = _Library("pydicom")
pylibjxl: Any = _Library("pylibjxl")


def require_all() -> None:
    """Raises a `UserError` unless all libraries of the extra are installed."""
    require("imagecodecs", "cv2", "pydicom")


def require(*names: str) -> None:
    """Raises a `UserError` unless some libraries of the extra are installed, given by their modules' names."""
    for name in names:
        if not is_installed(name):
            raise missing_extra(EXTRA, ModuleNotFoundError(f"No module named {name!r}"))
