"""Writing a slide of any size as a pyramidal OME-TIFF: with several threads, in bounded memory, resumable."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sr_tf.disk.files import replace_atomically
from sr_tf.disk.outputs import partial_of
from sr_tf.disk.spool import Spool
from sr_tf.errors import UserError
from sr_tf.slides.copied_tiles import CopiedPage, is_tile
from sr_tf.slides.pyramid_file import Level, ome_xml, write_pyramid_file
from sr_tf.slides.pyramid_tiles import Tiles
from sr_tf.slides.tile_codecs import TileCodec, Zstd

SMALLEST = 512
"""Levels are added until the longer side has at most this many pixels."""


@dataclass(frozen=True)
class PyramidInfo:
    """The size and metadata of a pyramid.

    Attributes:
        width: width of level 0 in pixels.
        height: height of level 0 in pixels.
        tile: height and width of a tile in pixels, multiples of 16; one number for square tiles.
        mpp: µm per pixel of level 0, x and y; None if unknown, and then the file does not state it.
        objective_power: nominal magnification, or None.
        icc: colour profile, or None.
        name: the image's name in the OME-XML.
        description: the image's description in the OME-XML.
        annotations: further metadata as keys and values.

    Raises:
        ValueError: the size, tile or mpp is out of range.
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
        if not is_tile(*self.tile_shape):
            raise ValueError(f"tile {self.tile}: expected multiples of 16")
        if self.mpp is not None and not all(0 < value < math.inf for value in self.mpp):
            raise ValueError(f"{self.mpp} µm per pixel: expected positive numbers, or None where it is unknown")

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Height and width of a tile in pixels."""
        return (self.tile, self.tile) if isinstance(self.tile, int) else self.tile

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """See `level_sizes`."""
        return level_sizes(self.width, self.height)


@dataclass(frozen=True)
class Limit:
    """The most bytes that a file may have.

    Attributes:
        most_bytes: of the finished file.
        smaller: called with the bytes of a file that was too large; returns the next coding to try, or None to give up.
            Only the first attempt copies tiles.
    """

    most_bytes: int
    smaller: Callable[[int], TileCodec | None]


class _TooLargeError(Exception):
    """A finished file has more bytes than it may have, `size`."""

    def __init__(self, size: int):
        super().__init__(size)
        self.size = size


def level_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Width and height of each level in pixels. Each level has half the size of the one before, rounded up.

    Args:
        width: of level 0 in pixels.
        height: of level 0 in pixels.
    """
    sizes = [(width, height)]
    while max(sizes[-1]) > SMALLEST:
        sizes.append((math.ceil(sizes[-1][0] / 2), math.ceil(sizes[-1][1] / 2)))
    return sizes


def write_ome_tiff(draft: Path, info: PyramidInfo, levels: list[Level], associated: Mapping[str, np.ndarray]) -> None:
    """Writes the pages of an OME-TIFF; a `Layout`."""
    ome = ome_xml(
        (info.width, info.height),
        name=info.name,
        description=info.description,
        mpp=info.mpp,
        objective_power=info.objective_power,
        annotations=info.annotations,
        associated=associated,
    )
    write_pyramid_file(draft, levels, info.tile_shape, ome=ome, mpp=info.mpp, icc=info.icc, associated=associated)


Layout = Callable[[Path, PyramidInfo, list[Level], Mapping[str, np.ndarray]], None]
"""Writes the file: called with its path, the size and metadata, the levels and the associated images."""


