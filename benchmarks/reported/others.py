"""Cases about de-identification, training and small faults."""

import hashlib
import json
import os
import stat
import sys
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from reported.case import Case, check, expect
from reported.reading import jpeg_tiles
from sr_tf.data.smear import render_smear
from sr_tf.generators.load import shipped


@check("deidentify-leaks")
def _(case: Case) -> str:
    slide, label = case.work / "s.ome.tif", np.zeros((60, 200, 3), np.uint8)
    label[::2] = 255
    program = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from sr_tf.data.smear import render_smear\n"
        "from sr_tf.slides.pyramid import PyramidInfo, write_pyramid\n"
        "pixels = render_smear(1, 480, 640); label = np.zeros((60, 200, 3), np.uint8); label[::2] = 255\n"
        "names = ('overview', 'map', 'thumbnail', 'label', 'macro')\n"
        "tile = lambda c, r: pixels[r * 256 : r * 256 + 256, c * 256 : c * 256 + 256]\n"
        "write_pyramid(Path(sys.argv[1]), PyramidInfo(640, 480, tile=(256, 256)), tile, settings={},\n"
        "              associated={name: label for name in names})"
    )
    result = case.python(program, slide)
    expect(result.code == 0, result.message)
    archive = case.archived("d", "--deidentify", slide=slide)
    header = case.forge().load(archive)[1]
    kept = sorted(header["associated"])
    expect(not set(kept) & {"overview", "map", "label", "macro", "thumbnail"}, f"kept {kept}")
    digest = hashlib.sha256(slide.read_bytes()).hexdigest()
    case.done("restore", archive, "o.tif")
    everything = archive.read_bytes() + (case.work / "o.tif").read_bytes() + json.dumps(header).encode()
    expect(digest.encode() not in everything, "the original's SHA-256 is kept")
    with tifffile.TiffFile(case.work / "o.tif") as file:
        expect(digest not in file.pages[0].description, "the original's SHA-256 is in the restored file")
    home = case.work / "home" / "some.user"
    home.mkdir(parents=True)
    case.generator(home / "g.keras")
    case.done("archive", case.picture(), "g.zip", "--deidentify", "--models", home / "g.keras")
    names = json.dumps(case.forge().load(case.work / "g.zip")[1])
    expect("some.user" not in names, "the generator's path is kept")
    return f"kept: {', '.join(kept) or 'no associated image'}; no hash of the original, no path"


@check("deidentify-needs-macro")
def _(case: Case) -> str:
    slide = case.files / "badmacro.svs"
    case.done("archive", slide, "d.zip", "--models", "", "--deidentify")
    line = case.refused("archive", slide, "e.zip", "--models", "")
    expect("macro" in line and "--associated strip" in line, line)
    return f"de-identified; without it: {line.split(': ', 2)[-1]}"


@check("small-ones")
def _(case: Case) -> str:
    case.refused("info", _device(case), seconds=15)
    for price in ("nan", "inf", "-1"):
        case.refused("archive", case.picture(), "p.zip", "--price", price)
    case.generator(case.work / "x.keras")
    case.refused("upscale", case.picture(), "o.png", "--model", "x.keras", "--alpha", "0.5", megabytes=2000)
    program = (
        "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from sr_tf.cli.main import main; main(['archive', '--help'])"
    )
    text = " ".join(case.python(program).out.split())
    expect("1 usable CPU core" in text, "workers do not follow the affinity")
    program = (
        "import os, signal, resource\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "from sr_tf.viewer.cache import TileCache; from sr_tf.viewer.levels import Tile\n"
        "cache = TileCache(memory=4000)\n"
        "for i in range(3): cache.put(Tile('x', 0, i, 0), b'x' * 3000)\n"
        "print([len(cache.get(Tile('x', 0, i, 0)) or b'x' * 3000) for i in range(3)])"
    )
    lengths = case.python(program).out.strip()
    expect(lengths == "[3000, 3000, 3000]", f"the viewer's cache gives {lengths} bytes of 3,000")
    tiles = case.work / "tiles.tif"
    jpeg_tiles(tiles, (32, 32), "420", (2, 2))
    program = (
        "import sys; from collections import Counter; import os\n"
        "import sr_tf.disk.spool as spool; from sr_tf.cli.main import main\n"
        "counts, put = Counter(), spool.Spool.put\n"
        "def counted(self, key, record): counts[key] += 1; return put(self, key, record)\n"
        "spool.Spool.put = counted\n"
        "folders, fsync = [], os.fsync\n"
        "def synced(file): folders.append(os.path.isdir(f'/proc/self/fd/{file}')); return fsync(file)\n"
        "os.fsync = synced\n"
        "code = main(sys.argv[1:])\n"
        "print(sum(count > 1 for key, count in counts.items() if key[0] == 2), sum(folders)); sys.exit(code)"
    )
    result = case.python(program, "archive", tiles, case.work / "c.zip", "--quality", "lossless", "--workers", "8")
    twice, folders = result.out.split()[-2:]
    expect(twice == "0", f"{twice} segments stored twice")
    expect(folders != "0", "the folder is not synced after the rename")
    return "no reading of devices, no short cache entries, no segment twice, folder synced, workers by affinity"


def _device(case: Case) -> Path:
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        device = case.work / "zero"
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
        return device
    os.mkfifo(case.work / "zero")
    return case.work / "zero"


@check("training-c4-c5")
def _(case: Case) -> str:
    images, packed = case.work / "images", case.work / "packed"
    images.mkdir()
    packed.mkdir()
    Image.fromarray(render_smear(3, 480, 640)).save(images / "a.png")
    for name in ("train", "validation"):
        case.done("pack", images, packed / f"{name}.npz", "--reducer", "archive4", seconds=200)
    architecture = shipped()["archive4"]["architecture"]
    command = [
        sys.executable, str(Path(__file__).parents[2] / "train.py"), "--phase=pretrain", "--preset=smoke", "--steps=1",
        "--validate_every=1", "--warmup_steps=0", "--validation_scenes=1", "--batch_size=1", "--pretrained=archive4",
        "--dataset=packed", f"--data_dir={packed}", f"--run_dir={case.work / 'run'}", "--one_step",
        *(f"--{key}={architecture[key]}" for key in ("blocks", "filters", "residual_scaling")),
    ]  # fmt: skip
    result = case.process(command, 400, env={**os.environ, "KERAS_BACKEND": "jax"})
    expect(result.code == 0, f"exit {result.code}: {result.message}")
    kept = sorted(path.name for path in (case.work / "run").rglob("*reducer*"))
    expect(kept, "the reducer is not kept")
    program = (
        "import resource, numpy as np, cv2; from sr_tf.data.scene_store import CodedLRs, SceneStore\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "class Scenes:\n"
        "    def __len__(self): return 300\n"
        "    def __iter__(self): return ((str(i), self.read(i)) for i in range(300))\n"
        "    def read(self, index): return np.full((1000, 1000, 3), 200, np.uint8)\n"
        "reduce = lambda hr: cv2.resize(hr, None, fx=.25, fy=.25, interpolation=cv2.INTER_AREA)\n"
        "before = peak(); SceneStore(Scenes(), 4, CodedLRs(reduce), 24, 1); print(peak() - before)"
    )
    result = case.python(program, seconds=200)
    expect(result.code == 0 and int(result.out) < 100, f"{result.out.strip()} MB for 900 MB of scenes, cache 1 byte")
    return f"reducer kept ({kept[0]}); 900 MB of scenes with a cache of 1 byte take {result.out.strip()} MB"
