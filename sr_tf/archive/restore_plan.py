"""How a restored file is coded: what the caller asked for, and what fits."""

from collections.abc import Callable
from dataclasses import dataclass

from sr_tf.archive.estimate import Estimate
from sr_tf.errors import UserError
from sr_tf.slides.pyramid import Limit
from sr_tf.slides.tile_codecs import FULL, FULL_CHROMA_FROM, LOSSLESS, WIDTH_HALVED, Jpeg, TileCodec, Zstd

COMPRESSIONS = (*LOSSLESS, "jpeg")
UPPER_LEVELS_QUALITY = 85
"""JPEG quality of the smaller levels above copied tiles. They are computed from level 0, so nothing is lost."""
JPEG_QUALITY = 90
"""JPEG quality where none is given."""

_BEST, _WORST = 95, 30
"""JPEG qualities that are tried for a limit in bytes."""
_DOUBT = 1.1
"""A form whose estimated size is above the limit by this factor is not even tried."""
COPIES_DOUBT = 1.05
"""Copied tiles, which nothing can make smaller, must fit even if the estimate is wrong by this factor."""


@dataclass(frozen=True)
class RestoreOptions:
    """How to restore a whole slide.

    Attributes:
        to: the layout of the file, a name in `sr_tf.archive.restore.TARGETS`; or "dicom", a folder, see
            `sr_tf.archive.restore_dicom`.
        compression: one of `COMPRESSIONS`; None: the layout's own.
        jpeg_quality: 1 to 100; only with JPEG.
        max_bytes: the most bytes of the file; None: any size. Without `compression` and `jpeg_quality`, the file is
            as without a limit if that fits, otherwise JPEG of the highest quality that does.
        max_magnification: the highest magnification; above it, the slide is reduced 2, 4 or 8 times.

    Raises:
        UserError: two of them exclude each other, or one is out of range.
    """

    to: str = "ome-tiff"
    compression: str | None = None
    jpeg_quality: int | None = None
    max_bytes: int | None = None
    max_magnification: float | None = None

    def __post_init__(self) -> None:
        if self.compression is not None and self.compression not in COMPRESSIONS:
            raise UserError(f"compression {self.compression}: expected one of {', '.join(COMPRESSIONS)}")
        if self.compression not in (None, "jpeg") and self.jpeg_quality is not None:
            raise UserError(f"compression {self.compression} is lossless, expected no JPEG quality with it")
        if self.jpeg_quality is not None and not 1 <= self.jpeg_quality <= 100:
            raise UserError(f"JPEG quality {self.jpeg_quality}: expected 1 to 100")
        if self.to == "svs" and self.compression == "jpegxl":
            raise UserError("compression jpegxl: OpenSlide cannot read it, expected zstd, deflate or jpeg for an SVS")
        if self.to == "dicom" and (self.compression is not None or self.max_bytes is not None):
            what = f"compression {self.compression}" if self.compression else f"at most {self.max_bytes} bytes"
            raise UserError(f"{what}: expected none with DICOM, which is lossless JPEG 2000, or JPEG of a quality")
        if self.max_bytes is not None and self.max_bytes < 1:
            raise UserError(f"at most {self.max_bytes} bytes: expected at least 1")
        if self.max_magnification is not None and not self.max_magnification > 0:
            raise UserError(f"magnification {self.max_magnification:g}: expected a number above 0")

    @property
    def codec(self) -> TileCodec | None:
        """The coding that the caller asked for; None if that is left to the layout and the limit."""
        if self.compression in LOSSLESS:
            return LOSSLESS[self.compression]()
        if self.compression == "jpeg" or self.jpeg_quality is not None:
            quality = self.jpeg_quality or JPEG_QUALITY
            return self.finest(quality) if quality >= FULL_CHROMA_FROM else Jpeg(quality)
        return None

    def finest(self, quality: int) -> Jpeg:
        """JPEG with as much chroma as the layout's readers take: Bio-Formats reads OME-TIFF, see `Jpeg`.

        At equal bytes it is closer to stained tissue than a higher quality with halved chroma.
        """
        return Jpeg(quality, WIDTH_HALVED if self.to == "ome-tiff" else FULL)

    @property
    def copies(self) -> bool:
        """Whether tiles of the archive are copied, if it keeps them: unless another coding is asked for."""
        return self.compression is None

    def default(self, copied: bool) -> TileCodec:
        """The coding of tiles that are not copied, where none is asked for."""
        if copied:
            return Jpeg(UPPER_LEVELS_QUALITY)
        return self.finest(JPEG_QUALITY) if self.to == "svs" else Zstd()


def fitting(
    name: object, estimate: Estimate, first: TileCodec, most: int, fixed: bool, jpeg: Callable[[int], Jpeg]
) -> tuple[TileCodec, Limit]:
    """Chooses a coding for a limit in bytes.

    Args:
        name: the file, for errors.
        estimate: the sizes.
        first: the coding that is used if it fits.
        most: the limit.
        fixed: whether no other coding may be used.
        jpeg: the other codings, by their quality.

    Returns:
        (the coding, what to do if the finished file is larger all the same).

    Raises:
        UserError: nothing fits, by the estimate.
    """
    tried = [first]

    def highest(below: int, ratio: float) -> Jpeg | None:
        """The highest quality below one with which the file fits, if estimates are wrong by `ratio`."""
        low, high = _WORST, below - 1
        if high < low or estimate.bytes_as(jpeg(low)) * ratio > most:
            return None
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if estimate.bytes_as(jpeg(middle)) * ratio <= most else (low, middle - 1)
        return jpeg(low)

    def smaller(found: int) -> TileCodec | None:
        if fixed:
            return None
        last = tried[-1]
        following = highest(_next(last), found / estimate.bytes_as(last) if isinstance(last, Jpeg) else 1.0)
        tried.append(following or last)
        return following

    expected = estimate.bytes_as(first)
    if expected <= most or (fixed and expected <= _DOUBT * most):
        return first, Limit(most, smaller)
    chosen = None if fixed else highest(_next(first), 1.0)
    if chosen is None:
        least = first if fixed else jpeg(_WORST)
        raise UserError(
            f"{name}: would have about {estimate.bytes_as(least):,} bytes as {least.name} (estimated), "
            f"expected at most {most:,}; give more bytes{'' if fixed else ' or a lower magnification'}"
        )
    tried.append(chosen)
    return chosen, Limit(most, smaller)


def _next(codec: TileCodec) -> int:
    return codec.quality if isinstance(codec, Jpeg) else _BEST + 1
