"""The slides of the golden archives: small scenes that the project draws itself, each written to a file."""

from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms

from sr_tf.data.smear import render_smear

_TILE = 128
_JPEG = {"photometric": "ycbcr", "compression": "jpeg", "metadata": None}


def mixed(path: Path) -> None:
    """3 × 2 blocks, narrow ones at the edge: cells out of focus, less so, and sharp, some with noise."""
    sharp, pixels = render_smear(21, 560, 1060), np.empty((560, 1060, 3))
    for column, sigma in enumerate((3, 1.2, 0)):
        place = slice(column * 353, (column + 1) * 353 + column // 2)
        pixels[:, place] = (cv2.GaussianBlur(sharp, (0, 0), sigma) if sigma else sharp)[:, place]
    pixels[20:110, 600:980] += np.random.default_rng(21).normal(0, 5, (90, 380, 3))
    _save(pixels, path)


def sharp(path: Path) -> None:
    """Two blocks of sharp cells."""
    _save(render_smear(12, 300, 620), path)


def small_details(path: Path) -> None:
    """Cells out of focus, and a small dark spot that blocks of a smaller scale lose."""
    pixels = cv2.GaussianBlur(render_smear(11, 300, 530), (0, 0), 3)
    pixels[100:106, 40:46] //= 2
    _save(pixels, path)


def stamps(path: Path) -> None:
    """Small pieces of a smear on grey."""
    pixels = np.full((128, 128, 3), 200.0)
    for y in range(3, 128, 16):
        for x in range(3, 128, 16):
            pixels[y : y + 8, x : x + 7] = render_smear(13, 8, 7)
    _save(pixels, path)


def with_profile(path: Path) -> None:
    """A PNG with a colour profile; its sides are odd."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _save(render_smear(14, 75, 101), path, icc_profile=profile)


def cells(path: Path) -> None:
    """Sharp cells, which a generator restores better than interpolation, beside cells out of focus."""
    pixels = render_smear(14, 96, 560)
    pixels[:, 510:] = cv2.GaussianBlur(pixels, (0, 0), 2.5)[:, 510:]
    _save(pixels, path)


def more_cells(path: Path) -> None:
    """Sharp cells in two blocks."""
    _save(render_smear(15, 64, 600), path)


def alike(path: Path, size: tuple[int, int], sigmas: tuple[tuple[float, ...], ...]) -> None:
    """Blocks with the same cells on glass, out of focus by a sigma for each block; narrow blocks at the edge."""
    pixels = np.full((*size, 3), (226.0, 224.0, 230.0))
    cells = pixels[:120, :120].copy()
    cells[10:110, 10:110] = render_smear(23, 100, 100)
    for row, column in np.ndindex(len(sigmas), len(sigmas[0])):
        place = pixels[512 * row + 4 :, 512 * column + 4 :][:120, :120]
        place[:] = cv2.GaussianBlur(cells, (0, 0), sigmas[row][column])[: place.shape[0], : place.shape[1]]
    _save(pixels, path)


def own_generator(path: Path) -> None:
    """A tiny generator of scale 4 with random weights, which repeats pixels and changes them a little."""
    from sr_tf.models.edsr import EDSR

    _save_network(EDSR(blocks=1, filters=4, scale=4, one_step=True), 0.003, path)


def own_told_generator(path: Path) -> None:
    """The same at scale 2 with a fourth channel, the codec's quality."""
    from sr_tf.models.edsr import EDSR

    _save_network(EDSR(blocks=1, filters=4, scale=2, one_step=True, quality_input=True), 0.003, path)


def own_filter(path: Path) -> None:
    """A tiny filter with random weights, which changes the image a little."""
    from sr_tf.models.coded_filter import CodedFilter

    _save_network(CodedFilter(blocks=1, filters=4), 0.0005, path)


def _save_network(network, last: float, path: Path) -> None:
    """Saves a network with random weights; `last`: what those of the last convolution are multiplied by."""
    network.build((None, None, None, network.channels))
    random = np.random.default_rng(31)
    weights = [random.normal(0, 0.3, weight.shape) for weight in network.get_weights()]
    network.set_weights([*weights[:-2], *(last * weight for weight in weights[-2:])])
    network.save(path)


def slide(path: Path) -> None:
    """A TIFF of JPEG tiles that share their tables, one left out, with a label, and a macro image of JPEG strips."""
    pixels = render_smear(16, 300, 360)
    tiles = _jpeg_tiles(pixels, 85, "420")
    tables, _ = _split(tiles[0])
    streams = [_split(tile)[1] for tile in tiles]
    streams[4] = b""
    label = np.full((40, 60, 3), 240, np.uint8)
    label[8:32:4, 6:54] = (20, 40, 120)
    macro = render_smear(17, 64, 96)
    with tifffile.TiffWriter(path) as writer:
        _write_tiles(
            writer, pixels, streams, (2, 2), jpegtables=tables, description="Accession 4711",
            resolution=(40_000, 40_000), resolutionunit="CENTIMETER",
        )  # fmt: skip
        writer.write(label, photometric="rgb", compression="zlib", description="label image", metadata=None)
        writer.write(macro, rowsperstrip=32, description="macro image", **_JPEG, subsampling=(2, 2))


def jpeg2000_slide(path: Path) -> None:
    """An SVS of JPEG 2000 tiles in YCbCr, lossy by whole numbers alone, so that every decoder gives the same pixels."""
    pixels = render_smear(18, 300, 600)
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % _TILE), (0, -width % _TILE), (0, 0)), mode="edge")
    components = np.asarray(Image.fromarray(padded).convert("YCbCr"))
    tiles = [
        imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(components[y : y + _TILE, x : x + _TILE]),
            level=38, reversible=True, codecformat="j2k", mct=False,
        )
        for y in range(0, height, _TILE) for x in range(0, width, _TILE)
    ]  # fmt: skip
    text = f"Aperio Image Library v10.0.50\r\n{width}x{height} (128x128) J2K/YUV16 Q=70|AppMag = 20|MPP = 0.5"
    with tifffile.TiffWriter(path) as writer:
        writer.write(
            iter(tiles), shape=pixels.shape, dtype="uint8", tile=(_TILE, _TILE), photometric="rgb", compression=33003,
            description=text, metadata=None,
        )  # fmt: skip


