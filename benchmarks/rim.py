"""Measures the errors of restored images at their rim, for several ways to extend an LR image before the network.

    python benchmarks/rim.py --images=CHULA/test,BCCD,TISSUE

Each image gives crops of 160×160 HR pixels, which are reduced as the generator was trained and restored. Prints, for
each generator and way, the mean absolute error of the outer 8 HR pixels divided by that of the inside, over all crops
of a folder or of drawn smears; then the largest error of flat images (black, white, (200, 100, 50), and one of 1×1
pixel). Bicubic interpolation is INTER_CUBIC of the same LRs.
"""

import datetime
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from absl import app, flags

from sr_tf.data.smear import render_smear
from sr_tf.generators.load import load_reducer, shipped
from sr_tf.generators.reduction import reduce_for
from sr_tf.generators.restorer import load_restorer
from sr_tf.images.degradation import reduce
from sr_tf.images.pixels import to_uint8
from sr_tf.images.reading import find_images, read_folder
from sr_tf.messages import load_backend

flags.DEFINE_list("images", [], "Folders of HR images, separated by commas.")
flags.DEFINE_list("models", [], "Shipped generators, separated by commas; empty: all.")
flags.DEFINE_integer("fields", 4, "Images of each folder, evenly spread, two crops each; and drawn smears.")

SIDE, RIM = 160, 8
WIDTHS = (2, 4, 8, 12, 16)
FLAT = ((0, 0, 0), (255, 255, 255), (200, 100, 50))
BICUBIC = "bicubic interpolation"


def main(_) -> None:
    """Prints a table."""
    load_backend()
    options = flags.FLAGS
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    crops = {Path(folder).name: list(_crops(Path(folder))) for folder in options.images}
    crops["smears"] = [render_smear(600 + seed, 400, 400)[100:, 120:][:SIDE, :SIDE] for seed in range(options.fields)]
    counts = ", ".join(f"{name} {len(images)}" for name, images in crops.items())
    print(
        f"{datetime.date.today()}, commit {commit}; crops of {SIDE}×{SIDE} HR pixels: {counts}; rim {RIM} HR pixels\n"
    )
    print(f"| generator | extension | {' | '.join(crops)} | flat |\n| --- | --- |{' ---: |' * (len(crops) + 1)}")
    generators = (name for name, card in shipped().items() if card["architecture"]["scale"] > 1)
    for name in options.models or generators:
        _measure(name, crops)


def _measure(name: str, crops: dict[str, list[np.ndarray]]) -> None:
    generator, reducer = load_restorer(name), load_reducer(name)
    scale, degradation = generator.scale, shipped()[name]["settings"]["degradation"]
    interpolated = partial(reduce, scale=scale, degradation=degradation)
    reduced = interpolated if reducer is None else partial(reduce_for, generator, reducer)
    pairs = {key: [(hr, reduced(hr)) for hr in hrs] for key, hrs in crops.items()}

    def extended(lr: np.ndarray, mode: str, width: int) -> np.ndarray:
        padded = np.pad(lr, ((width, width), (width, width), (0, 0)), mode=mode) if width else lr
        sr = to_uint8(generator.predict_on_batch(padded[None].astype(np.float32))[0])
        return sr[scale * width : sr.shape[0] - scale * width, scale * width : sr.shape[1] - scale * width]

    def bicubic(lr: np.ndarray) -> np.ndarray:
        return cv2.resize(lr, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)

    _row(name, BICUBIC, bicubic, pairs)
    _row(name, "none: the network pads with zeros", lambda lr: extended(lr, "constant", 0), pairs)
    ways = [("symmetric", "mirrored, edge pixel repeated", width) for width in (*WIDTHS, generator.receptive_radius)]
    ways += [("edge", "edge pixel repeated", 8), ("reflect", "mirrored, edge pixel not repeated", 8)]
    for mode, title, width in ways:
        _row(name, f"{title}, {width}", lambda lr, mode=mode, width=width: extended(lr, mode, width), pairs)


def _row(name: str, title: str, restore: Callable[[np.ndarray], np.ndarray], pairs: dict) -> None:
    ratios = []
    for images in pairs.values():
        rim, inside = np.mean([_errors(hr, restore(lr)) for hr, lr in images], axis=0)
        ratios.append(f"{rim / inside:.2f}")
    flat = [np.full((24, 24, 3), colour, np.uint8) for colour in FLAT] + [np.full((1, 1, 3), FLAT[-1], np.uint8)]
    largest = [np.abs(restore(image).astype(int) - image[0, 0]).max() for image in flat]
    print(f"| {name} | {title} | {' | '.join(ratios)} | {', '.join(map(str, largest))} |", flush=True)


def _errors(hr: np.ndarray, sr: np.ndarray) -> tuple[float, float]:
    """The mean absolute errors of the rim and of the inside."""
    errors = np.abs(hr.astype(int) - sr).mean(2)
    inside = np.zeros(errors.shape, bool)
    inside[RIM:-RIM, RIM:-RIM] = True
    return errors[~inside].mean(), errors[inside].mean()


def _crops(folder: Path) -> Iterator[np.ndarray]:
    paths, random = find_images(folder), np.random.default_rng(0)
    spread = paths[:: max(1, len(paths) // flags.FLAGS.fields)][: flags.FLAGS.fields]
    for _, hr in read_folder(spread, strict=True):
        for _ in range(2):
            top, left = (random.integers(0, side - SIDE + 1) for side in hr.shape[:2])
            yield hr[top : top + SIDE, left : left + SIDE]


if __name__ == "__main__":
    app.run(main)
