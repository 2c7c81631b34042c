"""How the tiles of a pyramidal TIFF file are coded, and which programs read that."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import numpy as np

from sr_tf.images.libraries import imagecodecs

FULL, WIDTH_HALVED, HALVED = "full chroma", "chroma of half the width", "halved chroma"
_SUBSAMPLING = {FULL: (1, 1), WIDTH_HALVED: (2, 1), HALVED: (2, 2)}
FULL_CHROMA_FROM = 90
"""The JPEG quality from which chroma is not halved in both directions."""
_JPEG_XL_EFFORT = 4
_DEFLATE_LEVEL = 6
_ZSTD_LEVEL = 3


class TileCodec(Protocol):
    """Encodes and decodes the tiles of a TIFF file.

    Attributes:
        name: the coding in words, as settings and messages state it.
        page: the arguments of `tifffile.TiffWriter.write` that describe such tiles.
        lossless: whether the decoded tiles are equal to the encoded ones.
    """

    name: str
    page: Mapping[str, object]
    lossless: bool

    def encode(self, tile: np.ndarray) -> bytes:
        """Encodes a tile, uint8 [H, W, 3], as the file stores it."""
        ...

    def decode(self, content: bytes, shape: tuple[int, int, int]) -> np.ndarray:
        """Decodes a tile: uint8 of the given shape."""
        ...


class _OverDifferences:
    """Compresses horizontal differences without loss.

    Args:
        compress: makes fewer bytes of many.
        expand: the inverse.
    """

    lossless = True

    def __init__(self, compress: Callable[[np.ndarray], bytes], expand: Callable[[bytes], bytes]):
        self._compress, self._expand = compress, expand

    def encode(self, tile: np.ndarray) -> bytes:
        """See `TileCodec`."""
        return self._compress(imagecodecs.delta_encode(tile, axis=-2))

    def decode(self, content: bytes, shape: tuple[int, int, int]) -> np.ndarray:
        """See `TileCodec`."""
        return imagecodecs.delta_decode(np.frombuffer(self._expand(content), np.uint8).reshape(shape), axis=-2)


class Zstd(_OverDifferences):
    """Zstandard over horizontal differences: 3 % smaller than deflate on stained tissue and twice as fast to write.

    OpenSlide, tiffslide and tifffile read it.
    """

    name = "zstd"
    page: Mapping[str, object] = {"photometric": "rgb", "compression": "zstd", "predictor": True}

    def __init__(self):
        super().__init__(partial(imagecodecs.zstd_encode, level=_ZSTD_LEVEL), imagecodecs.zstd_decode)


class Deflate(_OverDifferences):
    """Deflate over horizontal differences, for programs whose TIFF library is older than Zstandard in TIFF (2017)."""

    name = "deflate"
    page: Mapping[str, object] = {"photometric": "rgb", "compression": "zlib", "predictor": True}

    def __init__(self):
        super().__init__(partial(imagecodecs.zlib_encode, level=_DEFLATE_LEVEL), imagecodecs.zlib_decode)


class JpegXl:
    """Lossless JPEG XL, TIFF compression 50002. tifffile reads it, OpenSlide and programs that use it do not."""

    name, lossless = "jpegxl", True
    page: Mapping[str, object] = {"photometric": "rgb", "compression": 50002}

    def encode(self, tile: np.ndarray) -> bytes:
        """See `TileCodec`."""
        return imagecodecs.jpegxl_encode(
            np.ascontiguousarray(tile), lossless=True, effort=_JPEG_XL_EFFORT, usecontainer=False, numthreads=1
        )

    def decode(self, content: bytes, shape: tuple[int, int, int]) -> np.ndarray:
        """See `TileCodec`."""
        return imagecodecs.jpegxl_decode(content, numthreads=1).reshape(shape)


class Jpeg:
    """JPEG in YCbCr. Each tile has its own tables.

    Args:
        quality: 1 to 100.
        chroma: `FULL`, `WIDTH_HALVED` or `HALVED` (in both directions); None: full from quality 90 on, halved below.
            Bio-Formats 7.3, and QuPath with it, shows TIFF files with full chroma in wrong colours: it converts from
            YCbCr twice if `YCbCrSubSampling` begins with 1.

    Raises:
        ValueError: the quality is out of range.
    """

    lossless = False

    def __init__(self, quality: int, chroma: str | None = None):
        if not 1 <= quality <= 100:
            raise ValueError(f"JPEG quality {quality}: expected 1 to 100")
        by_default = FULL if quality >= FULL_CHROMA_FROM else HALVED
        self.quality, self._subsampling = quality, _SUBSAMPLING[chroma or by_default]
        self.name = f"JPEG {quality}" + ("" if chroma in (None, by_default) else f", {chroma}")
        self.page: Mapping[str, object] = {
            "photometric": "ycbcr",
            "compression": "jpeg",
            "subsampling": self._subsampling,
        }

    def encode(self, tile: np.ndarray) -> bytes:
        """See `TileCodec`."""
        return imagecodecs.jpeg8_encode(
            tile,
            level=self.quality,
            colorspace="rgb",
            outcolorspace="ycbcr",
            subsampling=self._subsampling,
            # Optimised Huffman tables make a tile a seventh smaller.
            optimize=True,
        )

    def decode(self, content: bytes, shape: tuple[int, int, int]) -> np.ndarray:
        """See `TileCodec`."""
        return imagecodecs.jpeg8_decode(content).reshape(shape)


LOSSLESS: dict[str, type[Zstd] | type[Deflate] | type[JpegXl]] = {one.name: one for one in (Zstd, Deflate, JpegXl)}
"""The codings that keep every pixel, by their name."""
