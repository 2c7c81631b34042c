"""A source's pyramid as DICOM objects: one whole-slide instance for each level, without a patient."""

import hashlib
from base64 import b64encode

from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, VLWholeSlideMicroscopyImageStorage

from sr_tf.errors import UserError
from sr_tf.viewer.levels import TILE
from sr_tf.viewer.source import Source

SYNTAXES = (JPEG2000Lossless, ExplicitVRLittleEndian)
"""In which frames are sent: both without loss."""
_OPTICAL_PATH = "1"


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
    width, height = source.levels.size(level)
    columns, rows = source.levels.tiles(level)
    exact = source.archive is not None and source.archive.header.gate.lossless
    found = Dataset()
    found.SpecificCharacterSet = "ISO_IR 192"
    found.SOPClassUID, found.SOPInstanceUID = VLWholeSlideMicroscopyImageStorage, _uid(source, f"level {level}")
    found.StudyInstanceUID, found.SeriesInstanceUID = _uid(source, "study"), _uid(source, "series")
    found.FrameOfReferenceUID, found.PyramidUID = _uid(source, "frame of reference"), _uid(source, "pyramid")
    found.AvailableTransferSyntaxUID = list(SYNTAXES)
    found.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED" if level else "NONE"]
    found.Modality = "SM"
    found.PatientName = found.PatientID = found.PatientBirthDate = found.PatientSex = ""
    found.StudyDate = found.StudyTime = found.StudyID = found.AccessionNumber = found.ReferringPhysicianName = ""
    found.SeriesNumber, found.InstanceNumber = 1, level + 1
    found.Manufacturer, found.ManufacturerModelName = "sr_tf", "sr-tf view"
    # Nobody has looked whether text is burned into the slide's pixels.
    found.BurnedInAnnotation, found.SpecimenLabelInImage = "YES", "NO"
    found.VolumetricProperties, found.FocusMethod, found.ExtendedDepthOfField = "VOLUME", "AUTO", "NO"
    # What the slide's own file lost before is not known; only a lossless archive's pixels are its very pixels.
    found.LossyImageCompression = "00" if exact else "01"
    found.Rows = found.Columns = TILE
    found.TotalPixelMatrixColumns, found.TotalPixelMatrixRows = width, height
    found.TotalPixelMatrixFocalPlanes = found.NumberOfOpticalPaths = 1
    found.NumberOfFrames, found.DimensionOrganizationType = columns * rows, "TILED_FULL"
    found.SamplesPerPixel, found.PhotometricInterpretation, found.PlanarConfiguration = 3, "RGB", 0
    found.BitsAllocated = found.BitsStored = 8
    found.HighBit, found.PixelRepresentation = 7, 0
    across, down = (size / 1000 for size in source.info.mpp)
    found.ImagedVolumeWidth, found.ImagedVolumeHeight = across * source.info.width, down * source.info.height
    found.ImagedVolumeDepth = 0.001
    found.ImageOrientationSlide = [1, 0, 0, 0, 1, 0]
    origin, measures, groups = Dataset(), Dataset(), Dataset()
    origin.XOffsetInSlideCoordinateSystem = origin.YOffsetInSlideCoordinateSystem = 0
    found.TotalPixelMatrixOriginSequence = [origin]
    measures.PixelSpacing = [_decimal(down * source.info.height / height), _decimal(across * source.info.width / width)]
    measures.SliceThickness = _decimal(0.001)
    groups.PixelMeasuresSequence = [measures]
    found.SharedFunctionalGroupsSequence = [groups]
    found.OpticalPathSequence = [_optical_path(source)]
    return found


def _optical_path(source: Source) -> Dataset:
    path, light = Dataset(), Dataset()
    path.OpticalPathIdentifier = _OPTICAL_PATH
    light.CodeValue, light.CodingSchemeDesignator, light.CodeMeaning = "111744", "DCM", "Brightfield illumination"
    path.IlluminationTypeCodeSequence = [light]
    if source.info.objective_power is not None:
        path.ObjectiveLensPower = _decimal(source.info.objective_power)
    if source.info.icc is not None:
        path.ICCProfile = source.info.icc
    return path


def _decimal(value: float) -> str:
    """A number as DICOM's decimal string, of at most 16 characters."""
    return f"{value:.10g}"


def as_json(found: Dataset) -> dict:
    """DICOM's JSON of an instance; binary values stand in it, so nothing is left to fetch."""
    return found.to_json_dict(bulk_data_threshold=1 << 30, bulk_data_element_handler=_inline)


def _inline(element: object) -> str:
    return b64encode(element.value).decode()
