"""The second reader: it agrees with the first one on clean slides of every format, and finds the first one's faults."""

import struct

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from slide_files import write_ome
from vendor_slides import write_bif, write_dicom, write_ndpi, write_philips, write_scn, write_svs

from sr_tf.archive.second_look import SecondLook
from sr_tf.slides.second import compare
from sr_tf.slides.second.errors import NoSecondReader
from sr_tf.slides.second.reader import open_second
from sr_tf.slides.slide import Slide, open_slide

JPEG = {"compression": "jpeg", "compressionargs": {"level": 92}}
EXACT = ("deflate", "lzw", "packbits", "zstd", None)


def write_image(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


FORMATS = {
    "svs": lambda folder, pixels: write_svs(folder / "a.svs", pixels),
    "svs in JPEG 2000": lambda folder, pixels: write_svs(folder / "a.svs", pixels, lossless=True),
    "svs with missing tiles": lambda folder, pixels: write_svs(folder / "a.svs", pixels, missing=(0, 5)),
    "scn": lambda folder, pixels: write_scn(folder / "a.scn", pixels),
    "bif": lambda folder, pixels: write_bif(folder / "a.bif", pixels),
    "philips": lambda folder, pixels: write_philips(folder / "a.tiff", pixels),
    "ndpi": lambda folder, pixels: write_ndpi(folder / "a.ndpi", pixels),
    "ndpi without restart markers": lambda folder, pixels: write_ndpi(folder / "a.ndpi", pixels, restart=0),
    "dicom": lambda folder, pixels: write_dicom(folder / "d" / "a.dcm", pixels),
    "dicom in JPEG": lambda folder, pixels: write_dicom(folder / "d" / "a.dcm", pixels, jpeg=True),
    "dicom with a missing tile": lambda folder, pixels: write_dicom(folder / "d" / "a.dcm", pixels, sparse=True),
    "png": lambda folder, pixels: write_image(folder / "a.png", pixels),
    "jpeg": lambda folder, pixels: write_image(folder / "a.jpg", pixels, quality=95),
    "bmp": lambda folder, pixels: write_image(folder / "a.bmp", pixels),
    "strips": lambda folder, pixels: write_image(folder / "a.tif", pixels, compression="tiff_lzw"),
}


@pytest.fixture
def clean(build, build_ome, tmp_path, pixels):
    def make(name):
        if name in FORMATS:
            return FORMATS[name](tmp_path, pixels)
        options = JPEG if "JPEG" in name else {}
        return (build_ome if "ome" in name else build)(**options)

    return make


ALL = [*FORMATS, "tiff", "tiff in JPEG", "ome", "ome in JPEG"]


def findings(path):
    with open_slide(path) as slide, SecondLook(slide) as look:
        assert look.available, look.description
        return list(look.check()), look.description


def agree(path):
    """Compares every pixel; returns the largest difference."""
    with open_slide(path) as slide:
        width, height = slide.info.width, slide.info.height
        reader = open_second(path, slide.info)
        assert reader.levels[0] == (width, height)
        pixels = reader.read(0, 0, width, height)
        assert pixels.dtype == np.uint8 and pixels.shape == (height, width, 3)
        apart = np.abs(pixels.astype(int) - slide.read(0, 0, width, height)).max()
        place = (width // 3, height // 3, 100, 90)
        assert np.abs(reader.read(*place).astype(int) - slide.read(*place)).max() <= apart
        reader.close()
        if reader.exact:
            assert apart == 0
        return int(apart)


@pytest.mark.parametrize("name", ALL)
def test_clean_slides_of_every_format_agree(clean, name):
    path = clean(name)
    assert agree(path) <= 1
    found, description = findings(path)
    assert found == [] and "tiles" in description


def swapped(self, x, y, width, height):
    return READ(self, x, y, width, height)[..., ::-1].copy()


def shifted(self, x, y, width, height):
    return READ(self, min(x + 1, self.info.width - width), y, width, height)


def white(self, x, y, width, height):
    pixels = READ(self, x, y, width, height).copy()
    pixels[max(0, 130 - y) : max(0, 190 - y), max(0, 200 - x) : max(0, 260 - x)] = 255
    return pixels


def without_the_last_row(self, x, y, width, height):
    pixels = READ(self, x, y, width, height).copy()
    pixels[self.info.height - 1 - y :] = 255
    return pixels


READ = Slide.read
FAULTS = {"swapped": swapped, "shifted": shifted, "white": white, "last row": without_the_last_row}


@pytest.mark.parametrize("name", ALL)
def test_faults_of_the_first_reader_are_found(clean, monkeypatch, name):
    path = clean(name)
    for fault, read in FAULTS.items():
        if fault == "last row" and name == "scn":
            continue  # the canvas is white there
        with monkeypatch.context() as patch:
            patch.setattr(Slide, "read", read)
            found, _ = findings(path)
        assert found, fault
        assert str(path) in found[0] and "differ by up to" in found[0] and "\n" not in found[0]


def test_a_level_that_the_first_reader_does_not_see_is_found(tmp_path, pixels, monkeypatch):
    path = write_svs(tmp_path / "a.svs", pixels)
    monkeypatch.setattr(Slide, "levels", ((450, 331),))
    found, _ = findings(path)
    assert len(found) == 1 and "reads a level of 225×166 pixels, OpenSlide only 450×331 pixels" in found[0]
    monkeypatch.setattr(Slide, "levels", ((225, 166),))
    found, _ = findings(path)
    assert len(found) == 1 and "OpenSlide reads 225×166 pixels" in found[0] and "expected equal sizes" in found[0]


@pytest.mark.parametrize("compression", EXACT)
@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_lossless_compressions(build, build_ome, pixels, compression, layout):
    image = pixels if layout == "contig" else np.ascontiguousarray(pixels.transpose(2, 0, 1))
    predictor = compression not in (None, "packbits")
    options = {"image": image, "compression": compression, "planarconfig": layout, "predictor": predictor}
    axes = {"axes": "YXS" if layout == "contig" else "CYX"}
    for path in (build(**options), build(bigtiff=True, byteorder=">", **options), build_ome(metadata=axes, **options)):
        assert agree(path) == 0
        assert findings(path)[0] == []


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000", "webp", "jpegxl"])
@pytest.mark.parametrize("ome", [False, True])
def test_lossy_compressions(build, build_ome, compression, ome):
    path = (build_ome if ome else build)(compression=compression, compressionargs={})
    assert agree(path) <= 1
    assert ("imagecodecs" in findings(path)[1]) == (compression == "jpegxl")


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
@pytest.mark.parametrize("colours", ["ycbcr", "rgb", "jfif"])
def test_colours_of_jpeg_tiles(build, build_ome, pixels, subsampling, colours):
    options = {"compression": "jpeg"}
    if colours == "jfif":
        name = {(1, 1): "444", (2, 1): "422", (2, 2): "420"}[subsampling]
        padded = np.pad(pixels, ((0, 53), (0, 62), (0, 0)), mode="edge")
        tiles = [
            imagecodecs.jpeg8_encode(np.ascontiguousarray(padded[y : y + 128, x : x + 128]), subsampling=name)
            for y in range(0, 331, 128)
            for x in range(0, 450, 128)
        ]
        options |= {"image": iter(tiles), "shape": pixels.shape, "dtype": "uint8"}
    elif colours == "ycbcr":
        options["subsampling"] = subsampling
    else:
        options["compressionargs"] = {"outcolorspace": "rgb"}
    for write in (build,) if colours == "jfif" else (build, build_ome):
        path = write(**options)
        if colours == "jfif":
            with tifffile.TiffFile(path, mode="r+") as tiff:
                tiff.pages[0].tags["PhotometricInterpretation"].overwrite(2)
        assert agree(path) == 0


def test_grey_palettes_and_white_as_zero(tmp_path, build, pixels):
    grey = pixels[..., 0]
    assert agree(build(image=grey, photometric="minisblack")) == 0
    assert agree(build(image=grey, photometric="minisblack", compression="jpeg")) == 0
    assert agree(build("white.tif", image=grey, photometric="miniswhite", tile=None)) == 0
    for name in ("p.png", "p.bmp", "p.tif"):
        Image.fromarray(pixels).quantize(64).save(tmp_path / name)
        assert agree(tmp_path / name) == 0
    Image.fromarray(grey).save(tmp_path / "g.png")
    assert agree(tmp_path / "g.png") == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path, build, pixels, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("a.jpg", "a.png"):
        assert agree(write_image(tmp_path / name, pixels, exif=exif)) == 0
    assert agree(build(tile=None, extratags=[(274, 3, 1, orientation, True)])) == 0


def test_ome_with_associated_images(tmp_path, pixels):
    write_ome(tmp_path / "a.ome.tif", [pixels, pixels[:99, :48], pixels[:50, :64]], ["cells", "label image", "Macro"])
    assert agree(tmp_path / "a.ome.tif") == 0


def test_an_unknown_format_has_no_second_reader(clean):
    from dataclasses import replace

    path = clean("tiff")
    with open_slide(path) as slide:
        slide.info = replace(slide.info, format="mirax")
        with pytest.raises(NoSecondReader, match="format mirax"):
            open_second(path, slide.info)
        with SecondLook(slide) as look:
            assert not look.available and list(look.check()) == []
            assert look.description == "none (format mirax); the file was checked by its hash only"


def test_a_16_bit_bmp_has_no_second_reader(tmp_path):
    """Pillow scales 5 bits to 0 to 255, OpenCV shifts them."""
    head = b"BM" + struct.pack("<IHHI", 54 + 128, 0, 0, 54)
    info = struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 16, 0, 128, 0, 0, 0, 0)
    path = tmp_path / "a.bmp"
    path.write_bytes(head + info + np.arange(64, dtype="<u2").tobytes())
    with open_slide(path) as slide, SecondLook(slide) as look:
        assert look.description.startswith("none (a BMP of 16 bits per pixel")


def test_overlapping_tiles_have_no_second_reader(tmp_path, pixels):
    path = write_bif(tmp_path / "a.bif", pixels, overlap=4)
    with open_slide(path) as slide, SecondLook(slide) as look:
        assert slide.info.width == 384 - 2 * 4
        assert look.description.startswith("none (BIF tiles that overlap")


def test_a_damaged_tile_that_only_the_first_reader_reads_is_found(build):
    path = build(compression="deflate")
    with open_slide(path) as slide, SecondLook(slide) as look:
        pixels = slide.read(0, 0, 450, 331)
        with tifffile.TiffFile(path) as tiff:
            place = tiff.pages[0].dataoffsets[5]
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"\0\0\0\0")
        slide.read = lambda x, y, width, height: pixels[y : y + height, x : x + width]
        found = list(look.check())
    assert found and all("cannot be read by Pillow" in line for line in found)


