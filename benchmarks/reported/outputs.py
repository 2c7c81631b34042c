"""Cases about what a command writes: nothing is destroyed, and finished work is kept."""

import os
import shutil
import signal
import stat
import subprocess
import time
import zipfile

import numpy as np
import tifffile
from commands import sr_tf
from PIL import Image

from reported.case import Case, check, expect, is_refusal
from sr_tf.data.smear import render_smear


@check("archive-glob-overwrites-slide")
def _(case: Case) -> str:
    for name in ("a.tif", "b.tif"):
        shutil.copyfile(case.files / name, case.work / name)
    line = case.refused("archive", "a.tif", "b.tif", "--quality", "lossless")
    expect((case.work / "b.tif").read_bytes() == (case.files / "b.tif").read_bytes(), "b.tif was changed")
    return line.split(": ", 2)[-1]


@check("target-is-the-input")
def _(case: Case) -> str:
    archive = case.archived()
    for arguments in (["info", archive, "--map", archive], ["restore", "r.tif", "r.tif"]):
        shutil.copyfile(archive, case.work / "r.tif")
        before = archive.read_bytes()
        case.refused(*arguments)
        expect(archive.read_bytes() == before == (case.work / "r.tif").read_bytes(), f"{arguments[0]} wrote over it")
    return "info --map and restore onto their own input refused"


@check("info-map-overwrites-archive")
def _(case: Case) -> str:
    archive = case.archived(slide=case.files / "p.png")
    case.refused("info", archive, "--map", archive, "--overwrite")
    case.done("verify", archive)
    return "refused; the archive still verifies"


@check("device-as-target")
def _(case: Case) -> str:
    archive = case.archived()
    device = case.work / "device"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        kind = stat.S_ISCHR
    else:
        os.mkfifo(device)
        kind = stat.S_ISFIFO
    case.refused("info", archive, "--map", device)
    case.refused("archive", case.picture(), device, "--models", "", "--overwrite")
    expect(kind(device.stat().st_mode), "the special file is gone")
    return "refused; the special file is still there"


@check("predictable-names-follow-links")
def _(case: Case) -> str:
    victim = case.work / "victim"
    for name in (".a.zip.journal", ".b.new.zip", ".b.zip.new"):
        victim.write_bytes(b"precious")
        link = case.work / name
        link.symlink_to(victim)
        target = case.work / f"{name[1]}.zip"
        case.run("archive", case.picture(), target, "--models", "")
        expect(victim.read_bytes() == b"precious", f"written through {name}")
        expect(not target.is_symlink(), f"{target.name} is a link")
        link.unlink(missing_ok=True)
    return "no link followed at the names of journals and drafts"


_STOP_BEFORE_THE_END = (
    "import sys, sr_tf.archive.write as module\n"
    "from sr_tf.cli.main import main\n"
    "def stop(*_, **__): raise KeyboardInterrupt\n"
    "module.replace_atomically = stop\n"
    "sys.exit(main(sys.argv[1:]))"
)


def _interrupted(case: Case, *arguments: object) -> None:
    """Runs `sr-tf archive` and interrupts it when all blocks are chosen, so that its journal is left."""
    result = case.python(_STOP_BEFORE_THE_END, "archive", *arguments)
    expect(result.code == 130, f"exit {result.code}, expected an interruption: {result.message}")


@check("journal-of-another-call-emptied")
def _(case: Case) -> str:
    journal = case.work / ".s.zip.journal"
    _interrupted(case, case.picture(), "s.zip", "--models", "", "--quality", "diagnostic")
    before = journal.read_bytes()
    line = case.refused("archive", case.picture(), "s.zip", "--models", "", "--quality", "visual")
    expect(journal.read_bytes() == before, "the journal was changed")
    case.done("archive", case.picture(), "s.zip", "--models", "", "--quality", "diagnostic")
    foreign = case.work / ".n.zip.journal"
    foreign.write_text("my notes\n" * 1000)
    case.refused("archive", case.picture(), "n.zip", "--models", "")
    expect(foreign.read_text() == "my notes\n" * 1000, "a foreign file of that name was changed")
    return line.split(": ", 2)[-1]


