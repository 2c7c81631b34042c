"""The frames of a DICOM slide's level 0, described as the tiles of a page, so that they can be kept as they are."""

from pathlib import Path

import numpy as np

from sr_tf.slides.dicom_frames import frame_places, header_of
from sr_tf.slides.dicom_series import files_of_series
from sr_tf.slides.jpeg2000_grid import RGB_CODE
from sr_tf.slides.tiff_page import JPEG, RGB, YCBCR, Page

_COMPRESSIONS = {
    "1.2.840.10008.1.2.4.50": JPEG,  # baseline
    "1.2.840.10008.1.2.4.90": RGB_CODE,  # JPEG 2000, lossless
    "1.2.840.10008.1.2.4.91": RGB_CODE,
}
_JPEG_COLOURS = {"RGB": RGB, "YBR_FULL": YCBCR, "YBR_FULL_422": YCBCR}
_JPEG2000_COLOURS = {"RGB": RGB, "YBR_ICT": RGB, "YBR_RCT": RGB}  # decoding undoes the transform
_NAMES = [
    "NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "TotalPixelMatrixColumns",
    "TotalPixelMatrixRows", "NumberOfOpticalPaths", "TotalPixelMatrixFocalPlanes", "PhotometricInterpretation",
    "DimensionOrganizationType", "ImageType",
]  # fmt: skip


def page_of_frames(path: Path, width: int, height: int) -> tuple[Path, Page] | None:
    """The file and the frames of level 0, if they are colour JPEG or JPEG 2000 and lie row by row.

    Args:
        path: a file of the series, which `sr_tf.slides.dicom_frames.check_series` has checked.
        width: of level 0 in pixels.
        height: of level 0 in pixels.

    Returns:
        None if the frames are coded or arranged in another way, or several files have an image of this size.

    Raises:
        UserError: a file cannot be read.
    """
    found = [
        (file, header)
        for file in files_of_series(path)
        if _is_level_0(header := header_of(file, _NAMES), width, height)
    ]
    if len(found) != 1:
        return None
    file, header = found[0]
    compression = _COMPRESSIONS.get(str(header.file_meta.get("TransferSyntaxUID", "")))
    colours = _JPEG_COLOURS if compression == JPEG else _JPEG2000_COLOURS
    photometric = colours.get(header.get("PhotometricInterpretation"))
    rows, columns = int(header.Rows), int(header.Columns)
    count = -(-width // columns) * -(-height // rows)
    regular = (
        header.get("DimensionOrganizationType") == "TILED_FULL" and int(header.get("NumberOfFrames") or 1) == count
    )
    one_plane = all(int(header.get(name) or 1) == 1 for name in _NAMES[7:9])
    eight_bits = (header.get("SamplesPerPixel"), header.get("BitsAllocated")) == (3, 8)
    if compression is None or photometric is None or not (regular and one_plane and eight_bits):
        return None
    places = np.array(frame_places(file), np.int64)
    if len(places) != count:  # a frame may be in several pieces
        return None
    return file, Page(
        width, height, columns, rows,
        tiled=True, compression=compression, photometric=photometric, samples=3, bits=(8,), formats=(1,),
        contiguous=True, orientation=1, kind=0, name="", predictor=1, fill_order=1, tables=None, subsampling=None,
        icc=None, offsets=places[:, 0], counts=places[:, 1],
    )  # fmt: skip


def _is_level_0(header, width: int, height: int) -> bool:
    size = header.get("TotalPixelMatrixColumns"), header.get("TotalPixelMatrixRows")
    return size == (width, height) and "VOLUME" in (header.get("ImageType") or ())