def test_the_sample_is_spread_and_always_the_same(monkeypatch):
    def read(x, y, width, height):
        return np.full((height, width, 3), 0 if x // 256 % 2 else 255) * (np.arange(width)[:, None] % 2)

    places = compare.sample(100_100, 60_060, read)
    assert places == compare.sample(100_100, 60_060, read)
    assert 190 < len(places) <= 220 and len(set(places)) == len(places)
    corners = {(0, 0), (0, 59_904), (99_840 + 256, 0), (99_840 + 256, 59_904)}
    assert corners <= {place[:2] for place in places}
    assert all(x + width <= 100_100 and y + height <= 60_060 for x, y, width, height in places)
    hit = {(x * 14 // 100_100, y * 14 // 60_060) for x, y, _, _ in places}
    assert len(hit) > 180
    assert len(compare.sample(1000, 700, read)) == 12


def test_tolerances():
    one = np.full((256, 256, 3), 100, np.uint8)
    other = one.copy()
    assert compare.difference(one, other, exact=True) == ""
    other[3, 4, 1] = 101
    assert compare.difference(one, other, exact=True).startswith("differ by up to 1 of 255")
    assert compare.difference(one, other, exact=False) == ""
    other[3, 4, 1] = 117
    assert "expected at most 16" in compare.difference(one, other, exact=False)
    assert "(1 on average)" in compare.difference(one, one + np.uint8(1), exact=False)
