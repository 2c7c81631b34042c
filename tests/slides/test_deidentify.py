import pytest

from sr_tf.slides.deidentify import deidentified
from sr_tf.slides.info import SlideInfo
from sr_tf.slides.slide import open_slide


def info(**properties):
    return SlideInfo("aperio", 10, 20, (0.5, 0.5), 20.0, b"profile", properties)


def test_a_real_slide(real_slide):
    with open_slide(real_slide) as slide:
        kept, removed = deidentified(slide.info)
    assert {"aperio.Filename", "aperio.User", "aperio.ImageID", "aperio.Date", "aperio.Time", "aperio.ScanScope ID"} < {
        *removed
    }
    assert {"tiff.ImageDescription", "openslide.comment"} < {*removed}
    assert kept.properties.keys() | {*removed} == slide.info.properties.keys()
    assert {"aperio.AppMag", "aperio.MPP", "aperio.StripeWidth", "aperio.Left", "aperio.OriginalWidth"} < {
        *kept.properties
    }
    everything = str(kept)
    assert not [secret for secret in ("CMU-1", "b414003d", "1004486", "12/29/09", "CPAPERIOCS") if secret in everything]


@pytest.mark.parametrize(
    "name",
    [
        "aperio.Barcode", "aperio.DSR_ID", "aperio.Title", "aperio.Patient", "hamamatsu.Created", "hamamatsu.NDP.S/N",
        "hamamatsu.MacroS/N", "hamamatsu.Reference", "leica.barcode", "leica.creation-date",
        "leica.device-serial-number", "mirax.GENERAL.SLIDE_ID", "mirax.GENERAL.SLIDE_NAME",
        "mirax.GENERAL.SLIDE_CREATIONDATETIME", "philips.DICOM_DEVICE_SERIAL_NUMBER",
        "philips.PIIM_DP_SCANNER_OPERATOR_ID", "philips.PIM_DP_UFS_BARCODE", "philips.DICOM_ACQUISITION_DATETIME",
        "ventana.JP2FileName", "ventana.OperatorID", "ventana.Barcode1D", "ventana.ScanDate", "dicom.PatientName",
        "dicom.StudyInstanceUID", "dicom.ContainerIdentifier", "tiff.Artist", "tiff.HostComputer", "tiff.DateTime",
        "tiff.DocumentName", "unheard.of", "hamamatsu.Objective.Lens.SerialNumber", "aperio.LensID", "user",
    ],
)  # fmt: skip
def test_identifying_properties_are_removed(name):
    kept, removed = deidentified(info(**{name: "secret"}))
    assert removed == [name] and not kept.properties


@pytest.mark.parametrize(
    "name",
    [
        "aperio.Exposure Time", "aperio.Exposure Scale", "aperio.Gamma", "hamamatsu.SourceLens",
        "hamamatsu.XOffsetFromSlideCentre", "leica.objective", "leica.aperture", "leica.device-model",
        "mirax.GENERAL.OBJECTIVE_MAGNIFICATION", "mirax.LAYER_0_LEVEL_0_SECTION.MICROMETER_PER_PIXEL_X",
        "philips.DICOM_PIXEL_SPACING", "ventana.Magnification", "tiff.ResolutionUnit", "tiff.XResolution",
        "tiff.Make", "openslide.background-color", "openslide.bounds-x",
    ],
)  # fmt: skip
def test_technical_properties_are_kept(name):
    kept, removed = deidentified(info(**{name: "1"}))
    assert removed == [] and kept.properties
    assert (kept.mpp, kept.objective_power, kept.icc, kept.width) == ((0.5, 0.5), 20.0, b"profile", 10)
