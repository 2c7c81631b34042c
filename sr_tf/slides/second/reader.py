"""Opens a slide with the second reader."""

import struct
import warnings
from pathlib import Path
from typing import Protocol

import numpy as np

from sr_tf.slides.info import SlideInfo
from sr_tf.slides.second.dicom import DicomSecond
from sr_tf.slides.second.errors import NoSecondReader
from sr_tf.slides.second.image import ImageSecond
from sr_tf.slides.second.ndpi import NdpiSecond
from sr_tf.slides.second.page import SecondPage
from sr_tf.slides.second.tiff import FAMILIES, TiffSecond

_BACKGROUND = "openslide.background-color"
# What the parsers and decoders raise on data that they do not understand.
UNREADABLE = (ValueError, OSError, KeyError, IndexError, TypeError, AttributeError, OverflowError, SyntaxError,
              EOFError, RuntimeError, struct.error)  # fmt: skip


class SecondReader(Protocol):
    """A slide as a second decoder sees it.

    Attributes:
        name: the libraries that read it, with their versions.
        levels: (width, height) of each level, the largest first.
        exact: every decoder must give the same pixels; otherwise the decoders of JPEG may round differently.
        page: the TIFF page that is level 0, or all that level 0 shows, if its segments can be compared; else None.
    """

    name: str
    levels: tuple[tuple[int, int], ...]
    exact: bool
    page: SecondPage | None

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of level 0: uint8 [height, width, 3], RGB."""

    def close(self) -> None:
        """Closes the file."""


def open_second(path: Path, info: SlideInfo) -> SecondReader:
    """Opens a slide with the second reader.

    Args:
        path: the slide's file.
        info: what the first reader found. Its format decides how the second reader finds level 0.

    Raises:
        NoSecondReader: there is none for this format, or for what this file holds.
    """
    try:
        with warnings.catch_warnings():
            # Warnings about damaged metadata do not name the file.
            warnings.simplefilter("ignore")
            reader = _open(path, info)
    except UNREADABLE as error:
        # Not the error's text: it may quote the file, and the archive's header keeps this sentence.
        raise NoSecondReader(f"the second reader cannot parse the file, {type(error).__name__}") from error
    if reader is None:
        raise NoSecondReader(f"format {info.format}")
    return reader


def _open(path: Path, info: SlideInfo) -> SecondReader | None:
    if info.format == "image":
        return ImageSecond(path)
    if info.format == "hamamatsu" and path.suffix.lower() not in (".vms", ".vmu"):
        return NdpiSecond(path)
    if info.format == "dicom":
        return DicomSecond(path, _background(info))
    return TiffSecond(path, info.format, _background(info)) if info.format in FAMILIES else None


def _background(info: SlideInfo) -> np.ndarray:
    text = info.properties.get(_BACKGROUND, "")
    try:
        return np.array([int(text[place : place + 2], 16) for place in (0, 2, 4)], np.uint8)
    except ValueError:
        return np.full(3, 255, np.uint8)