@check("source-changes-meanwhile")
def _(case: Case) -> str:
    old, slide = render_smear(1, 480, 640), case.work / "s.tif"
    new = old.copy()
    new[:256, :256] //= 2
    for name, pixels in (("s.tif", old), ("new.tif", new)):
        tifffile.imwrite(case.work / name, pixels, tile=(128, 128), photometric="rgb", metadata=None)
    program = (
        "import sys, pathlib, sr_tf.archive.write as module\n"
        "from sr_tf.cli.main import main\n"
        "builder = module.Builder\n"
        "def replaced(*given, **named):\n"
        "    slide = pathlib.Path(sys.argv[2])\n"
        "    slide.open('r+b').write(slide.with_name('new.tif').read_bytes())\n"
        "    return builder(*given, **named)\n"
        "module.Builder = replaced\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    line = is_refusal(case.python(program, "archive", slide, case.work / "a.zip", "--models", ""))
    expect(not (case.work / "a.zip").exists(), "an archive was written")
    return line.split(": ", 2)[-1]


@check("multi-file-slides")
def _(case: Case) -> str:
    pixels = render_smear(1, 480, 640)
    widths = {640: 8, 160: 4, 80: 10}

    def write(name: str, image: np.ndarray) -> None:
        image = Image.fromarray(np.ascontiguousarray(image))
        image.save(case.work / name, quality=92, subsampling=0, restart_marker_blocks=widths[image.width])

    write("a.jpg", pixels)
    write("map.jpg", pixels[::4, ::4])
    write("macro.jpg", pixels[::8, ::8])
    slide = case.work / "s.vms"
    slide.write_text(
        "[Virtual Microscope Specimen]\nNoLayers=1\nNoJpegColumns=1\nNoJpegRows=1\nImageFile=a.jpg\n"
        "MapFile=map.jpg\nMacroImage=macro.jpg\nPhysicalWidth=640000\nPhysicalHeight=480000\nSourceLens=20\n"
    )
    total = sum((case.work / name).stat().st_size for name in ("s.vms", "a.jpg", "map.jpg", "macro.jpg"))
    archive = case.archived("vms", slide=slide)
    source = case.forge().load(archive)[1]["source"]
    expect(source["bytes"] == total, f"{source['bytes']} bytes recorded, the slide has {total}")
    pixels[100:300, 100:300] = (255, 0, 0)
    write("a.jpg", pixels)
    line = case.refused("verify", archive, "--against", slide)
    program = (
        "import sys; from pathlib import Path; from sr_tf.viewer.source import open_source\n"
        "with open_source(*map(Path, sys.argv[1:3]), None, (), 'tensorflow') as source: print(source.same_original)"
    )
    expect(case.python(program, archive, slide).out.strip() == "False", "the viewer calls it the same original")
    return f"{total:,} bytes of four files; after a change: {line.split(': ', 2)[-1]}"


@check("multifile-source-hash")
def _(case: Case) -> str:
    import pydicom

    for name in ("boxes_0.dcm", "boxes_1.dcm"):
        shutil.copyfile(case.data / "formats" / name, case.work / name)
    arguments = (case.work / "boxes_1.dcm", "s.zip", "--models", "")
    _interrupted(case, *arguments)
    other = pydicom.dcmread(case.work / "boxes_0.dcm")
    other.ContentTime = "000000"
    other.save_as(case.work / "boxes_0.dcm")
    line = case.refused("archive", *arguments)
    expect(not (case.work / "s.zip").exists(), "an archive of the old pixels was written")
    return line.split(": ", 2)[-1]


@check("non-utf8-name")
def _(case: Case) -> str:
    slide = os.fsdecode(os.fsencode(case.work) + b"/Pr\xe4parat.png")
    shutil.copyfile(case.picture(), slide)
    result = case.run("archive", slide, "n.zip", "--quality", "lossless")
    if result.code == 2:
        expect(not list(case.work.glob(".n.zip*")), "a journal is left")
        return is_refusal(result).split(": ", 3)[-1]
    case.done("verify", "n.zip", "--against", slide)
    return "archived and verified"


@check("ascii-and-full-outputs")
def _(case: Case) -> str:
    archive = case.archived()
    for encoding in ("ascii", "latin-1"):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        case.done("info", archive, env=environment)
        case.done("archive", "--help", env=environment)
        case.done("archive", case.picture(), f"{encoding}.zip", "--models", "", env=environment)
    reader, writer = os.pipe()
    os.close(reader)  # a pipe that nobody reads, as a terminal that was closed
    result = case.run("info", archive, stdout=writer)
    os.close(writer)
    expect(result.code in (0, 1, 2, 141), f"a closed pipe: exit {result.code}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        full = case.work / "full"
        os.mknod(full, 0o600 | stat.S_IFCHR, os.makedev(1, 7))
        with full.open("w") as disk:
            is_refusal(case.run("info", archive, stdout=disk))
    for moment in (0.05, 0.1, 0.2, 0.3, 0.6):
        command = sr_tf("archive", case.picture(), "c.zip", "--models", "")
        child = subprocess.Popen(command, cwd=case.work, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        time.sleep(moment)
        child.send_signal(signal.SIGINT)
        error = child.communicate(timeout=30)[1]
        expect("Traceback" not in error, f"Ctrl-C after {moment} s: a traceback")
        expect(child.returncode in (0, 130, -signal.SIGINT), f"Ctrl-C after {moment} s: exit {child.returncode}")
        for left in case.work.glob("*c.zip*"):
            left.unlink()
    return "ASCII and Latin-1 terminals, a closed pipe, a full disk and five early Ctrl-C"


@check("malformed-inputs-traceback")
def _(case: Case) -> str:
    run = case.work / "run"
    (run / "best").mkdir(parents=True)
    tried = 0
    for scores in (
        '[{"file": 1, "step": 1}]',
        '[{"file": "' + "A" * 9999 + '", "step": 1}]',
        "[" * 100_000,
        "nul",
        "{}",
    ):
        (run / "best" / "scores.json").write_text(scores)
        case.refused("upscale", case.picture(), "o.png", "--model", run, megabytes=2000)
        tried += 1
    colour = np.zeros((20, 20, 3), np.uint8)
    kinds = (
        {"hr/000000": np.zeros(5, np.uint8), "lr/000000/0": np.zeros((5, 5, 3), np.uint8)},
        {"hr/000000": colour},
        {"hr/000000": colour, "lr/000000/0": np.zeros((10, 10, 3), np.uint8), "scale": 0},
    )
    for content in kinds:
        packed = case.work / "p.npz"
        np.savez(packed, **{"scale": 4, "degradation": "study", "qualities": "", **content})
        program = (
            "import sys; from pathlib import Path; from sr_tf.messages import exit_code\n"
            "from sr_tf.data.packed import PackedScenes\n"
            "sys.exit(exit_code('load', lambda: list(PackedScenes(Path(sys.argv[1])))))"
        )
        is_refusal(case.python(program, packed), 2000)
        tried += 1
    broken = case.work / "x.keras"
    with zipfile.ZipFile(broken, "w") as file:
        file.writestr("config.json", '{"module": "os", "class_name": "system", "config": {"blocks": 1e9}}')
        file.writestr("metadata.json", "{}")
        file.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(100))
    case.refused("upscale", case.picture(), "o.png", "--model", broken, megabytes=2000)
    return f"{tried + 1} damaged files refused in one line"
