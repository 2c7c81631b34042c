"""Small slides in the layouts of vendors, written by the tests."""

import io
import struct

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

APERIO = "Aperio Image Library v11.2.1 \r\n{width}x{height} [0,0 {width}x{height}] (128x128) JPEG/RGB Q=80|MPP = 0.5"
SCN = """<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01" uuid="urn:uuid:1">
<collection name="c" uuid="urn:uuid:2" sizeX="{canvas}" sizeY="{canvas}"><barcode>MQ==</barcode>
<image name="i" uuid="urn:uuid:4"><creationDate>2011-01-01T00:00:00Z</creationDate>
<device model="Leica SCN400" version="1"/><pixels sizeX="{width}" sizeY="{height}">
<dimension sizeX="{width}" sizeY="{height}" r="0" ifd="0"/></pixels>
<view sizeX="{across}" sizeY="{down}" offsetX="20250" offsetY="10000" spacingZ="0"/>
<scanSettings><objectiveSettings><objective>20</objective></objectiveSettings><illuminationSettings>
<numericalAperture>0.4</numericalAperture><illuminationSource>brightfield</illuminationSource></illuminationSettings>
</scanSettings></image></collection></scn>"""


def write_svs(path, pixels, lossless=False, missing=()):
    """An SVS with a smaller level; tiles in `missing` are left out."""
    height, width = pixels.shape[:2]
    options = {"tile": (128, 128), "photometric": "rgb", "metadata": None}
    options |= {"compression": 33005} if lossless else {"compression": "jpeg", "compressionargs": {"level": 90}}
    with tifffile.TiffWriter(path) as tiff:
        description = APERIO.format(width=width, height=height)
        if lossless:
            tiff.write(_codestreams(pixels), shape=pixels.shape, dtype=np.uint8, description=description, **options)
        else:
            tiff.write(pixels, description=description, **options)
            tiff.write(np.ascontiguousarray(pixels[::2, ::2]), subfiletype=1, **options)
    if missing:
        with tifffile.TiffFile(path, mode="r+") as tiff:
            for name in ("TileByteCounts", "TileOffsets"):
                values = list(tiff.pages[0].tags[name].value)
                for index in missing:
                    values[index] = 0
                tiff.pages[0].tags[name].overwrite(values)
    return path


def _codestreams(pixels):
    for y in range(0, pixels.shape[0], 128):
        for x in range(0, pixels.shape[1], 128):
            part = pixels[y : y + 128, x : x + 128]
            part = np.pad(part, ((0, 128 - part.shape[0]), (0, 128 - part.shape[1]), (0, 0)), mode="edge")
            yield imagecodecs.jpeg2k_encode(part, level=0, reversible=True, codecformat="j2k", mct=True)


