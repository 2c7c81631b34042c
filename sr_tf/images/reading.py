"""Reading images as 8-bit RGB, and refusing what cannot be converted exactly.

Every image in this project is uint8 RGB. Images with 16 bits, CMYK, transparency or several pages are refused with a
message that says what was found.
"""

import io
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from absl import logging
from PIL import ExifTags, Image, UnidentifiedImageError

from sr_tf.disk.files import input_file, write_atomically
from sr_tf.errors import UserError, reason
from sr_tf.images.tiff_samples import UNSIGNED, describe_samples, fit_in_8_bits, is_jfif

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")

_FORMATS = ("JPEG", "PNG", "TIFF", "BMP")
# TIFF tags, and values of two of them.
_BITS_PER_SAMPLE, _COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS, _TILE_OFFSETS, _SAMPLE_FORMAT = (
    258,
    259,
    262,
    273,
    324,
    339,
)
_JPEG, _RGB = 7, 2
_EXPECTED = "expected an 8-bit RGB or grey JPEG, PNG, TIFF or BMP"


def read_rgb(path: str | Path) -> np.ndarray:
    """Reads one image.

    A grey image gets three equal channels, a palette is replaced by its colours, and an alpha channel is dropped if all
    pixels are opaque. The orientation in TIFF and EXIF is applied, so that the first row is the upper edge; the colour
    profile is not. A truncated file is an error. Changed bytes in the compressed data of a JPEG are not detected,
    because JPEG has no checksum.

    Args:
        path: a JPEG, PNG, TIFF or BMP file. The format is detected from the content, not from the name.

    Returns:
        uint8 [H, W, 3], RGB, values 0–255.

    Raises:
        UserError: the file is missing, empty, damaged or not an image; it is larger than Pillow's limit against
            decompression bombs (`PIL.Image.MAX_IMAGE_PIXELS`); or its pixels are not 8-bit RGB or grey.
    """
    path = Path(path)
    with input_file(path, _EXPECTED):
        try:
            with warnings.catch_warnings():
                # Warnings about damaged metadata do not name the file.
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(path, formats=_FORMATS) as image:
                    return _as_rgb(path, image)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            limit = Image.MAX_IMAGE_PIXELS
            raise UserError(f"{path}: the image is too large, expected at most {limit:,} pixels") from error
        except UnidentifiedImageError as error:
            found = "is empty" if path.stat().st_size == 0 else "is not a readable image"
            raise UserError(f"{path}: {found}, {_EXPECTED}") from error
        except (UserError, OSError):
            raise
        except Exception as error:  # Pillow's decoders raise exceptions of many types on damaged files.
            raise UserError(f"{path}: the file is damaged ({reason(error)})") from error


def find_images(folder: str | Path) -> list[Path]:
    """Lists the images in a folder and its sub-folders.

    Args:
        folder: the folder to search. Hidden files and folders and links to folders are skipped.

    Returns:
        Paths in natural order: 2.jpg before 10.jpg.

    Raises:
        UserError: the folder does not exist, is a file or holds no images.
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
    """Whether a file name is that of an image and is not hidden."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def natural_order(path: Path) -> tuple:
    """A sorting key that compares the digits in each part of a path as numbers; equal paths are compared as text."""
    return [_split_numbers(part) for part in path.parts], str(path)


def read_folder(paths: Iterable[Path], strict: bool = False) -> Iterator[tuple[Path, np.ndarray]]:
    """Reads images one after another.

    Args:
        paths: image files.
        strict: stop at the first file that cannot be read. Otherwise such files are skipped with a warning each, and a
            last warning gives their number.

    Yields:
        (path, image), the image as `read_rgb` returns it.

    Raises:
        UserError: a file cannot be read and `strict` is set, or no file can be read.
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
    """Encodes an image, uint8 [H, W, 3], as PNG with zlib level 1.

    On Chula fields level 1 takes a quarter of the time of level 6 and 15 % more bytes.
    """
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def write_png(path: str | Path, image: np.ndarray) -> None:
    """Writes an image, uint8 [H, W, 3], as PNG; atomically, see `sr_tf.disk.files`.

    Raises:
        UserError: the folder cannot be created or the file cannot be written.
    """
    write_atomically(path, encode_png(image))


def _as_rgb(path: Path, image: Image.Image) -> np.ndarray:
    pages = getattr(image, "n_frames", 1)
    if pages > 1:
        raise UserError(f"{path}: holds {pages} pages, expected one image")
    # Pillow reduces 16-bit RGB to 8 bits without a warning. Only `image.tile`, the stored layout, shows the 16 bits.
    if image.mode not in ("RGB", "L", "P", "RGBA", "LA") or ";16" in str(image.tile):
        found = "16-bit" if "16" in image.mode or ";16" in str(image.tile) else image.mode
        raise UserError(f"{path}: found {_MODES.get(found, found)} pixels, {_EXPECTED}")
    if image.format == "TIFF":
        # Pillow reads samples in planes, and signed ones, as if they were unsigned 8-bit numbers.
        bits, formats = image.tag_v2.get(_BITS_PER_SAMPLE, (1,)), image.tag_v2.get(_SAMPLE_FORMAT, (UNSIGNED,))
        if not fit_in_8_bits(bits, formats):
            raise UserError(f"{path}: found {describe_samples(bits, formats)} samples, {_EXPECTED}")
        if _is_mislabelled(path, image):
            raise UserError(f"{path}: found JPEG data in YCbCr under a tag that says RGB, expected the same in both")
    else:
        image = _upright(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            raise UserError(f"{path}: has transparent pixels, {_EXPECTED} without transparency")
    return np.array(image.convert("RGB"))


def _is_mislabelled(path: Path, image: Image.Image) -> bool:
    """Whether a TIFF's tag says RGB and its JPEG segments are YCbCr. Pillow reads them as RGB."""
    tags = image.tag_v2
    if tags.get(_COMPRESSION) != _JPEG or tags.get(_PHOTOMETRIC) != _RGB:
        return False
    offsets = tags.get(_STRIP_OFFSETS) or tags.get(_TILE_OFFSETS) or (0,)
    with path.open("rb") as file:
        file.seek(offsets[0])
        return is_jfif(file.read(11))


def _upright(image: Image.Image) -> Image.Image:
    """Turns and mirrors an image as its EXIF orientation says. Pillow itself does this for TIFF only."""
    image.load()
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:
        # Damaged metadata state no orientation; the pixels are not affected. Pillow raises exceptions of many types.
        turn = None
    return image if turn is None else image.transpose(turn)


# By the value of the tag Orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MODES = {"1": "1-bit", "I": "32-bit integer", "F": "floating-point"}


def _split_numbers(text: str) -> list[str | int]:
    pieces = re.split(r"(\d+)", text.casefold())
    return [int(piece) if index % 2 else piece for index, piece in enumerate(pieces)]
