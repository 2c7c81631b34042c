"""Decodes AVIF with the libavif that Pillow's wheels bring, where imagecodecs is not installed.

Pillow itself gives 8 bits, and archives are measured with 10. So its library is called as imagecodecs calls it: the
colours converted to RGB in the file's own depth, with libavif's defaults. Tests hold both to the same pixels.
"""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from functools import cache
from importlib.metadata import PackageNotFoundError, files

import numpy as np

from sr_tf.errors import missing_extra
from sr_tf.images.libraries import EXTRA

_LIBRARY = "libavif-*.so.16.*"
"""Version 16 of the library's interface, libavif 1.x: the one that `_Rgb` and the calls below follow."""

_RGB, _MONOCHROME = 0, 4


class _Image(ctypes.Structure):
    """The beginning of avifImage."""

    _fields_ = (("width", c_uint32), ("height", c_uint32), ("depth", c_uint32), ("yuv_format", c_int))


class _Rgb(ctypes.Structure):
    """avifRGBImage, and room for fields that later versions may add."""

    _fields_ = (
        *((name, c_uint32) for name in ("width", "height", "depth")),
        *((name, c_int) for name in ("format", "upsampling", "downsampling", "avoid_libyuv", "ignore_alpha")),
        *((name, c_int) for name in ("alpha_premultiplied", "is_float", "most_threads")),
        ("pixels", c_void_p),
        ("row_bytes", c_uint32),
        ("room", c_uint8 * 256),
    )


def decode(file: bytes) -> np.ndarray:
    """Decodes an AVIF file to RGB.

    Returns:
        [h, w, 3]: uint8 if the file has 8 bits per channel, else uint16.

    Raises:
        RuntimeError: the file is damaged or is not AVIF.
        UserError: Pillow's library is not there.
    """
    library = _library()
    decoder, image = library.avifDecoderCreate(), library.avifImageCreateEmpty()
    try:
        _check(library.avifDecoderReadMemory(decoder, image, file, len(file)))
        rgb = _Rgb()
        library.avifRGBImageSetDefaults(byref(rgb), image)
        stated = image.contents
        if (rgb.width, rgb.height, rgb.depth) != (stated.width, stated.height, stated.depth):
            raise RuntimeError("libavif has another interface than expected")
        if stated.yuv_format == _MONOCHROME:
            raise RuntimeError("the file is monochrome, expected colours")
        pixels = np.empty((rgb.height, rgb.width, 3), np.uint8 if rgb.depth == 8 else np.uint16)
        rgb.format, rgb.pixels, rgb.row_bytes = _RGB, pixels.ctypes.data, pixels.strides[0]
        _check(library.avifImageYUVToRGB(image, byref(rgb)))
        return pixels
    finally:
        library.avifImageDestroy(image)
        library.avifDecoderDestroy(decoder)


def version() -> str:
    """The version of Pillow's libavif, for example "1.4.2"."""
    return _library().avifVersion().decode()


def _check(result: int) -> None:
    if result:
        raise RuntimeError(_library().avifResultToString(result).decode())


@cache
def _library() -> ctypes.CDLL:
    try:
        path = next(path for path in files("pillow") or () if path.match(_LIBRARY))
        library = ctypes.CDLL(str(path.locate()))
    except (PackageNotFoundError, StopIteration, OSError) as error:
        raise missing_extra(EXTRA, ImportError("no imagecodecs, and no libavif 1.x in Pillow")) from error
    image, rgb = POINTER(_Image), POINTER(_Rgb)
    for name, result, arguments in (
        ("avifVersion", c_char_p, ()),
        ("avifResultToString", c_char_p, (c_int,)),
        ("avifDecoderCreate", c_void_p, ()),
        ("avifDecoderDestroy", None, (c_void_p,)),
        ("avifDecoderReadMemory", c_int, (c_void_p, image, c_char_p, c_size_t)),
        ("avifImageCreateEmpty", image, ()),
        ("avifImageDestroy", None, (image,)),
        ("avifRGBImageSetDefaults", None, (rgb, image)),
        ("avifImageYUVToRGB", c_int, (image, rgb)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
