"""A source's pyramid as DICOM objects: one whole-slide instance for each level, without a patient."""

import hashlib
from base64 import b64encode

from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless

from sr_tf.errors import UserError
from sr_tf.slides.dicom_metadata import level_object
from sr_tf.viewer.levels import TILE
from sr_tf.viewer.source import Source

SYNTAXES = (JPEG2000Lossless, ExplicitVRLittleEndian)
"""In which frames are sent: both without loss."""


def datasets(source: Source) -> list[Dataset]:
    """The instances, the largest level first. Names of patient, study and institution are empty.

    Raises:
        UserError: the slide does not state µm per pixel, without which such an object cannot be described.
    """
    if source.info.mpp is None:
        raise UserError(f"{source.path}: states no µm per pixel, expected a slide that does for DICOMweb")
    return [_instance(source, level) for level in range(source.levels.count)]


def _uid(source: Source, what: str) -> UID:
    """A UID that is another one whenever a pixel may be another one (2.25: from 128 bits, PS3.5 B.2)."""
    return UID(f"2.25.{int.from_bytes(hashlib.sha256(f'{source.version}/dicom/{what}'.encode()).digest()[:16])}")


def _instance(source: Source, level: int) -> Dataset:
    exact = source.archive is not None and source.archive.header.gate.lossless
    size = source.levels.size(level)
    found = level_object(source.info, level, size, (TILE, TILE), lambda what: _uid(source, what), exact)
    found.AvailableTransferSyntaxUID = list(SYNTAXES)
    found.Manufacturer, found.ManufacturerModelName = "sr_tf", "sr-tf view"
    return found


def as_json(found: Dataset) -> dict:
    """DICOM's JSON of an instance; binary values stand in it, so nothing is left to fetch."""
    return found.to_json_dict(bulk_data_threshold=1 << 30, bulk_data_element_handler=_inline)


def _inline(element: object) -> str:
    return b64encode(element.value).decode()
