import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageCms

from sr_tf.slides.deidentify import deidentified, is_safe, publishable
from sr_tf.slides.info import SlideInfo
from sr_tf.slides.slide import open_slide

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def info(**properties):
    return SlideInfo("aperio", 10, 20, (0.5, 0.5), 20.0, PROFILE, properties)


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
    ("name", "value"),
    [
        ("aperio.Exposure Time", "109"), ("aperio.Exposure Scale", "0.000001"), ("aperio.Gamma", "2.2"),
        ("aperio.MPP", "0,2528"), ("aperio.LineAreaYOffset", "-0.000313"), ("hamamatsu.SourceLens", "20"),
        ("hamamatsu.XOffsetFromSlideCentre", "-1234567"), ("leica.objective", "20"), ("leica.aperture", "0.4"),
        ("leica.device-model", "Leica SCN400"), ("mirax.GENERAL.OBJECTIVE_MAGNIFICATION", "20"),
        ("mirax.LAYER_0_LEVEL_0_SECTION.MICROMETER_PER_PIXEL_X", "0.23"),
        ("philips.DICOM_PIXEL_SPACING", '"0.00025" "0.00025"'), ("ventana.Magnification", "20"),
        ("tiff.ResolutionUnit", "centimeter"), ("tiff.XResolution", "39370.078740157478"), ("tiff.Make", "Hamamatsu"),
        ("tiff.Software", "Philips DP v1.0"), ("openslide.background-color", "F0F1EE"), ("openslide.bounds-x", "1"),
        ("openslide.region[0].width", "1024"), ("dicom.ImageOrientationSlide[1]", "-1"),
        ("dicom.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing[0]", ".000499"),
    ],
)  # fmt: skip
def test_technical_properties_are_kept(name, value):
    kept, removed = deidentified(info(**{name: value}))
    assert removed == [] and kept.properties == {name: value}
    assert (kept.mpp, kept.objective_power, kept.width) == ((0.5, 0.5), 20.0, 10)
    assert kept.icc is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tiff.Make", "Jane Doe"), ("tiff.Model", "C13210 of Jane Doe"), ("tiff.Software", "sr-tf\nJane Doe"),
        ("tiff.Software", "libvips 10.20.30.40"), ("leica.device-model", "Jane Doe"), ("aperio.AppMag", "20 Doe"),
        ("aperio.MPP", "20091229"), ("aperio.MPP", "٢٠"), ("hamamatsu.SourceLens", "20\n"),
        ("philips.DICOM_MANUFACTURER", "S19-1234"), ("dicom.ImageType[0]", "DOE^JANE"),
        ("dicom.TransferSyntaxUID", "1.2.840.10008.1.2.4.50.1.2.3"), ("openslide.background-color", "Doe"),
    ],
)  # fmt: skip
def test_a_technical_name_with_another_kind_of_value_is_removed(name, value):
    kept, removed = deidentified(info(**{name: value}))
    assert removed == [name] and not kept.properties


_LISTED = [
    "aperio.MPP",
    "aperio.AppMag",
    "tiff.Software",
    "tiff.Make",
    "leica.device-model",
    "philips.DICOM_PIXEL_SPACING",
]
_NAMES = (
    st.sampled_from(_LISTED)
    | st.text(max_size=30)
    | st.builds("{}.{}".format, st.sampled_from(["aperio", "x"]), st.text())
)


@given(st.dictionaries(_NAMES, st.text(max_size=60)))
def test_nothing_outside_the_list_survives(properties):
    kept, removed = deidentified(info(**properties))
    assert kept.properties.keys() | {*removed} == properties.keys()
    for name, value in kept.properties.items():
        assert name in _LISTED
        assert re.fullmatch(r'[-+0-9.,eE" ]{1,60}', value) or not name.startswith(("aperio", "philips"))


@given(st.sampled_from(_LISTED), st.text(max_size=20), st.text(max_size=20))
def test_a_name_within_a_value_is_never_kept(name, before, after):
    assert not is_safe(name, f"{before}Doe{after}")


def test_names_that_the_owner_chose_are_not_told():
    removed = ["aperio.User", "aperio.Jane Doe", "tiff.Artist", "Jane Doe", "ome.Jane"]
    told = publishable(removed, ["label", "Jane Doe", "thumbnail"])
    assert told == [
        "aperio.User", "tiff.Artist", "associated image label", "associated image thumbnail", "3 further properties",
        "1 further associated images",
    ]  # fmt: skip
