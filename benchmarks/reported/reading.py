"""Cases about the pixels and the scale that are read."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from reported.case import Case, CaseError, check, expect, same
from sr_tf.data.smear import render_smear


@check("tiff-16bit-planar")
def _(case: Case) -> str:
    return case.refused("archive", case.files / "planar16.tif", "p.zip", "--quality", "lossless").split(": ", 3)[-1]


@check("tiff-mpp-lost")
def _(case: Case) -> str:
    names = ("tiled-zlib", "strips-zlib", "tiled-webp", "tiled-jpegxl", "imagej")
    for name in names:
        archive = case.archived(name, slide=case.files / f"{name}.tif")
        out = case.done("info", archive).out
        expect("0.25 × 0.25" in out, f"{name}: scale lost")
    return f"0.25 µm per pixel in {len(names)} kinds of TIFF"


@check("tiff-second-image-dropped")
def _(case: Case) -> str:
    for name in ("two-areas-tiled", "larger-second", "two-areas-webp"):
        case.refused("archive", case.files / f"{name}.tif", f"{name}.zip", "--quality", "lossless")
    source = case.files / "tiled-plus-label.tif"
    result = case.run("archive", source, "label.zip", "--quality", "lossless")
    if result.code == 2:
        return "all four refused"
    info = case.done("info", "label.zip").out
    expect("label" in info and "macro" in info, "label and macro dropped")
    return "second areas refused; label and macro kept"


@check("ome-planar-refused")
def _(case: Case) -> str:
    source = case.files / "cells.ome.tif"
    archive = case.archived("cells", "--quality", "lossless", slide=source)
    case.done("restore", archive, "cells.tif")
    with tifffile.TiffFile(source) as file:
        planes = file.pages[0].asarray() if file.pages[0].samplesperpixel == 3 else file.series[0].asarray()
    original = np.moveaxis(planes, 0, -1) if planes.shape[0] == 3 else planes
    same(tifffile.imread(case.work / "cells.tif", key=0), original, "restored")
    return "read, and restored to the bit"


@check("philips-native-lost")
def _(case: Case) -> str:
    sizes = []
    for name in ("built-philips.tiff", "control.tif"):
        source = case.files / name
        archive = case.archived(name, "--quality", "lossless", "--associated", "strip", slide=source)
        line = case.done("restore", archive, f"{name}.restored.tif").out
        expect("JPEG tiles" in line, f"{name}: {line.strip()}")
        sizes.append(f"{source.stat().st_size:,} → {archive.stat().st_size:,} bytes")
    return "JPEG tiles copied; " + ", control ".join(sizes)


@check("upscale-border")
def _(case: Case) -> str:
    worst = {}
    for name, colour in (("black", (0, 0, 0)), ("flat", (200, 100, 50))):
        for model in ("mixed", "small", "m3"):
            target = case.work / f"{name}-{model}.png"
            case.done("upscale", case.files / f"{name}.png", target, "--model", model)
            error = np.abs(np.asarray(Image.open(target)).astype(int) - colour)
            inside = error[40:-40, 40:-40].max()
            rim = max(error[:8].max(), error[-8:].max(), error[:, :8].max(), error[:, -8:].max())
            expect(rim <= inside + 1, f"{name} by {model}: {rim} levels at the rim, {inside} inside")
            worst[model] = max(worst.get(model, 0), int(rim))
    return f"largest error in the outer 8 pixels {worst}, no more than inside"


def jpeg_tiles(path: Path, tile: tuple[int, int], sampled: str, tag: tuple[int, int], seed: int = 1) -> np.ndarray:
    """Writes a TIFF of 256×256 pixels in JPEG tiles as no library would, and returns the pixels that were coded.

    Args:
        path: the file to write.
        tile: width and height of the tiles.
        sampled: chroma subsampling of the JPEGs: "444", "420" and others of `imagecodecs`.
        tag: what the tag YCbCrSubSampling says.
        seed: seed of the picture.
    """
    width, height = tile
    picture = np.pad(render_smear(seed, 256, 256), ((0, height), (0, width), (0, 0)), mode="edge")
    places = [(y, x) for y in range(0, 256, height) for x in range(0, 256, width)]
    parts = [np.ascontiguousarray(picture[y : y + height, x : x + width]) for y, x in places]
    tiles = [imagecodecs.jpeg8_encode(part, level=90, subsampling=sampled) for part in parts]
    offsets, end = [], 8
    for one in tiles:
        offsets.append(end)
        end += len(one)
    data = b"".join(tiles) + bytes(end % 2)
    end += end % 2
    count = len(tiles)
    values = struct.pack(f"<3H{count}I{count}I", 8, 8, 8, *offsets, *map(len, tiles))
    tags = [
        (256, 4, 1, 256), (257, 4, 1, 256), (258, 3, 3, end), (259, 3, 1, 7), (262, 3, 1, 6), (277, 3, 1, 3),
        (284, 3, 1, 1), (322, 4, 1, width), (323, 4, 1, height), (324, 4, count, end + 6),
        (325, 4, count, end + 6 + 4 * count), (530, 3, 2, tag[0] | tag[1] << 16),
    ]  # fmt: skip
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *one) for one in tags) + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", end + len(values)) + data + values + directory)
    return picture[:256, :256]


@check("lossless-unrestorable")
def _(case: Case) -> str:
    kinds = {
        "4:1:1": ((128, 128), "411", (4, 1)),
        "4:4:0": ((128, 128), "440", (1, 2)),
        "a wrong tag": ((128, 128), "420", (1, 4)),
        "tiles of 120×120": ((120, 120), "420", (2, 2)),
        "tiles of 100×40": ((100, 40), "444", (1, 1)),
    }
    outcomes = []
    for index, (name, kind) in enumerate(kinds.items()):
        slide, archive, restored = (case.work / f"{index}.{end}" for end in ("tif", "zip", "restored.tif"))
        jpeg_tiles(slide, *kind)
        result = case.run("archive", slide, archive, "--quality", "lossless")
        if result.code == 2:
            expect(not archive.exists(), f"{name}: refused, but an archive lies there")
            outcomes.append(f"{name} refused")
            continue
        expect(result.code == 0, f"{name}: exit {result.code}")
        case.done("verify", archive, "--against", slide)
        case.done("restore", archive, restored)
        again = case.work / f"{index}.again.zip"
        case.done("archive", restored, again, "--quality", "lossless", "--associated", "strip")
        pixels = [case.work / f"{index}{which}.png" for which in "ab"]
        for one, png in zip((archive, again), pixels, strict=True):
            case.done("restore", one, png, "--region", "0,0,256,256")
        same(*(np.asarray(Image.open(png)) for png in pixels), name)
        outcomes.append(f"{name} restored")
    return "; ".join(outcomes)


@check("verify-blind-to-the-reader")
def _(case: Case) -> str:
    faults = {
        "red and blue swapped": "p[..., ::-1].copy()",
        "a shifted tile": "__import__('numpy').roll(p, 7, 1)",
        "a region shown white": "p | 255",
    }
    slide = case.work / "slide.tif"
    tifffile.imwrite(slide, render_smear(1, 480, 640), tile=(128, 128), photometric="rgb", metadata=None)
    for name, fault in faults.items():
        program = (
            "import sys, sr_tf.slides.slide as module\n"
            "from sr_tf.cli.main import main\n"
            "read = module.Slide.read\n"
            f"module.Slide.read = lambda self, *where: (lambda p: {fault})(read(self, *where))\n"
            "sys.exit(main(sys.argv[1:]))"
        )
        result = case.python(program, "archive", slide, "a.zip", "--models", "")
        if result.code != 2 or (case.work / "a.zip").exists():
            raise CaseError(f"{name}: exit {result.code}, not seen")
    return f"a reader with these faults is found out: {', '.join(faults)}"