def write_pyramid(
    path: Path,
    info: PyramidInfo,
    tile_pixels: Callable[[int, int], np.ndarray],
    *,
    settings: Mapping[str, object],
    segments: Callable[[int, int], bytes] | None = None,
    page: CopiedPage | None = None,
    codec: TileCodec | None = None,
    layout: Layout = write_ome_tiff,
    limit: Limit | None = None,
    associated: Mapping[str, np.ndarray] | None = None,
    workers: int = 2,
    progress: Callable[[], object] | None = None,
) -> TileCodec:
    """Writes a pyramid, by default one that OpenSlide, tiffslide and tifffile can read completely.

    Finished tiles are kept in a hidden file beside the target that ends in `.partial`. The target gets its name when it
    is complete. If a run is killed, the next run with the same arguments continues it and writes the same bytes. The
    disk needs room for twice the file. Each level is computed from the stored pixels of the previous one. Every pixel
    is the mean of 2 × 2 pixels, rounded half up; at an odd edge, it is the mean of the one or two pixels that exist.

    Args:
        path: the file to create or replace.
        info: size and metadata.
        tile_pixels: called with (column, row), from several threads; returns a tile of level 0, uint8 [H, W, 3],
            cropped at the image's edge. The same call must always return the same pixels.
        settings: everything the pixels depend on, as JSON values by names that people understand.
        segments: called with (column, row); returns an encoded tile that is copied into level 0. `tile_pixels` must
            then return its decoded pixels, from which level 1 is computed.
        page: the tags of the page that `segments` come from; required with `segments`.
        codec: how tiles that are not copied are coded; None: without loss, by Zstandard.
        layout: writes the file; see `sr_tf.slides.pyramid_file` for the default.
        limit: the most bytes of the file, and what to do if it has more; None: any size.
        associated: further images (label, macro, thumbnail), uint8 [H, W, 3] by name, stored losslessly.
        workers: number of threads.
        progress: called in the calling thread for each finished tile of level 0, also for those of an earlier run.

    Returns:
        How the tiles that are not copied were coded.

    Raises:
        UserError: the file cannot be written, another process is writing it, tiles of a run with other settings are
            beside it, or no coding is small enough.
        ValueError: an argument is out of range, or `tile_pixels` returned a wrong shape or type.
        Exception: an exception from `tile_pixels` or `segments`. Finished tiles are kept for the next run.
    """
    path, associated, codec = Path(path), associated or {}, codec or Zstd()
    if (segments is None) != (page is None):
        raise ValueError("segments and page: expected both or neither")
    all_settings = {
        **settings,
        "coding": codec.name,
        "layout": layout.__name__,
        "largest size": limit and limit.most_bytes,
        "size": f"{info.width}×{info.height}",
        "tile": "{1}×{0}".format(*info.tile_shape),
        "copied tiles": segments is not None,
        "pyramid": 2,
    }
    with Spool(partial_of(path), all_settings) as spool:
        attempt = 0
        while True:
            tiles = Tiles(info.sizes, info.tile_shape, codec, spool, tile_pixels, segments, attempt)
            tiles.finish_all(workers, progress)
            pages = [codec.page for _ in info.sizes]
            if page is not None:
                pages[0] = page.arguments
            levels = [
                Level(width, height, tags, tiles.encoded(level))
                for level, ((width, height), tags) in enumerate(zip(info.sizes, pages, strict=True))
            ]
            try:
                _write_file(path, lambda draft, levels=levels: layout(draft, info, levels, associated), limit)
                break
            except _TooLargeError as found:
                next_codec = limit.smaller(found.size) if limit else None
                if next_codec is None:
                    spool.remove()
                    raise _too_large(path, codec, found.size, limit) from None
                codec, segments, page, attempt = next_codec, None, None, attempt + 1
        spool.remove()
    return codec


def _write_file(path: Path, write: Callable[[Path], None], limit: Limit | None) -> None:
    def checked(draft: Path) -> None:
        write(draft)
        if limit is not None and draft.stat().st_size > limit.most_bytes:
            raise _TooLargeError(draft.stat().st_size)

    replace_atomically(path, checked, alone=True)


def _too_large(path: Path, codec: TileCodec, found: int, limit: Limit | None) -> UserError:
    most = limit.most_bytes if limit else 0
    return UserError(f"{path}: has {found:,} bytes as {codec.name}, expected at most {most:,}; nothing was written")
