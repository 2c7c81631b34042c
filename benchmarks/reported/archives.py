"""Cases about archives: crafted ones, loops, rounding, and generators."""

import json
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from reported.case import Case, check, expect, is_refusal
from reported.reading import jpeg_tiles

GOLDEN = Path(__file__).parents[2] / "tests" / "golden"


@check("bombs-in-archives")
def _(case: Case) -> str:
    # The program that forges knows version 1; the tests forge version 2.
    forge = case.forge()
    simple, exact, native = (GOLDEN / f"{name}.sr.zip" for name in ("interpolated", "exact", "jpeg-tiles"))
    tried = []

    def forged(source: Path, change, name: str, *command: str) -> None:
        members, header = forge.load(source)
        change(members, header)
        path = case.work / f"{name}.zip"
        forge.save(path, members, header)
        case.refused(*[path if part == "ARCHIVE" else part for part in command], seconds=20)
        tried.append(name)

    avif = imagecodecs.avif_encode(np.zeros((16384, 16384, 3), np.uint8), level=0, speed=10, numthreads=2)
    forged(simple, lambda m, h: forge.set_block(m, h, 0, 0, 5, avif), "block of 16384²", "verify", "ARCHIVE")
    jpegxl = imagecodecs.jpegxl_encode(np.zeros((20000, 20000, 3), np.uint8), lossless=True, effort=1, numthreads=2)
    forged(exact, lambda m, h: forge.set_block(m, h, 0, 0, 7, jpegxl), "block of 20000²", "restore", "ARCHIVE", "o.tif")
    small = imagecodecs.jpeg8_encode(np.zeros((128, 128, 3), np.uint8), subsampling="420")
    comment = b"\xff\xfe" + struct.pack(">H", 65535) + bytes(65533)
    full = small[:2] + comment * 12000 + small[2:]
    packed = imagecodecs.jpegxl_encode_jpeg(full, numthreads=1)

    def segment(members: dict, _) -> None:
        index = forge.arr(members["segments.npy"])
        old = int(index["length"][0, 0])
        index[0, 0] = (1, len(packed), forge.half(full))
        members["segments"] = packed + members["segments"][old:]
        members["segments.npy"] = forge.npy(index)

    forged(native, segment, "segment of 786 MB", "restore", "ARCHIVE", "o.tif")

    def shape(members: dict, _) -> None:
        start = len(members["blocks.npy"]) - 0
        text = members["blocks.npy"][10:start].split(b"\n", 1)[0]
        text = text.split(b"'shape'")[0] + b"'shape': (65536, 65536), }\n"
        members["blocks.npy"] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text

    forged(simple, shape, "array of 4 billion blocks", "info", "ARCHIVE")
    for member, size in (("profile.icc", 6 << 30), ("blocks.npy", 2047 << 20)):
        members, header = forge.load(simple)
        path = case.work / "bomb.zip"
        prefix = members["blocks.npy"][:128] if member == "blocks.npy" else b""
        forge.bombed(path, members, header, member, size, prefix=prefix)
        case.refused("info", path, seconds=20)
        tried.append(f"{member} of {size >> 30 or 2} GiB")
    return f"refused below 1 GB: {', '.join(tried)}"


