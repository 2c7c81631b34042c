"""De-identification: what is known about a slide to be safe to keep, for all formats.

Every vendor chooses its own property names, and any field can hold free text: a person's name in the model of the
scanner, a barcode in the software's version. Therefore a property is kept only if its exact name is listed here and its
value has the form that is listed with it: a number of a plausible length, or one of a few known words. Everything else
is removed: users, barcodes, dates, paths, serial numbers, UIDs, free text and unknown names.

No associated image is kept. A label or macro shows the label; so may an overview or a thumbnail, and nothing in the
file proves that it does not. An archive has a preview that is made from the slide's own pixels.

`sr_tf.slides.icc_text` removes the text of colour profiles, `sr_tf.slides.jpeg_metadata` that of copied JPEG tiles.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from sr_tf.slides.icc_text import without_text
from sr_tf.slides.info import ASSOCIATED, SlideInfo

# Numbers long enough for what they describe, and too short for most identifiers and dates.
_FRACTION = r"(?:\.\d{0,18})?(?:[eE][+-]?\d{1,2})?"
_SMALL = rf"[+-]?(?:\d{{1,5}}|(?=\.\d)){_FRACTION}"
_DECIMAL = rf"{_SMALL}|\d{{1,5}},\d{{1,8}}"
_SIZE = rf"[+-]?\d{{1,7}}{_FRACTION}"
_NANOMETRES = r"[+-]?\d{1,9}"
_LIST = rf'"?{_SMALL}"?(?:[ ,\\] ?"?{_SMALL}"?){{0,15}}'
_RGB = r"[0-9A-Fa-f]{6}"
_YES_NO = "YES|NO"
_VERSION = r"v?\d{1,3}(?:\.\d{1,3}){0,2}"
_MAKERS = (
    "Aperio|Leica|Leica Biosystems|Leica Microsystems|Hamamatsu|HAMAMATSU|Hamamatsu Photonics|Philips|PHILIPS|Roche|"
    "Ventana|VENTANA|3DHISTECH|Olympus|Zeiss|ZEISS|Carl Zeiss|Trestle|Sakura|Grundium|Motic|Huron|PixelMed"
)
_MODELS = (
    r"Leica SCN400F?|C9600(?:-\d\d)?|C10730(?:-\d\d)?|C12000(?:-\d\d)?|C132[1-3]0(?:-\d\d)?|C13140(?:-\d\d)?|"
    r"NanoZoomer|(?:VENTANA )?iScan (?:HT|Coreo)|VENTANA DP [26]00|(?:Aperio )?(?:AT2|CS2|GT450|GT 450)|"
    r"ScanScope(?: (?:AT|CS|XT|GL|T2))?|UFS Scanner|Pannoramic (?:MIDI|SCAN|DESK|250|1000)"
)
_SOFTWARE = rf"sr-tf|tifffile\.py|(?:Philips DP|Aperio Image Library|NDP\.scan|libvips|QuPath|ImageJ) {_VERSION}"
_PHOTOMETRIC = r"MONOCHROME2|RGB|YBR_FULL|YBR_FULL_422|YBR_ICT|YBR_RCT"
_I = r"\[\d{1,3}\]"

_VENDORS = {
    "openslide": {
        "background-color": _RGB,
        rf"(?:bounds-|region{_I}\.)(?:x|y|width|height)": _SIZE,
    },
    "tiff": {
        "[XY]Resolution": _SIZE,
        "ResolutionUnit": "none|inch|centimeter|unknown",
        "Make": _MAKERS,
        "Model": _MODELS,
        "Software": _SOFTWARE,
    },
    "aperio": {
        "AppMag|MPP|Gamma|Exposure Time|Exposure Scale|Left|Top|Focus Offset|Filtered|LineAreaXOffset|LineAreaYOffset|"
        "LineCameraSkew|DisplayColor|DepthOfField": _DECIMAL,
        "StripeWidth|OriginalWidth|OriginalHeight|Originalheight": _SIZE,
    },
    "hamamatsu": {
        r"SourceLens|Objective\.Lens\.Magnificant|NoLayers|NoJpegColumns|NoJpegRows|BitsPerPixel": _SMALL,
        "LayerSpacing|LayerOffset|Physical(?:Macro)?(?:Width|Height)|[XYZ]OffsetFromSlideCentre": _NANOMETRES,
    },
    "leica": {
        "aperture|objective": _SMALL,
        "illumination-source": "brightfield|fluorescence",
        "device-model": _MODELS,
    },
    "mirax": {
        r"GENERAL\.(?:OBJECTIVE_MAGNIFICATION|CameraImageDivisionsPerSide|COMPRESSION_FACTOR|IMAGENUMBER_[XY])": _SMALL,
        r"LAYER_\d{1,2}_LEVEL_\d{1,2}_SECTION\.(?:OVERLAP_[XY]|MICROMETER_PER_PIXEL_[XY]|IMAGE_CONCAT_FACTOR|"
        r"DIGITIZER_WIDTH|DIGITIZER_HEIGHT|IMAGE_COMPRESSION_FACTOR)": _DECIMAL,
        r"LAYER_\d{1,2}_LEVEL_\d{1,2}_SECTION\.IMAGE_FILL_COLOR_BGR": r"\d{1,8}",
        r"LAYER_\d{1,2}_LEVEL_\d{1,2}_SECTION\.IMAGE_FORMAT": "JPEG|PNG|BMP24",
    },
    "philips": {
        rf"(?:PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE{_I}\.)?(?:DICOM_(?:PIXEL_SPACING|BITS_ALLOCATED|BITS_STORED|"
        "HIGH_BIT|PIXEL_REPRESENTATION|PLANAR_CONFIGURATION|SAMPLES_PER_PIXEL|LOSSY_IMAGE_COMPRESSION|"
        "LOSSY_IMAGE_COMPRESSION_RATIO)|PIIM_PIXEL_DATA_REPRESENTATION_NUMBER)": _LIST,
        rf"(?:PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE{_I}\.)?PIIM_PIXEL_DATA_REPRESENTATION_(?:COLUMNS|ROWS)": _SIZE,
        "DICOM_PHOTOMETRIC_INTERPRETATION": _PHOTOMETRIC,
        "DICOM_MANUFACTURER": _MAKERS,
        "PIM_DP_IMAGE_TYPE": "WSI",
    },
    "ventana": {
        "Magnification|ScanRes|Z-layers|Z-spacing|Gamma|Gain": _SMALL,
        "ScannerModel": _MODELS,
    },
    "trestle": {
        "Background Color": _RGB,
        "Objective Power|JPEG Quality|White Balance|OverlapsXY": _LIST,
    },
    "sakura": {"NominalLensMagnification": _SMALL},
    "dicom": {
        "SamplesPerPixel|BitsAllocated|BitsStored|HighBit|PixelRepresentation|PlanarConfiguration|Rows|Columns|"
        "NumberOfOpticalPaths|TotalPixelMatrixFocalPlanes|ImagedVolume(?:Width|Height|Depth)|"
        rf"LossyImageCompressionRatio|ImageOrientationSlide{_I}|RecommendedAbsentPixelCIELabValue{_I}": _SMALL,
        rf"SharedFunctionalGroupsSequence{_I}\.PixelMeasuresSequence{_I}\.(?:PixelSpacing{_I}|SliceThickness)": _SMALL,
        rf"OpticalPathSequence{_I}\.ObjectiveLens(?:Power|NumericalAperture)": _SMALL,
        rf"TotalPixelMatrixOriginSequence{_I}\.[XY]OffsetInSlideCoordinateSystem": _SMALL,
        "NumberOfFrames|TotalPixelMatrix(?:Columns|Rows)": _SIZE,
        "PhotometricInterpretation": _PHOTOMETRIC,
        "LossyImageCompression": "0[01]",
        "LossyImageCompressionMethod": "ISO_10918_1|ISO_14495_1|ISO_15444_1",
        "TransferSyntaxUID": r"1\.2\.840\.10008\.1\.2(?:\.\d{1,2}){0,2}",
        "Modality": "SM",
        rf"ImageType{_I}": "ORIGINAL|DERIVED|PRIMARY|VOLUME|NONE|RESAMPLED",
        "DimensionOrganizationType": "TILED_FULL|TILED_SPARSE",
        "FocusMethod": "AUTO|MANUAL",
        "ExtendedDepthOfField|SpecimenLabelInImage|BurnedInAnnotation": _YES_NO,
        "VolumetricProperties": "VOLUME",
        "Manufacturer": _MAKERS,
    },
}  # fmt: skip
_KEPT = {
    vendor: [(re.compile(name, re.ASCII), re.compile(value, re.ASCII)) for name, value in names.items()]
    for vendor, names in _VENDORS.items()
}

# Removed properties whose names may be told, because the vendor or OpenSlide chose them, not the file's owner.
_TOLD = {
    "openslide": {"comment", "barcode"},
    "tiff": {"ImageDescription", "DateTime", "Artist", "HostComputer", "Copyright", "DocumentName", "Make", "Model",
             "Software"},
    "aperio": {"Filename", "User", "ImageID", "Date", "Time", "Time Zone", "ScanScope ID", "Parmset", "Title",
               "Barcode", "Patient", "DSR ID", "ICC Profile", "Rack", "Slide", "SessonMode", "User GUID"},
    "hamamatsu": {"Created", "Updated", "Reference", "NDP.S/N", "MacroS/N"},
    "leica": {"barcode", "creation-date", "device-model", "device-version"},
    "mirax": {"GENERAL.SLIDE_ID", "GENERAL.SLIDE_NAME", "GENERAL.SLIDE_CREATIONDATETIME", "GENERAL.PROJECT_NAME"},
    "philips": {"PIM_DP_UFS_BARCODE", "PIIM_DP_SCANNER_OPERATOR_ID", "DICOM_ACQUISITION_DATETIME",
                "DICOM_DEVICE_SERIAL_NUMBER"},
    "ventana": {"JP2FileName", "OperatorID", "UserName", "UnitNumber", "Barcode1D", "Barcode2D", "ScanDate",
                "SlideAnnotation"},
    "dicom": {"PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
              "AccessionNumber", "ContainerIdentifier", "BarcodeValue", "DeviceSerialNumber", "ReferringPhysicianName",
              "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"},
}  # fmt: skip


def deidentified(info: SlideInfo) -> tuple[SlideInfo, list[str]]:
    """Removes every property that is not known to be safe, and the text of the colour profile.

    Args:
        info: the slide's size and metadata.

    Returns:
        (a copy without these properties, the names of the removed properties in alphabetical order). Size, mpp and
        objective power are kept; so is the colour profile's transform, unless the profile cannot be understood. A name
        can be identifying too: `publishable` lists what may be told.
    """
    kept = {name: value for name, value in info.properties.items() if is_safe(name, value)}
    icc = None if info.icc is None else without_text(info.icc)
    return replace(info, properties=kept, icc=icc), sorted(info.properties.keys() - kept.keys())


def is_safe(name: str, value: str) -> bool:
    """Whether a property is known to identify nobody, from its name and its value."""
    vendor, _, rest = name.partition(".")
    return any(key.fullmatch(rest) and form.fullmatch(value) for key, form in _KEPT.get(vendor, ()))


def publishable(removed: Iterable[str], images: Iterable[str]) -> list[str]:
    """Describes what was removed, without names that the file's owner may have chosen.

    Args:
        removed: names of removed properties.
        images: names of removed associated images.

    Returns:
        The names that vendors and OpenSlide use, and the numbers of others.
    """
    removed, images = sorted(removed), sorted(images)
    told = [name for name in removed if name.partition(".")[2] in _TOLD.get(name.partition(".")[0], ())]
    shown = [f"associated image {name}" for name in images if name in ASSOCIATED]
    others = [
        f"{count} further {what}"
        for count, what in (
            (len(removed) - len(told), "properties"),
            (len(images) - len(shown), "associated images"),
        )
        if count
    ]
    return [*told, *shown, *others]
