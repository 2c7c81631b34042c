"""More slides with a secret: NDPI, BIF, VMS, Trestle and DICOM, which other helpers write."""

import pydicom
from planted_slides import LABEL, SECRET, marker
from pydicom.uid import generate_uid
from slides_of_several_files import pattern, write_instance, write_restarting_jpeg, write_vms
from slides_of_several_files import write_trestle as write_trestle_files
from vendor_slides import write_bif, write_ndpi

PIXELS = pattern(256, 384)


def ndpi(path):
    write_ndpi(path, PIXELS, text=SECRET)
    return path


def bif(path):
    """The model of the scanner is a free text."""
    write_bif(path, PIXELS)
    data, model = path.read_bytes(), b"VENTANA iScan HT"
    assert data.count(model) == 1 and len(model) == len(SECRET)
    path.write_bytes(data.replace(model, SECRET.encode()))
    return path


def vms(path):
    paths = write_vms(path.parent, PIXELS)
    paths[0].write_text(paths[0].read_text() + f"UserName={SECRET}\nReference={SECRET}\n{SECRET}=1\n")
    write_restarting_jpeg(paths[1], LABEL)
    for jpeg in paths[1:]:
        data = jpeg.read_bytes()
        jpeg.write_bytes(data[:2] + marker(0xFE, SECRET.encode()) + data[2:])
    return paths[0]


def trestle(path):
    paths = write_trestle_files(path.parent, PIXELS)
    data, colour = paths[0].read_bytes(), b"Background Color=FFFFFF"
    planted = b"User=" + SECRET.encode()
    paths[0].write_bytes(data.replace(colour, planted.ljust(len(colour))))
    return paths[0]


def dicom(path):
    """Two files of one series: the slide, and its label."""
    series = generate_uid()
    for name, pixels, kind in (("1.dcm", PIXELS, "VOLUME"), ("2.dcm", LABEL[:64, :64], "LABEL")):
        file = path.with_name(name)
        write_instance(file, pixels, series)
        data = pydicom.dcmread(file)
        data.ImageType = ["ORIGINAL", "PRIMARY", kind, "NONE"]
        for keyword in (
            "PatientName", "PatientID", "AccessionNumber", "StudyID", "InstitutionName", "OperatorsName", "StationName",
            "DeviceSerialNumber", "SeriesDescription", "ContainerIdentifier", "BarcodeValue", "Manufacturer",
            "ManufacturerModelName", "SoftwareVersions", "ImageComments",
        ):  # fmt: skip
            setattr(data, keyword, SECRET)
        data.private_block(0x0011, SECRET, create=True).add_new(1, "LO", SECRET)
        data.save_as(file, enforce_file_format=True)
    return path.with_name("1.dcm")


SLIDES = {"slide.ndpi": ndpi, "slide.bif": bif, "slide.vms": vms, "trestle.tif": trestle, "1.dcm": dicom}
