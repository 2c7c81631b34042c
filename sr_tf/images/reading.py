"""Reading images exactly, or not at all.

Every image of this project is uint8 RGB. What cannot become that without a guess (16 bits, CMYK, transparency, several
pages) is refused with a line that says what was found.
"""

import io
import os
import re
import struct
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from absl import logging
from PIL import Image, UnidentifiedImageError

from sr_tf.disk.files import write_atomically
from sr_tf.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")

_FORMATS = ("JPEG", "PNG", "TIFF", "BMP")
_EXPECTED = "expected an 8-bit RGB or grey JPEG, PNG, TIFF or BMP"
# What Pillow's decoders raise on damaged files, besides OSError.
_DECODER_ERRORS = (SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, struct.error)


def read_rgb(path: str | Path) -> np.ndarray:
    """Reads one image.

    Grey is repeated to three channels, a palette is looked up, an alpha channel that hides nothing is dropped. Pixels
    are returned as stored: neither the EXIF orientation nor a colour profile is applied. A truncated file is an error.
    Bytes changed within a JPEG's compressed data are not: JPEG has no checksum.

    Args:
        path: a JPEG, PNG, TIFF or BMP file; its content decides, not its name.

    Returns:
        uint8 [H, W, 3], RGB, values 0–255.

    Raises:
        UserError: the file is missing, empty, damaged, no image, larger than Pillow's limit against decompression
            bombs (`PIL.Image.MAX_IMAGE_PIXELS`), or its pixels are not 8-bit RGB or grey.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder, expected an image file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on damaged metadata, which name no file
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                return _as_rgb(path, image)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file, expected an image") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        limit = Image.MAX_IMAGE_PIXELS
        raise UserError(f"{path}: the image is too large, expected at most {limit:,} pixels") from error
    except UnidentifiedImageError as error:
        found = "is empty" if path.stat().st_size == 0 else "is not an image that can be read"
        raise UserError(f"{path}: {found}, {_EXPECTED}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except _DECODER_ERRORS as error:
        raise UserError(f"{path}: the file is damaged ({error})") from error


def find_images(folder: str | Path) -> list[Path]:
    """Lists the images under a folder, in its sub-folders too.

    Args:
        folder: where to look. Hidden files and folders are passed over, links to folders not followed.

    Returns:
        Paths in natural order: 2.jpg before 10.jpg.

    Raises:
        UserError: the folder is missing, is a file or holds no images.
    """
    folder = Path(folder)
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "no such folder"
        raise UserError(f"{folder}: {found}, expected a folder of images")
    paths = []
    for parent, children, files in os.walk(folder):
        children[:] = [child for child in children if not child.startswith(".")]
        paths += [Path(parent, name) for name in files if is_image_name(name)]
    if not paths:
        raise UserError(f"{folder}: no images found, expected {', '.join(SUFFIXES)}")
    return sorted(paths, key=natural_order)


def is_image_name(name: str) -> bool:
    """Tells by its name whether a file is a visible image."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def natural_order(path: Path) -> tuple:
    """Sorting key that compares digits as numbers, part by part; equal ones by their spelling."""
    return [_numbers_apart(part) for part in path.parts], str(path)


def read_folder(paths: Iterable[Path], strict: bool = False) -> Iterator[tuple[Path, np.ndarray]]:
    """Reads images one after another.

    Args:
        paths: image files.
        strict: stop at the first file that cannot be read. Otherwise it is skipped with a warning, and one line at
            the end counts the skipped ones.

    Yields:
        (path, image), image as from `read_rgb`.

    Raises:
        UserError: a file cannot be read (`strict`), or none can.
    """
    read = skipped = 0
    for path in paths:
        try:
            image = read_rgb(path)
        except UserError as error:
            if strict:
                raise
            logging.warning("skipped: %s", error)
            skipped += 1
        else:
            read += 1
            yield path, image
    if skipped and not read:
        raise UserError(f"none of {skipped} images can be read; the last: {path}")
    if skipped:
        logging.warning("skipped %d of %d images", skipped, skipped + read)


def encode_png(image: np.ndarray) -> bytes:
    """Encodes uint8 [H, W, 3] as PNG, for speed.

    On Chula fields zlib's level 1 takes a quarter of level 6's time for 15 % more bytes.
    """
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def write_png(path: str | Path, image: np.ndarray) -> None:
    """Writes uint8 [H, W, 3] as a PNG, whole or not at all.

    Raises:
        UserError: the folder cannot be written to.
    """
    write_atomically(path, encode_png(image))


def _as_rgb(path: Path, image: Image.Image) -> np.ndarray:
    pages = getattr(image, "n_frames", 1)
    if pages > 1:
        raise UserError(f"{path}: holds {pages} pages, expected one image")
    # Pillow cuts 16-bit RGB to 8 bits without a word; only the layout of the stored pixels tells.
    if image.mode not in ("RGB", "L", "P", "RGBA", "LA") or ";16" in str(image.tile):
        found = "16-bit" if "16" in image.mode or ";16" in str(image.tile) else image.mode
        raise UserError(f"{path}: found {_MODES.get(found, found)} pixels, {_EXPECTED}")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            raise UserError(f"{path}: has transparent pixels, {_EXPECTED} without transparency")
    return np.array(image.convert("RGB"))


_MODES = {"1": "1-bit", "I": "32-bit integer", "F": "floating-point"}


def _numbers_apart(text: str) -> list[str | int]:
    pieces = re.split(r"(\d+)", text.casefold())
    return [int(piece) if index % 2 else piece for index, piece in enumerate(pieces)]
