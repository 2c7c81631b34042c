"""Whether the tiles of a lossless archive can be the frames of a DICOM image, and how it states their coding."""

from dataclasses import dataclass

from pydicom.uid import JPEG2000, UID, JPEG2000Lossless, JPEGBaseline8Bit

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.copied import page_of
from sr_tf.slides.copied_tiles import JpegPage
from sr_tf.slides.dicom_writer import Jpeg2000
from sr_tf.slides.jpeg2000 import Transforms, transforms_of
from sr_tf.slides.jpeg_segments import is_baseline
from sr_tf.slides.tiff_page import RGB
from sr_tf.slides.tile_codecs import Jpeg


@dataclass(frozen=True)
class FrameCoding:
    """How frames are coded.

    Attributes:
        syntax: the transfer syntax.
        photometric: the element PhotometricInterpretation.
        method: the element LossyImageCompressionMethod; None if the coding itself loses nothing.
    """

    syntax: UID
    photometric: str
    method: str | None


_JPEG = FrameCoding(JPEGBaseline8Bit, "YBR_FULL_422", "ISO_10918_1")


def coding_of(codec: Jpeg | Jpeg2000) -> FrameCoding:
    """How a codec of this program codes frames."""
    return _JPEG if isinstance(codec, Jpeg) else FrameCoding(JPEG2000Lossless, codec.photometric, None)


def coding_of_copies(slide: ArchivedSlide) -> FrameCoding | None:
    """How the tiles that an archive keeps are coded, if they can be frames.

    They can if none is left out, and all are baseline JPEG, or JPEG 2000 of one kind that is not in YCbCr, which
    OpenSlide refuses. JPEG 2000 has the transfer syntax that allows loss: reversible transforms do not say that no
    detail was cut off.

    Raises:
        UserError: a tile is damaged.
    """
    page, native = page_of(slide), slide.header.native
    if page is None or native is None or not slide.segment_index["length"].all():
        return None
    if isinstance(page, JpegPage):
        if not is_baseline(slide.segment(0, 0)):
            return None
        return FrameCoding(_JPEG.syntax, "RGB" if native.photometric == RGB else _JPEG.photometric, _JPEG.method)
    transforms = _transforms(slide) if native.photometric == RGB else None
    if transforms is None:
        return None
    of_colours = "YBR_RCT" if transforms.reversible else "YBR_ICT"
    method = None if transforms.reversible else "ISO_15444_1"
    return FrameCoding(JPEG2000, of_colours if transforms.colours else "RGB", method)


def _transforms(slide: ArchivedSlide) -> Transforms | None:
    """How all JPEG 2000 tiles were made; None if they differ."""
    native = slide.header.native
    found = set()
    for row in range(native.rows):
        for column in range(native.columns):
            try:
                found.add(transforms_of(slide.segment(row, column)))
            except ValueError:
                return None
            if len(found) > 1:
                return None
    return found.pop()