@check("generator-path-from-the-archive")
def _(case: Case) -> str:
    forge, archive = case.forge(), GOLDEN / "interpolated.sr.zip"
    generator = case.work / "g.keras"
    case.generator(generator)
    with zipfile.ZipFile(generator) as file:
        members = {name: file.read(name) for name in file.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["blocks"] = 10**7
    with zipfile.ZipFile(case.work / "deep.keras", "w") as file:
        for name, content in members.items():
            file.writestr(name, json.dumps(config) if name == "config.json" else content)
    weights = members.pop("model.weights.h5")
    bomb = forge.bomb_stream(3 << 30, prefix=weights)
    parts = [forge.raw(name, content) for name, content in members.items()]
    forge.save_raw(case.work / "bomb.keras", [*parts, ("model.weights.h5", 8, *bomb[:3])])
    architecture = {"blocks": 1, "filters": 4, "scale": 4, "residual_scaling": 1.0, "one_step": True}
    for name in ("g", "deep", "bomb"):
        path = case.work / f"{name}.keras"
        contents, header = forge.load(archive)
        record = {"name": str(path), "architecture": architecture, "weights_sha256": "0" * 64, "engine": "tensorflow"}
        header["generators"] = [record]
        index = forge.arr(contents["blocks.npy"])
        index["kind"] = 2
        contents["blocks.npy"] = forge.npy(index)
        forge.save(case.work / "n.zip", contents, header)
        program = (
            "import sys, builtins, io; opened = []\n"
            "sys.addaudithook(lambda event, given: event == 'open' and opened.append(str(given[0])))\n"
            "from sr_tf.cli.main import main\n"
            "code = main(sys.argv[1:])\n"
            "print('opened' if any(one.endswith('.keras') for one in opened) else 'not opened'); sys.exit(code)"
        )
        result = case.python(program, "restore", case.work / "n.zip", case.work / "o.tif")
        is_refusal(result)
        expect("not opened" in result.out, f"{name}.keras was opened because the archive names it")
        case.refused(
            "upscale", case.picture(), "o.png", "--model", path, "--overwrite", megabytes=2000
        ) if name != "g" else 0
    return "no file that the archive names was opened; deep and inflating .keras files refused"


@check("confirm-loop")
def _(case: Case) -> str:
    slide = case.work / "s.tif"
    jpeg_tiles(slide, (128, 128), "420", (2, 2))
    program = (
        "import sys, numpy as np, sr_tf.slides.slide as module, sr_tf.archive.write as write\n"
        "from sr_tf.cli.main import main\n"
        "read = module.Slide.read\n"
        "def wrong(self, *where): return np.clip(read(self, *where).astype(int) + 1, 0, 255).astype(np.uint8)\n"
        "module.Slide.read = wrong\n"
    )
    unnoticed = "write.look_before_archiving = lambda slide: 'nothing'\n"
    run = "sys.exit(main(sys.argv[1:]))"
    command = ("archive", slide, case.work / "o.zip", "--quality", "lossless")
    line = is_refusal(case.python(program + run, *command, seconds=60))
    expect("tile at" in line and not (case.work / "o.zip").exists(), line)
    result = case.python(program + unnoticed + run, *command, seconds=60)
    expect(result.code in (0, 2), f"exit {result.code}")
    ended = "ends in exact pixels" if result.code == 0 else "ends in an error"
    return f"{line.split(': ', 2)[-1]}; without the second decoder it {ended}"


@check("verify-condemns-by-rounding")
def _(case: Case) -> str:
    forge, archive = case.forge(), case.archived()
    program = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from PIL import Image\n"
        "from sr_tf.archive.archived_slide import ArchivedSlide; from sr_tf.archive.measure import Measure\n"
        "with ArchivedSlide(Path(sys.argv[1])) as slide: restored = slide.blocks.restored(0, 0)\n"
        "print(Measure()(np.asarray(Image.open(sys.argv[2])), restored)['psnr'].min())"
    )
    worst = float(case.python(program, archive, case.picture()).out)
    members, header = forge.load(archive)
    header["gate"].update(min_psnr=worst - 1e-4, name="custom")
    forge.save(case.work / "r.zip", members, header)
    case.done("verify", case.work / "r.zip")
    return f"worst tile {worst:.4f} dB passes a gate of {worst - 1e-4:.4f} dB"


@check("weights-changed-under-a-name")
def _(case: Case) -> str:
    root = Path(__file__).parents[2]
    tree = case.work / "earlier"
    tree.mkdir()
    packed = subprocess.run(["git", "-C", root, "archive", "9139e1f~1", "sr_tf"], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", tree], input=packed.stdout, check=True)
    slide = case.work / "cells.png"
    Image.fromarray(np.asarray(Image.open(case.data / "chula_rbc12" / "test" / "641.jpg"))).save(slide)
    command = "import sys; from sr_tf.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(tree)}

    def earlier(*arguments: object) -> None:
        result = case.process([sys.executable, "-c", command, *map(str, arguments)], 200, env=environment)
        expect(result.code == 0, f"the earlier program: {result.message}")

    archive = case.work / "c.zip"
    earlier("archive", slide, archive, "--models", "archive4")
    earlier("restore", archive, case.work / "then.png", "--region", "0,0,640,480")
    result = case.run("verify", archive)
    if result.code == 2:
        return f"verify says: {result.message}"
    case.done("restore", archive, "now.png", "--region", "0,0,640,480")
    then, now = (np.asarray(Image.open(case.work / f"{name}.png")) for name in ("then", "now"))
    expect(np.array_equal(then, now), "restored, but to other pixels")
    return "an archive by the earlier weights verifies and restores to the same pixels"
