"""Intact slides and images, drawn by the program itself; inputs are mutated copies of them."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms

from sr_tf.data.smear import render_smear

WIDTH, HEIGHT = 208, 144
_APERIO = (
    "Aperio Image Library v11.2.1 \r\n{w}x{h} [0,0 {w}x{h}] (64x64) {codec} Q=70|AppMag = 20|MPP = 0.4990|Filename = a1"
)
_OME = """<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Instrument ID="Instrument:0"><Objective ID="Objective:0" NominalMagnification="40"/></Instrument>
<Image ID="Image:0" Name="cells"><ObjectiveSettings ID="Objective:0"/><Pixels ID="Pixels:0" DimensionOrder="XYCZT"
Type="uint8" SizeX="{w}" SizeY="{h}" SizeC="3" SizeZ="1" SizeT="1" PhysicalSizeX="0.3" PhysicalSizeXUnit="µm"
PhysicalSizeY="0.3" PhysicalSizeYUnit="µm"><Channel ID="Channel:0:0" SamplesPerPixel="{samples}"/>
<TiffData IFD="0" PlaneCount="{planes}"/></Pixels></Image>{label}</OME>"""
_OME_LABEL = """<Image ID="Image:1" Name="label"><Pixels ID="Pixels:1" DimensionOrder="XYCZT" Type="uint8" SizeX="64"
SizeY="48" SizeC="3" SizeZ="1" SizeT="1"><Channel ID="Channel:1:0" SamplesPerPixel="3"/><TiffData IFD="1"
PlaneCount="1"/></Pixels></Image>"""


def pixels() -> np.ndarray:
    """The drawn scene, uint8 [144, 208, 3]."""
    return render_smear(3, HEIGHT, WIDTH)


def build(folder: Path) -> None:
    """Writes the intact files of each kind of slide and image to `folder`/KIND."""
    for kind, builders in BUILDERS.items():
        (folder / kind).mkdir(parents=True)
        for name, write in builders.items():
            write(folder / kind / name)


def _tiff(image=None, **options) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        content = pixels() if image is None else image()
        defaults = {"tile": (64, 64), "photometric": "rgb", "metadata": None}
        tifffile.imwrite(path, content, **{**defaults, **options})

    return write


def _pyramid(path: Path) -> None:
    with tifffile.TiffWriter(path) as writer:
        for level, image in enumerate((pixels(), pixels()[::2, ::2])):
            writer.write(
                image, tile=(64, 64), compression="jpeg", photometric="rgb", subfiletype=bool(level), metadata=None
            )


def _aperio(codec: str, **options) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        image, small = pixels(), pixels()[::4, ::4]
        about = _APERIO.format(w=WIDTH, h=HEIGHT, codec=codec)
        strips = {"photometric": "rgb", "metadata": None, "rowsperstrip": 16}
        with tifffile.TiffWriter(path) as writer:
            writer.write(image, description=about, tile=(64, 64), photometric="rgb", metadata=None, **options)
            writer.write(small, description=about + "|thumbnail", compression="jpeg", **strips)
            writer.write(small, description="Aperio\r\nlabel 52x36", compression="lzw", subfiletype=1, **strips)
            writer.write(small, description="Aperio\r\nmacro 52x36", compression="jpeg", subfiletype=9, **strips)

    return write


def ome_text(samples: int = 3, planes: int = 1, label: bool = False) -> str:
    """The OME-XML of the drawn scene."""
    return _OME.format(w=WIDTH, h=HEIGHT, samples=samples, planes=planes, label=_OME_LABEL if label else "")


def write_ome(path: Path, text: str | bytes, form: int) -> None:
    """Writes an OME-TIFF with any OME-XML. `form`: 0 JPEG tiles, 1 strips, 2 planes, 3 with a label, 4 BigTIFF."""
    image = pixels()
    tiles = {"tile": (64, 64)}
    strips, planes = {"compression": "deflate", "rowsperstrip": 16}, {"planarconfig": "separate", **tiles}
    options = ({"compression": "jpeg", **tiles}, strips, planes, tiles, {"tile": (128, 128)})[form]
    text = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    with tifffile.TiffWriter(path, ome=False, bigtiff=form == 4) as writer:
        image = np.ascontiguousarray(image.transpose(2, 0, 1)) if form == 2 else image
        writer.write(image, description=text, photometric="rgb", metadata=None, **options)
        if form == 3:
            writer.write(image[:48, :64], photometric="rgb", metadata=None, compression="lzw", rowsperstrip=16)


def ome_of(form: int) -> str:
    """The right OME-XML of a form of `write_ome`."""
    return ome_text(label=form == 3)


def _dicom(jpeg: bool) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        from pydicom.dataset import Dataset, FileMetaDataset
        from pydicom.encaps import encapsulate
        from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

        image = np.pad(pixels(), ((0, 48), (0, 48), (0, 0)), "edge")
        tiles = [image[y : y + 64, x : x + 64] for y in range(0, 192, 64) for x in range(0, 256, 64)]
        data = Dataset()
        data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.6", f"1.2.826.0.1.3680043.9.7.{1 + jpeg}"
        data.StudyInstanceUID, data.SeriesInstanceUID = (
            "1.2.826.0.1.3680043.9.7.7",
            f"1.2.826.0.1.3680043.9.7.8.{1 + jpeg}",
        )
        data.Modality, data.ImageType = "SM", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
        data.PatientName, data.PatientID = "Nobody", "1"
        data.Rows, data.Columns, data.NumberOfFrames = 64, 64, str(len(tiles))
        data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = WIDTH, HEIGHT
        data.DimensionOrganizationType = "TILED_FULL"
        data.SamplesPerPixel, data.PlanarConfiguration, data.PixelRepresentation = 3, 0, 0
        data.PhotometricInterpretation = "YBR_FULL_422" if jpeg else "RGB"
        data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
        data.NumberOfOpticalPaths, data.TotalPixelMatrixFocalPlanes = 1, 1
        measures, shared, path_item = Dataset(), Dataset(), Dataset()
        measures.PixelSpacing, measures.SliceThickness = [0.0003, 0.0003], 0.001
        shared.PixelMeasuresSequence = [measures]
        data.SharedFunctionalGroupsSequence = [shared]
        path_item.OpticalPathIdentifier, path_item.ObjectiveLensPower = "1", "40"
        data.OpticalPathSequence = [path_item]
        data.PixelData = encapsulate([_jpeg(tile) for tile in tiles]) if jpeg else b"".join(t.tobytes() for t in tiles)
        data["PixelData"].VR = "OB"
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.save_as(path, enforce_file_format=True)

    return write


def _jpeg(image: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", **{"quality": 80, **options})
    return buffer.getvalue()


def _picture(mode: str = "RGB", **options) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        options.setdefault("icc_profile", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
        Image.fromarray(pixels()).convert(mode).save(path, **options)

    return write


def _exif(turn: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x112] = turn
    return exif


def _deep() -> np.ndarray:
    return pixels().astype(np.uint16) * 257


def _planes() -> np.ndarray:
    return np.ascontiguousarray(pixels().transpose(2, 0, 1))


def _grey() -> np.ndarray:
    return pixels()[..., 1]


BUILDERS: dict[str, dict[str, Callable[[Path], None]]] = {
    "svs": {
        "jpeg.svs": _aperio("JPEG/RGB", compression="jpeg"),
        "jp2k.svs": _aperio("JPEG2000", compression="aperio_jp2000_rgb"),
        "lzw.svs": _aperio("LZW", compression="lzw", predictor=True),
    },
    "tiff": {
        "tiles.tif": _tiff(compression="deflate"),
        "strips.tif": _tiff(tile=None, rowsperstrip=16),
        "big.tif": _tiff(bigtiff=True, compression="jpeg"),
        "big-endian.tif": _tiff(byteorder=">", compression="lzw", predictor=True),
        "jpeg.tif": _tiff(compression="jpeg"),
        "jpeg-strips.tif": _tiff(tile=None, rowsperstrip=16, compression="jpeg"),
        "jpeg2000.tif": _tiff(compression="jpeg2000"),
        "webp.tif": _tiff(compression="webp"),
        "jpegxl.tif": _tiff(compression="jpegxl"),
        "zstd.tif": _tiff(compression="zstd"),
        "planar.tif": _tiff(_planes, planarconfig="separate"),
        "planar-strips.tif": _tiff(_planes, planarconfig="separate", tile=None, rowsperstrip=16),
        "grey.tif": _tiff(_grey, photometric="minisblack", compression="packbits"),
        "16-bit.tif": _tiff(_deep),
        "signed.tif": _tiff(lambda: pixels().astype(np.int8)),
        "pyramid.tif": _pyramid,
        "turned.tif": _tiff(extratags=[(274, 3, 1, 6, True)], tile=None),
        "imagej.tif": lambda path: tifffile.imwrite(
            path, pixels(), imagej=True, metadata={"unit": "um"}, resolution=(3, 3)
        ),
    },
    "ome-tiff": {f"{form}.ome.tif": lambda path, form=form: write_ome(path, ome_of(form), form) for form in range(5)},
    "dicom": {"jpeg.dcm": _dicom(True), "raw.dcm": _dicom(False)},
    "png": {
        "rgb.png": _picture(),
        "grey.png": _picture("L"),
        "palette.png": _picture("P"),
        "opaque.png": _picture("RGBA"),
        "bits.png": _picture("1"),
        "turned.png": _picture(exif=_exif(6)),
    },
    "jpeg": {
        "444.jpg": _picture(subsampling=0),
        "420.jpg": _picture(subsampling=2),
        "progressive.jpg": _picture(progressive=True),
        "grey.jpg": _picture("L"),
        "cmyk.jpg": _picture("CMYK"),
        "turned.jpg": _picture(exif=_exif(8)),
        "restarts.jpg": _picture(restart_marker_blocks=4),
    },
}
"""The writers of the intact files, by kind and by name. Some are of forms that are refused."""
