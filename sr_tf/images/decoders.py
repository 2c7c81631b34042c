"""Decoders of what archives store: imagecodecs, or where it is not installed smaller libraries with the same pixels.

imagecodecs is what archives are measured with, and takes 80 MiB. The smaller ones are Pillow, its libavif and pylibjxl.
Tests hold them to the same pixels, bit for bit, for every archive in `tests/golden`. Errors are RuntimeErrors,
ValueErrors and TypeErrors; what the small installation cannot decode is a UserError that names the extra.
"""

import io

import numpy as np

from sr_tf.images import libavif
from sr_tf.images.jpeg_colours import RGB, YCBCR, stating_colours
from sr_tf.images.libraries import HAS_IMAGECODECS, imagecodecs, pylibjxl

_PHOTOMETRIC = {"RGB": RGB, "YCBCR": YCBCR}


def decode_avif_values(file: bytes) -> np.ndarray:
    """An AVIF file as RGB of its own depth: uint8, or uint16 of 10 bits; [h, w, 3]."""
    return imagecodecs.avif_decode(file) if HAS_IMAGECODECS else libavif.decode(file)


def decode_jpegxl(file: bytes) -> np.ndarray:
    """A JPEG XL file of 8 bits, uint8 [h, w, 3]."""
    return imagecodecs.jpegxl_decode(file, numthreads=1) if HAS_IMAGECODECS else pylibjxl.decode(file)


def unpack_jpeg(file: bytes) -> bytes:
    """The JPEG file that a JPEG XL file was made of."""
    return imagecodecs.jpegxl_decode_jpeg(file, numthreads=1) if HAS_IMAGECODECS else pylibjxl.jxl_to_jpeg(file)


def decode_jpeg(file: bytes, colour_space: str, wanted: str) -> np.ndarray:
    """A JPEG file by libjpeg-turbo.

    Args:
        file: a complete JPEG file.
        colour_space: what its components are: "RGB", "YCBCR" or "GRAYSCALE".
        wanted: the colour space of the result: "RGB" or, of grey, "GRAYSCALE".

    Returns:
        uint8 [h, w, 3], or [h, w] for grey.
    """
    if HAS_IMAGECODECS:
        return imagecodecs.jpeg8_decode(file, colorspace=colour_space, outcolorspace=wanted)
    if colour_space in _PHOTOMETRIC:
        file = stating_colours(file, _PHOTOMETRIC[colour_space], over_jfif=True)
    from PIL import Image  # only here: programs that do not decode start without it

    try:
        with Image.open(io.BytesIO(file), formats=("JPEG",)) as image:
            return np.asarray(image.convert({"RGB": "RGB", "GRAYSCALE": "L"}[wanted]))
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(str(error)) from error


def avif_version() -> str:
    """The version of the libavif that decodes here, for example "1.4.0"."""
    return imagecodecs.avif_version().split()[-1] if HAS_IMAGECODECS else libavif.version()


def jpegxl_version() -> str:
    """The version of the libjxl that decodes here, for example "0.11.2"."""
    if HAS_IMAGECODECS:
        return imagecodecs.jpegxl_version().split()[-1]
    number = pylibjxl.decoder_version()
    return f"{number // 1000000}.{number // 1000 % 1000}.{number % 1000}"
