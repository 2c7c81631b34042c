"""Small slides of many formats with a secret in every field that can hold one."""

import base64
import io
from xml.sax.saxutils import escape

import numpy as np
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from sr_tf.data.smear import render_smear

SECRET = "JaneDoe-S19-4711"
WIDTH, HEIGHT, TILE = 288, 208, 16 * 9
LABEL = np.zeros((64, 96, 3), np.uint8)
LABEL[::4, ::2] = LABEL[2::4, 1::2] = (255, 0, 255)
"""A pattern that no slide shows."""


def pixels():
    return render_smear(5, HEIGHT, WIDTH)


def profile():
    """A colour profile whose copyright is replaced by the secret."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    place = data.index("No copyright".encode("utf-16-be"))
    text = SECRET[:12].encode("utf-16-be")
    return data[:place] + text + data[place + len(text) :]


def marker(code, content):
    return bytes([0xFF, code]) + (len(content) + 2).to_bytes(2, "big") + content


def tiles(image, side=TILE):
    """JPEG tiles with the secret in a comment, in EXIF and in XMP."""
    for y in range(0, image.shape[0], side):
        for x in range(0, image.shape[1], side):
            tile = image[y : y + side, x : x + side]
            tile = np.pad(tile, ((0, side - tile.shape[0]), (0, side - tile.shape[1]), (0, 0)), mode="edge")
            buffer = io.BytesIO()
            Image.fromarray(tile).save(buffer, "JPEG", quality=90)
            file = buffer.getvalue()
            planted = [marker(code, SECRET.encode()) for code in (0xFE, 0xE1, 0xED)]
            yield file[:20] + b"".join(planted) + file[20:]


def write_pyramid_base(writer, description, **options):
    writer.write(
        tiles(pixels()), shape=(HEIGHT, WIDTH, 3), dtype="uint8", tile=(TILE, TILE), photometric="ycbcr",
        subsampling=(2, 2), compression="jpeg", description=description, metadata=None, iccprofile=profile(), **options,
    )  # fmt: skip


def svs(path):
    head = "Aperio Image Library v11.2.1 \r\n"
    fields = "|".join(
        f"{name} = {SECRET}" for name in ("User", "Barcode", "Filename", "Title", "ImageID", SECRET, "Gamma")
    )
    description = (
        f"{head}{WIDTH}x{HEIGHT} [0,0 {WIDTH}x{HEIGHT}] ({TILE}x{TILE}) JPEG/RGB Q=90|AppMag = 20|MPP = 0.5|{fields}"
    )
    with tifffile.TiffWriter(path) as writer:
        write_pyramid_base(writer, description, software=SECRET, datetime="2019:06:04 10:11:12")
        options = {"photometric": "rgb", "compression": "lzw", "metadata": None}
        writer.write(LABEL, description=f"{head}{SECRET}", **options)
        writer.write(LABEL, description=f"{head}label 96x64 {SECRET}", subfiletype=1, **options)
        writer.write(LABEL[::-1], description=f"{head}macro 96x64 {SECRET}", subfiletype=9, **options)
    return path


def tiff(path):
    text = [(number, "s", 0, SECRET, True) for number in (269, 271, 272, 315, 316, 33432)]
    raw = [(number, 1, len(SECRET), SECRET.encode(), True) for number in (700, 33723, 65000)]
    with tifffile.TiffWriter(path) as writer:
        write_pyramid_base(
            writer, SECRET, software=SECRET, extratags=text + raw, resolution=(40000, 40000), resolutionunit=3
        )
        for name in ("label", "macro", "thumbnail", "overview", "map"):
            writer.write(LABEL, description=f"{name} image", photometric="rgb", compression="zlib", metadata=None)
    return path


def ome(path):
    sizes = [(WIDTH, HEIGHT), *[(96, 64)] * 3]
    images = "".join(
        f'<Image ID="Image:{index}" Name="{name} {SECRET}"><Description>{SECRET}</Description>'
        f'<Pixels ID="Pixels:{index}" '
        f'DimensionOrder="XYCZT" Type="uint8" SizeX="{width}" SizeY="{height}" SizeC="3" SizeZ="1" SizeT="1" '
        f'PhysicalSizeX="0.3" PhysicalSizeY="0.3"><Channel ID="Channel:{index}:0" SamplesPerPixel="3"/>'
        f'<TiffData IFD="{index}" PlaneCount="1"/></Pixels></Image>'
        for index, (name, (width, height)) in enumerate(
            zip(("slide", "label", "macro", "thumbnail"), sizes, strict=True)
        )
    )
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Experimenter ID="Experimenter:0" UserName="{SECRET}"/>{images}<StructuredAnnotations><MapAnnotation '
        f'ID="Annotation:0"><Value><M K="{SECRET}">{SECRET}</M></Value></MapAnnotation></StructuredAnnotations></OME>'
    )
    with tifffile.TiffWriter(path, ome=False) as writer:
        write_pyramid_base(writer, xml, software=SECRET)
        for _ in range(3):
            writer.write(LABEL, photometric="rgb", compression="zlib", metadata=None)
    return path


def philips(path):
    def attribute(name, value, kind="IString"):
        return f'<Attribute Name="{name}" Group="0x301D" Element="0x1004" PMSVR="{kind}">{escape(value)}</Attribute>'

    def image(kind, *attributes):
        content = attribute("PIM_DP_IMAGE_TYPE", kind) + "".join(attributes)
        return f'<DataObject ObjectType="DPScannedImage">{content}</DataObject>'

    buffer = io.BytesIO()
    Image.fromarray(LABEL).save(buffer, "JPEG", quality=95, comment=SECRET)
    data = attribute("PIM_DP_IMAGE_DATA", base64.b64encode(buffer.getvalue()).decode())
    level = (
        attribute("DICOM_PIXEL_SPACING", '"0.00025" "0.00025"', "IDoubleArray")
        + attribute("PIIM_PIXEL_DATA_REPRESENTATION_NUMBER", "0", "IUInt16")
        + attribute("PIIM_PIXEL_DATA_REPRESENTATION_COLUMNS", str(WIDTH), "IUInt32")
        + attribute("PIIM_PIXEL_DATA_REPRESENTATION_ROWS", str(HEIGHT), "IUInt32")
    )
    levels = (
        '<Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE" Group="0x1001" Element="0x8B01" '
        f'PMSVR="IDataObjectArray"><Array><DataObject ObjectType="PixelDataRepresentation">{level}</DataObject></Array>'
        "</Attribute>"
    )
    spacing = attribute("DICOM_PIXEL_SPACING", '"0.00025" "0.00025"', "IDoubleArray")
    named = ("DICOM_MANUFACTURER", "PIM_DP_UFS_BARCODE", "PIIM_DP_SCANNER_OPERATOR_ID", "DICOM_ACQUISITION_DATETIME")
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<DataObject ObjectType="DPUfsImport">'
        + "".join(attribute(name, SECRET) for name in named)
        + '<Attribute Name="PIM_DP_SCANNED_IMAGES" Group="0x301D" Element="0x1003" PMSVR="IDataObjectArray"><Array>'
        + image("WSI", spacing, levels) + image("LABELIMAGE", data) + image("MACROIMAGE", data)
        + "</Array></Attribute></DataObject>"
    )  # fmt: skip
    with tifffile.TiffWriter(path) as writer:
        write_pyramid_base(writer, xml, software="Philips DP v1.0")
    return path


def scn(path):
    def image(name, ifd, width, height, view):
        return (
            f'<image name="{name}" uuid="urn:uuid:{SECRET}"><creationDate>{SECRET}</creationDate>'
            f'<device model="{SECRET}" '
            f'version="{SECRET}"/><pixels sizeX="{width}" sizeY="{height}"><dimension sizeX="{width}" sizeY="{height}" '
            f'r="0" ifd="{ifd}"/></pixels>{view}<scanSettings><objectiveSettings><objective>20</objective>'
            "</objectiveSettings><illuminationSettings><numericalAperture>0.4</numericalAperture><illuminationSource>"
            "brightfield</illuminationSource></illuminationSettings></scanSettings></image>"
        )

    whole = '<view sizeX="600000" sizeY="400000" offsetX="0" offsetY="0" spacingZ="0"/>'
    area = f'<view sizeX="{WIDTH * 500}" sizeY="{HEIGHT * 500}" offsetX="20000" offsetY="10000" spacingZ="0"/>'
    xml = (
        '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection '
        f'name="{SECRET}" uuid="urn:uuid:2" sizeX="600000" sizeY="400000">'
        f"<barcode>{base64.b64encode(SECRET.encode()).decode()}</barcode>"
        f"{image('macro', 0, 144, 96, whole)}{image(SECRET, 1, WIDTH, HEIGHT, area)}</collection></scn>"
    )
    macro = np.tile(LABEL, (2, 2, 1))[:96, :144]
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        options = {"photometric": "rgb", "tile": (TILE, TILE), "compression": "jpeg", "metadata": None}
        writer.write(macro, description=xml, resolution=(2400, 2400), resolutionunit=3, **options)
        writer.write(pixels(), resolution=(20000, 20000), resolutionunit=3, **options)
    return path


def png(path):
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", SECRET)
    text.add_text("Comment", SECRET, zip=True)
    text.add_itxt("XML:com.adobe.xmp", SECRET)
    Image.fromarray(pixels()).save(path, pnginfo=text, exif=_exif(), icc_profile=profile())
    return path


def jpeg(path):
    Image.fromarray(pixels()).save(path, exif=_exif(), comment=SECRET, xmp=SECRET.encode(), icc_profile=profile())
    return path


def _exif():
    exif = Image.Exif()
    for tag in (0x010E, 0x010F, 0x0110, 0x013B, 0x013C, 0x8298):
        exif[tag] = SECRET
    return exif


SLIDES = {
    "slide.svs": svs, "slide.tif": tiff, "slide.ome.tif": ome, "philips.tif": philips, "slide.scn": scn,
    "slide.png": png, "slide.jpg": jpeg,
}  # fmt: skip