def placed_page(path: Path) -> None:
    """An SCN: an area of JPEG tiles that neither begins at the upper left corner of the slide nor ends at the lower."""
    pixels = render_smear(19, 300, 530)
    view = '<view sizeX="265000" sizeY="150000" offsetX="35250" offsetY="10000" spacingZ="0"/>'
    size = 'sizeX="530" sizeY="300"'
    text = (
        '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01" uuid="urn:uuid:1">'
        '<collection name="c" uuid="urn:uuid:2" sizeX="350000" sizeY="270000"><image name="i" uuid="urn:uuid:3">'
        '<creationDate>2011-01-01T00:00:00Z</creationDate><device model="Leica SCN400" version="1"/>'
        f'<pixels {size}><dimension {size} r="0" ifd="0"/></pixels>{view}<scanSettings><objectiveSettings>'
        "<objective>20</objective></objectiveSettings><illuminationSettings><numericalAperture>0.4</numericalAperture>"
        "<illuminationSource>brightfield</illuminationSource></illuminationSettings></scanSettings></image>"
        "</collection></scn>"
    )
    tifffile.imwrite(
        path, pixels, bigtiff=True, tile=(_TILE, _TILE), description=text, resolution=(20_000, 20_000),
        resolutionunit="CENTIMETER", **_JPEG,
    )  # fmt: skip


def glass_and_noise(path: Path, subsampling: str) -> None:
    """JPEG tiles: a block of glass, and one of noise that no codec keeps in fewer bytes than the tiles have."""
    pixels = np.full((150, 640, 3), (226.0, 224.0, 230.0))
    pixels[20:90, 440:480] -= 20 * np.hanning(40)[None, :, None] * np.hanning(70)[:, None, None]
    pixels[:, 512:] += np.random.default_rng(3).normal(0, 20, (150, 128, 3))
    pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    with tifffile.TiffWriter(path) as writer:
        tag = {"420": (2, 2), "411": (4, 1)}[subsampling]
        _write_tiles(writer, pixels, _jpeg_tiles(pixels, 50, subsampling), tag)


def _jpeg_tiles(pixels: np.ndarray, level: int, subsampling: str) -> list[bytes]:
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % _TILE), (0, -width % _TILE), (0, 0)), mode="edge")
    places = [(y, x) for y in range(0, height, _TILE) for x in range(0, width, _TILE)]
    tiles = [np.ascontiguousarray(padded[y : y + _TILE, x : x + _TILE]) for y, x in places]
    return [imagecodecs.jpeg8_encode(tile, level=level, subsampling=subsampling) for tile in tiles]


def _write_tiles(writer: tifffile.TiffWriter, pixels: np.ndarray, tiles: list[bytes], tag: tuple, **options) -> None:
    side = (_TILE, _TILE)
    writer.write(iter(tiles), shape=pixels.shape, dtype="uint8", tile=side, subsampling=tag, **_JPEG, **options)


def _save(pixels: np.ndarray, path: Path, **options: bytes) -> None:
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, **options)


def _split(jpeg: bytes) -> tuple[bytes, bytes]:
    """(a JPEG stream that holds only the tables, the rest)."""
    parts, place = {True: b"", False: b""}, 2
    while jpeg[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
        parts[jpeg[place + 1] in (0xDB, 0xC4)] += jpeg[place:end]
        place = end
    return b"\xff\xd8" + parts[True] + b"\xff\xd9", b"\xff\xd8" + parts[False] + jpeg[place:]
