"""A level of a slide as a DICOM VL Whole Slide Microscopy object, without a patient and without pixels."""

from collections.abc import Callable

from pydicom import Dataset
from pydicom.uid import UID, VLWholeSlideMicroscopyImageStorage

from sr_tf.slides.info import SlideInfo

_OPTICAL_PATH = "1"
_THICKNESS_MM = 0.001
_KINDS = {"label": "LABEL", "macro": "OVERVIEW", "overview": "OVERVIEW", "thumbnail": "THUMBNAIL"}


def level_object(
    info: SlideInfo, level: int, size: tuple[int, int], tile: tuple[int, int], uid: Callable[[str], UID], exact: bool
) -> Dataset:
    """The object of a level, TILED_FULL in RGB. Names of patient, study and institution are empty.

    Args:
        info: the slide, which states µm per pixel.
        level: number of the level; 0 is the slide's full size.
        size: width and height of the level in pixels.
        tile: height and width of a frame in pixels.
        uid: makes an identifier of a word.
        exact: whether the pixels are those of the slide's file.
    """
    assert info.mpp is not None
    (width, height), found = size, Dataset()
    found.SpecificCharacterSet = "ISO_IR 192"
    found.SOPClassUID, found.SOPInstanceUID = VLWholeSlideMicroscopyImageStorage, uid(f"level {level}")
    found.StudyInstanceUID, found.SeriesInstanceUID = uid("study"), uid("series")
    found.FrameOfReferenceUID, found.PyramidUID = uid("frame of reference"), uid("pyramid")
    found.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED" if level else "NONE"]
    found.Modality = "SM"
    found.PatientName = found.PatientID = found.PatientBirthDate = found.PatientSex = ""
    found.StudyDate = found.StudyTime = found.StudyID = found.AccessionNumber = found.ReferringPhysicianName = ""
    found.SeriesNumber, found.InstanceNumber = 1, level + 1
    # Nobody has looked whether text is burned into the slide's pixels.
    found.BurnedInAnnotation, found.SpecimenLabelInImage = "YES", "NO"
    found.VolumetricProperties, found.FocusMethod, found.ExtendedDepthOfField = "VOLUME", "AUTO", "NO"
    # What the slide's own file lost before is not known; only a lossless archive's pixels are its very pixels.
    found.LossyImageCompression = "00" if exact else "01"
    found.Rows, found.Columns = tile
    found.TotalPixelMatrixColumns, found.TotalPixelMatrixRows = width, height
    found.TotalPixelMatrixFocalPlanes = found.NumberOfOpticalPaths = 1
    found.NumberOfFrames = -(-width // tile[1]) * -(-height // tile[0])
    found.DimensionOrganizationType = "TILED_FULL"
    found.SamplesPerPixel, found.PhotometricInterpretation, found.PlanarConfiguration = 3, "RGB", 0
    found.BitsAllocated = found.BitsStored = 8
    found.HighBit, found.PixelRepresentation = 7, 0
    across, down = (value / 1000 for value in info.mpp)
    found.ImagedVolumeWidth, found.ImagedVolumeHeight = across * info.width, down * info.height
    found.ImagedVolumeDepth = _THICKNESS_MM
    found.ImageOrientationSlide = [1, 0, 0, 0, 1, 0]
    origin, measures, groups = Dataset(), Dataset(), Dataset()
    origin.XOffsetInSlideCoordinateSystem = origin.YOffsetInSlideCoordinateSystem = 0
    found.TotalPixelMatrixOriginSequence = [origin]
    measures.PixelSpacing = [_decimal(down * info.height / height), _decimal(across * info.width / width)]
    measures.SliceThickness = _decimal(_THICKNESS_MM)
    groups.PixelMeasuresSequence = [measures]
    found.SharedFunctionalGroupsSequence = [groups]
    found.OpticalPathSequence = [_optical_path(info)]
    return found


def associated_kind(name: str) -> str | None:
    """The word of DICOM for an associated image; None if it has none for it."""
    return next((kind for word, kind in _KINDS.items() if word in name.lower()), None)


def make_associated(image: Dataset, kind: str) -> None:
    """Changes the object of a level of one frame into that of an associated image.

    Args:
        image: an object from `level_object`.
        kind: a word from `associated_kind`.
    """
    image.ImageType = ["DERIVED", "PRIMARY", kind, "RESAMPLED" if kind == "THUMBNAIL" else "NONE"]
    if kind != "THUMBNAIL":
        # Slides do not state the scale of these images.
        del image.ImagedVolumeWidth, image.ImagedVolumeHeight, image.ImagedVolumeDepth
        del image.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
        image.SpecimenLabelInImage = "YES"
        # Nor do they state its colour profile and objective.
        for keyword in ("ICCProfile", "ObjectiveLensPower"):
            if keyword in image.OpticalPathSequence[0]:
                delattr(image.OpticalPathSequence[0], keyword)
    if kind == "LABEL":
        image.LabelText = image.BarcodeValue = ""
    del image.PyramidUID


def _optical_path(info: SlideInfo) -> Dataset:
    path, light, colour = Dataset(), Dataset(), Dataset()
    path.OpticalPathIdentifier = _OPTICAL_PATH
    light.CodeValue, light.CodingSchemeDesignator, light.CodeMeaning = "111744", "DCM", "Brightfield illumination"
    path.IlluminationTypeCodeSequence = [light]
    colour.CodeValue, colour.CodingSchemeDesignator, colour.CodeMeaning = "414298005", "SCT", "Full Spectrum"
    path.IlluminationColorCodeSequence = [colour]
    if info.objective_power is not None:
        path.ObjectiveLensPower = _decimal(info.objective_power)
    if info.icc is not None:
        path.ICCProfile = info.icc
    return path


def _decimal(value: float) -> str:
    """A number as DICOM's decimal string, of at most 16 characters."""
    return f"{value:.10g}"
