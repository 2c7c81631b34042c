"""Intact files of all kinds; inputs are mutated copies of them."""

from pathlib import Path

import numpy as np
from PIL import Image

from fuzzing import slides
from fuzzing.readers import read_rates


def build(folder: Path, kinds: set[str]) -> None:
    """Writes the intact files.

    Args:
        folder: an empty folder.
        kinds: the kinds that are needed; those that are slow to write are left out otherwise.
    """
    slides.build(folder)
    Image.fromarray(slides.pixels()[:24, :32]).save(folder / "lr.png")
    if any("archive" in kind for kind in kinds):
        _archives(folder)
    if "npz" in kinds:
        _packed(folder / "packed")
        _checkpoint(folder / "checkpoints")
    if kinds & {"keras", "json"}:
        _run(folder / "run")


def _archives(folder: Path) -> None:
    from sr_tf.archive.gate import QUALITIES
    from sr_tf.archive.write import Options, write_archive

    (folder / "archive").mkdir()
    for name, slide, quality in (
        ("segments", "svs/jpeg.svs", "lossless"),
        ("lossless", "png/rgb.png", "lossless"),
        ("visual", "svs/jpeg.svs", "visual"),
        ("diagnostic", "ome-tiff/3.ome.tif", "diagnostic"),
    ):
        write_archive(folder / slide, folder / "archive" / f"{name}.sr.zip", Options(QUALITIES[quality], (), workers=1))


def _packed(folder: Path) -> None:
    from sr_tf.data.packed import write_packed
    from sr_tf.data.scene_store import CodedLRs
    from sr_tf.images.degradation import reduce

    folder.mkdir()
    scenes = [slides.pixels()[:64, :64], slides.pixels()[:50, 64:130]]
    for name in ("train.npz", "validation.npz"):
        lrs = CodedLRs(lambda hr: reduce(hr, 4, "antialiased"), (50, 80))
        write_packed(folder / name, scenes, 4, "antialiased", lrs, "50,80")


def _checkpoint(folder: Path) -> None:
    from sr_tf.training.checkpoints import save_state

    folder.mkdir()
    weights = [np.zeros((3, 3, 3, 8), np.float32), np.ones(8, np.float32)]
    save_state(folder, {"generator": weights, "optimizer": weights, "step": [np.array(1, np.int64)]})


def _run(folder: Path) -> None:
    import json

    from sr_tf.config import preset
    from sr_tf.messages import load_backend

    load_backend()
    from sr_tf.models.edsr import EDSR

    (folder / "best").mkdir(parents=True)
    generator = EDSR(blocks=1, filters=4)
    generator(np.zeros((1, 8, 8, 3), np.float32))
    generator.save(folder / "best" / "step-00000001.keras")
    scores = [{"file": "step-00000001.keras", "step": 1, "psnr": 30.0, "ssim": 0.9}]
    (folder / "best" / "scores.json").write_text(json.dumps(scores))
    start = folder / "best" / "step-00000001.keras"
    preset("smoke", "gan", pretrained=str(start)).save(folder / "config.json")
    Image.fromarray(slides.pixels()[:64, :64]).save(folder / "scene.png")
    read_rates(folder / "images").run()
