"""Writing a slide of any size as a pyramidal, tiled OME-TIFF file: in parallel, in bounded memory, resumable."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sr_tf.disk.files import replace_atomically
from sr_tf.disk.spool import Spool
from sr_tf.slides.pyramid_file import Level, ome_xml, write_pyramid_file
from sr_tf.slides.pyramid_tiles import Jpeg, Lossless, Tiles

SMALLEST = 512
"""Levels are added until the longer side has at most so many pixels."""
_PHOTOMETRICS = {2: "rgb", 6: "ycbcr"}
_SUBSAMPLINGS = (None, (1, 1), (2, 1), (2, 2))


@dataclass(frozen=True)
class JpegPage:
    """What a TIFF page says about its JPEG tiles, for copying them without decoding.

    Attributes:
        tables: the JPEGTables tag that all tiles share, or None where each has its own.
        photometric: the PhotometricInterpretation tag: 2 for RGB, 6 for YCbCr.
        subsampling: the YCbCrSubSampling tag, if there is one.

    Raises:
        ValueError: tags that the copy cannot have.
    """

    tables: bytes | None
    photometric: int
    subsampling: tuple[int, int] | None

    def __post_init__(self):
        if self.photometric not in _PHOTOMETRICS:
            raise ValueError(f"photometric interpretation {self.photometric}: expected 2 (RGB) or 6 (YCbCr)")
        if self.subsampling not in _SUBSAMPLINGS:
            raise ValueError(f"chroma subsampling {self.subsampling}: expected one of {_SUBSAMPLINGS}")


@dataclass(frozen=True)
class PyramidInfo:
    """A slide's geometry and what else its file tells about it.

    Attributes:
        width: of level 0, pixels.
        height: of level 0, pixels.
        tile: the tiles' height and width in pixels, multiples of 16; one number for square ones.
        mpp: µm per pixel of level 0, x and y. None where it is unknown: then the file says nothing.
        objective_power: nominal magnification, or None.
        icc: colour profile, or None.
        name: of the image in the OME-XML.
        description: of the image in the OME-XML.
        annotations: whatever else is known, key by key.

    Raises:
        ValueError: a size, tile or mpp that cannot be.
    """

    width: int
    height: int
    tile: int | tuple[int, int] = 512
    mpp: tuple[float, float] | None = None
    objective_power: float | None = None
    icc: bytes | None = None
    name: str = ""
    description: str = ""
    annotations: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if self.width < 1 or self.height < 1:
            raise ValueError(f"size {self.width} × {self.height}: expected at least 1 × 1 pixel")
        if any(side < 16 or side % 16 for side in self.tile_shape):
            raise ValueError(f"tile {self.tile}: expected multiples of 16")
        if self.mpp is not None and not all(0 < value < math.inf for value in self.mpp):
            raise ValueError(f"{self.mpp} µm per pixel: expected positive numbers, or None where it is unknown")

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Height and width of a tile in pixels."""
        return (self.tile, self.tile) if isinstance(self.tile, int) else self.tile

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Width and height of each level in pixels: halves, rounded up, until `SMALLEST` is reached."""
        sizes = [(self.width, self.height)]
        while max(sizes[-1]) > SMALLEST:
            sizes.append((math.ceil(sizes[-1][0] / 2), math.ceil(sizes[-1][1] / 2)))
        return sizes


def write_pyramid(
    path: Path,
    info: PyramidInfo,
    tile_pixels: Callable[[int, int], np.ndarray],
    *,
    settings: str,
    segments: Callable[[int, int], bytes] | None = None,
    jpeg: JpegPage | None = None,
    jpeg_quality: int | None = None,
    associated: Mapping[str, np.ndarray] | None = None,
    workers: int = 2,
    progress: Callable[[], object] | None = None,
) -> None:
    """Writes a pyramid that OpenSlide, tiffslide and tifffile read in full; see `sr_tf.slides.pyramid_file`.

    Finished tiles are kept beside the target, in a hidden file that ends in `.partial`, until the target is complete
    and takes its name: nobody sees half of it, and a run that was killed is taken up by the next one, which ends with
    the same bytes. Meanwhile the disk needs room for twice the file. Each level is made from the one below it as that
    is stored: every pixel is the mean of 2 × 2, rounded half up; where the lower level ends in between, of those that
    there are.

    Args:
        path: the file to create or replace.
        info: geometry and metadata.
        tile_pixels: from (column, row) to a tile of level 0, uint8 [H, W, 3], clipped at the image's edge. Called from
            several threads; the same call must always return the same pixels.
        settings: everything the pixels depend on, as text. Tiles of a run with other settings are not used.
        segments: from (column, row) to a JPEG tile that goes into level 0 as it is. `tile_pixels` then gives its
            decoded pixels, for level 1.
        jpeg: what the page of these segments says; needed with `segments`.
        jpeg_quality: 1 to 100, the chroma halved below 90; None for lossless tiles. Copied segments keep theirs.
        associated: further images (label, macro, thumbnail), uint8 [H, W, 3] by name, kept losslessly.
        workers: threads.
        progress: called in the calling thread for each finished tile of level 0, those taken up included.

    Raises:
        UserError: the file cannot be written, or another process is at it.
        ValueError: an argument is out of range, or `tile_pixels` returned another shape.
        Exception: whatever `tile_pixels` and `segments` raise; what was finished before is kept for the next run.
    """
    path, associated = Path(path), associated or {}
    if (segments is None) != (jpeg is None):
        raise ValueError("segments and jpeg: expected both or neither")
    codec = Lossless() if jpeg_quality is None else Jpeg(jpeg_quality)
    all_settings = ["pyramid 1", settings, info.width, info.height, info.tile_shape, jpeg_quality, segments is not None]
    with Spool(path.with_name(f".{path.name}.partial"), json.dumps(all_settings)) as spool:
        tiles = Tiles(info.sizes, info.tile_shape, codec, spool, tile_pixels, segments)
        tiles.finish_all(workers, progress)
        pages = [codec.page for _ in info.sizes]
        if jpeg is not None:
            pages[0] = _copied_page(jpeg)
        levels = [
            Level(width, height, page, tiles.encoded(level))
            for level, ((width, height), page) in enumerate(zip(info.sizes, pages, strict=True))
        ]
        _write_file(path, info, levels, associated)
        spool.remove()


def _write_file(path: Path, info: PyramidInfo, levels: list[Level], associated: Mapping[str, np.ndarray]) -> None:
    ome = ome_xml(
        (info.width, info.height),
        name=info.name,
        description=info.description,
        mpp=info.mpp,
        objective_power=info.objective_power,
        annotations=info.annotations,
        associated=associated,
    )
    options = {"ome": ome, "mpp": info.mpp, "icc": info.icc, "associated": associated}
    replace_atomically(path, lambda draft: write_pyramid_file(draft, levels, info.tile_shape, **options), alone=True)


def _copied_page(jpeg: JpegPage) -> dict[str, object]:
    photometric = _PHOTOMETRICS[jpeg.photometric]
    return {
        "photometric": photometric,
        "compression": "jpeg",
        "subsampling": jpeg.subsampling,
        "jpegtables": jpeg.tables,
        # Without it TiffWriter declares YCbCr whatever `photometric` says.
        "compressionargs": {"outcolorspace": photometric},
    }
