"""Slides that are made of images side by side, as JPEG tiles or as the JPEG 2000 tiles of an SVS."""

from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from absl import app

SIDE = 512
"""Images are cut to multiples of this side."""
_TILE = 256


def cut(image: np.ndarray, wanted: int = 0) -> np.ndarray:
    """The middle of an image, with sides that are multiples of `SIDE`; of at most `wanted` pixels, 0: any."""
    height, width = (min(side, wanted or side) // SIDE * SIDE for side in image.shape[:2])
    if not height or not width:
        raise app.UsageError(f"an image of {image.shape[1]}×{image.shape[0]} pixels, expected at least {SIDE}×{SIDE}")
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def mosaic_of(images: list[np.ndarray]) -> np.ndarray:
    """Images side by side, in rows that are about as long as all rows together are high; the rest is white."""
    wanted = max(max(image.shape[1] for image in images), round(sum(image[..., 0].size for image in images) ** 0.5))
    rows, row = [], []
    for image in images:
        if row and sum(one.shape[1] for one in row) + image.shape[1] > wanted:
            rows, row = [*rows, row], []
        row.append(image)
    rows.append(row)
    width = max(sum(one.shape[1] for one in row) for row in rows)
    mosaic = np.full((sum(max(one.shape[0] for one in row) for row in rows), width, 3), 255, np.uint8)
    top = 0
    for row in rows:
        left = 0
        for image in row:
            mosaic[top : top + image.shape[0], left : left + image.shape[1]] = image
            left += image.shape[1]
        top += max(one.shape[0] for one in row)
    return mosaic


def write_jpeg_tiff(path: Path, pixels: np.ndarray, quality: int) -> None:
    """Writes a TIFF of JPEG tiles, chroma 4:2:0, as scanners do."""

    def coded(tile: np.ndarray) -> bytes:
        # tifffile itself would take the pixels for Y, Cb and Cr.
        return imagecodecs.jpeg8_encode(
            tile, level=quality, colorspace="rgb", outcolorspace="ycbcr", subsampling=(2, 2)
        )

    _write(path, pixels, coded, photometric="ycbcr", subsampling=(2, 2), compression="jpeg")


def write_jpeg2000_svs(path: Path, pixels: np.ndarray, psnr: float) -> None:
    """Writes an SVS of JPEG 2000 tiles in RGB (Aperio's compression 33005), at about this PSNR in dB."""

    def coded(tile: np.ndarray) -> bytes:
        return imagecodecs.jpeg2k_encode(tile, level=psnr, codecformat="j2k", mct=True)

    height, width = pixels.shape[:2]
    description = f"Aperio Image Library\r\n{width}x{height} (256x256) J2K/RGB|AppMag = 40|MPP = 0.25"
    _write(path, pixels, coded, photometric="rgb", compression=33005, description=description)


def _write(path: Path, pixels: np.ndarray, coded, **options) -> None:
    def tiles() -> Iterator[bytes]:
        for top in range(0, pixels.shape[0], _TILE):
            for left in range(0, pixels.shape[1], _TILE):
                yield coded(np.ascontiguousarray(pixels[top : top + _TILE, left : left + _TILE]))

    tifffile.imwrite(path, tiles(), shape=pixels.shape, dtype=np.uint8, tile=(_TILE, _TILE), metadata=None, **options)