def write_scn(path, pixels, areas=1):
    """An SCN with an area that does not begin at a whole pixel of the slide, or with the same one twice and a macro."""
    height, width = pixels.shape[:2]
    sizes = {"canvas": 400_000, "width": width, "height": height, "across": 500 * width, "down": 500 * height}
    text = SCN.format(**sizes)
    image = text[text.index("<image") : text.index("</collection>")]
    if areas > 1:
        second = image.replace('"10000"', '"210000"').replace('ifd="0"', 'ifd="1"')
        macro = image.replace('"20250"', '"0"').replace('"10000"', '"0"').replace('ifd="0"', 'ifd="2"')
        macro = macro.replace(f'"{500 * width}"', '"400000"').replace(f'"{500 * height}"', '"400000"')
        text = text.replace("</collection>", f"{second}{macro}</collection>")
    options = {"tile": (128, 128), "compression": "jpeg", "photometric": "rgb", "metadata": None}
    options |= {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for number in range(1 if areas == 1 else 3):
            tiff.write(pixels, description=None if number else text, **options)
    return path


def write_philips(path, pixels):
    """A Philips TIFF."""
    height, width = pixels.shape[:2]

    def attribute(name, group, element, kind, value):
        return f'<Attribute Name="{name}" Group="{group}" Element="{element}" PMSVR="{kind}">{value}</Attribute>'

    spacing = attribute(
        "DICOM_PIXEL_SPACING", "0x0028", "0x0030", "IDoubleArray", "&quot;0.0005&quot; &quot;0.0005&quot;"
    )
    level = (
        '<DataObject ObjectType="PixelDataRepresentation">' + spacing
        + attribute("PIIM_PIXEL_DATA_REPRESENTATION_NUMBER", "0x1001", "0x8B01", "IUInt16", "0")
        + attribute("PIIM_PIXEL_DATA_REPRESENTATION_COLUMNS", "0x2001", "0x115E", "IUInt32", str(width))
        + attribute("PIIM_PIXEL_DATA_REPRESENTATION_ROWS", "0x2001", "0x115D", "IUInt32", str(height)) + "</DataObject>"
    )  # fmt: skip
    levels = attribute(
        "PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE", "0x1001", "0x8B01", "IDataObjectArray", f"<Array>{level}</Array>"
    )
    image = attribute("PIM_DP_IMAGE_TYPE", "0x301D", "0x1004", "IString", "WSI") + spacing + levels
    images = f'<Array><DataObject ObjectType="DPScannedImage">{image}</DataObject></Array>'
    content = attribute("PIM_DP_SCANNED_IMAGES", "0x301D", "0x1003", "IDataObjectArray", images)
    description = f'<?xml version="1.0"?>\n<DataObject ObjectType="DPUfsImport">{content}</DataObject>'
    tifffile.imwrite(
        path, pixels, tile=(128, 128), compression="jpeg", photometric="rgb", metadata=None, description=description,
        software="Philips DP v1.0",
    )  # fmt: skip
    return path


def write_ndpi(path, pixels, restart=4, text="", chroma="4:2:2", cut=True, rgb=False):
    """An NDPI: one JPEG strip, with restart markers after `restart` MCUs and their positions in the tag McuStarts.

    `text` is its reference, and a comment in the JPEG. With `cut`, the sides are cut down to multiples of 64 and 16.
    Without restart markers if `restart` is 0. With `rgb`, the JPEG is not in YCbCr, as the file's tag says.
    """
    buffer = io.BytesIO()
    if cut:
        pixels = pixels[: pixels.shape[0] // 16 * 16, : pixels.shape[1] // 64 * 64]
    pixels = np.ascontiguousarray(pixels)
    width = pixels.shape[1]
    options = {"restart_marker_blocks": restart, "comment": text, "keep_rgb": rgb}
    options = {name: value for name, value in options.items() if value}
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90, subsampling=chroma, **options)
    jpeg = buffer.getvalue()
    start = jpeg.index(b"\xff\xda")
    start += 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big")
    marks = [
        place + 2 for place in range(start, len(jpeg) - 1) if jpeg[place] == 255 and 0xD0 <= jpeg[place + 1] < 0xD8
    ]
    starts = struct.pack(f"<{len(marks) + 1}I", start, *marks)
    file = io.BytesIO()
    file.write(b"II*\0" + b"\0" * 8)

    def put(data):
        place = file.tell()
        file.write(data + b"\0" * (len(data) % 2))
        return place

    (lens,) = struct.unpack("<I", struct.pack("<f", 20.0))
    resolution, scan = put(struct.pack("<II", 20000, 1)), put(jpeg)
    tags = [
        (256, 4, 1, width), (257, 4, 1, pixels.shape[0]), (258, 3, 1, 8), (259, 3, 1, 7), (262, 3, 1, 6),
        (271, 2, 10, put(b"Hamamatsu\0")), (273, 4, 1, scan), (277, 3, 1, 3), (278, 4, 1, pixels.shape[0]),
        (279, 4, 1, len(jpeg)), (282, 5, 1, resolution), (283, 5, 1, resolution), (296, 3, 1, 3), (65420, 4, 1, 1),
        (65421, 11, 1, lens), (65422, 9, 1, 0), (65423, 9, 1, 0), (65424, 9, 1, 0),
    ]  # fmt: skip
    if restart:
        tags.append((65426, 4, len(marks) + 1, put(starts)))
    if text:
        tags.append((65427, 2, len(text) + 1, put(text.encode() + b"\0")))
    place = file.tell()
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    file.write(struct.pack("<H", len(tags)) + entries + b"\0" * (8 + 4 * len(tags)))
    file.seek(4)
    file.write(struct.pack("<Q", place))
    path.write_bytes(file.getvalue())
    return path


def write_dicom(path, pixels, jpeg=False, sparse=False):
    """A DICOM slide of one level, raw or in JPEG; with `sparse`, the second tile is left out."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

    height, width = pixels.shape[:2]
    places, frames = [], []
    for y in range(0, height, 128):
        for x in range(0, width, 128):
            part = pixels[y : y + 128, x : x + 128]
            part = np.pad(part, ((0, 128 - part.shape[0]), (0, 128 - part.shape[1]), (0, 0)), mode="edge")
            if not sparse or (x, y) != (128, 0):
                places.append((x, y))
                frames.append(imagecodecs.jpeg8_encode(part, level=90, subsampling="444") if jpeg else part.tobytes())
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.SeriesInstanceUID, data.StudyInstanceUID = generate_uid(), generate_uid()
    data.Modality = "SM"
    data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = width, height
    data.DimensionOrganizationType = "TILED_SPARSE" if sparse else "TILED_FULL"
    data.TotalPixelMatrixFocalPlanes = data.NumberOfOpticalPaths = 1
    data.Rows = data.Columns = 128
    data.NumberOfFrames, data.SamplesPerPixel, data.PlanarConfiguration = len(frames), 3, 0
    data.PhotometricInterpretation = "YBR_FULL_422" if jpeg else "RGB"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    if sparse:
        groups = []
        for x, y in places:
            position, group = Dataset(), Dataset()
            position.ColumnPositionInTotalImagePixelMatrix, position.RowPositionInTotalImagePixelMatrix = x + 1, y + 1
            group.PlanePositionSlideSequence = [position]
            groups.append(group)
        data.PerFrameFunctionalGroupsSequence = groups
    data.PixelData = encapsulate(frames) if jpeg else b"".join(frames)
    data["PixelData"].VR = "OB"
    path.parent.mkdir(exist_ok=True)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


def write_bif(path, pixels, overlap=0):
    """A BIF of one area; `overlap` pixels of neighbouring tiles show the same place."""
    columns, rows = pixels.shape[1] // 128, pixels.shape[0] // 128
    pixels = np.ascontiguousarray(pixels[: 128 * rows, : 128 * columns])

    def number(row, column):
        return row * columns + (columns - 1 - column if row % 2 else column) + 1

    def joint(direction, one, other):
        return (
            f'<TileJointInfo FlagJoined="1" Confidence="100" Direction="{direction}" Tile1="{number(*one)}" '
            f'Tile2="{number(*other)}" OverlapX="{overlap}" OverlapY="0"/>'
        )

    joints = [joint("RIGHT", (r, c), (r, c + 1)) for r in range(rows) for c in range(columns - 1)]
    joints += [joint("UP", (r, c), (r + 1, c)) for r in range(rows - 1) for c in range(columns)]
    grid = f'NumRows="{rows}" NumCols="{columns}" Pos-X="0" Pos-Y="0"'
    layout = (
        f'<?xml version="1.0"?><EncodeInfo Ver="2"><SlideInfo><AoiInfo XIMAGESIZE="128" YIMAGESIZE="128" {grid}/>'
        f'</SlideInfo><SlideStitchInfo><ImageInfo AOIScanned="1" AOIIndex="0" Width="128" Height="128" {grid}>'
        f"{''.join(joints)}</ImageInfo></SlideStitchInfo>"
        '<AoiOrigin><AOI0 OriginX="0" OriginY="0"/></AoiOrigin></EncodeInfo>'
    )
    scan = (
        '<?xml version="1.0"?><iScan Magnification="20" ScanRes="0.465" ScannerModel="VENTANA iScan HT" '
        'UnitNumber="2000515" UserName="Operator" Z-layers="1" BuildVersion="3.3.1.1"/>'
    )
    options = {"photometric": "ycbcr", "compression": "jpeg", "metadata": None}
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        xmp = [[(700, 1, len(text), text.encode(), True)] for text in (scan, layout)]
        tiff.write(pixels[:64, :128], description="Label Image", extratags=xmp[0], rowsperstrip=64, **options)
        description = "level=0 mag=20 quality=90"
        tiff.write(pixels, description=description, tile=(128, 128), extratags=xmp[1], **options)
    return path
