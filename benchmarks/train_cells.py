"""Trains the red-cell finder on the labelled fields of Chula RBC-12, original pixels only, and ships it.

  python benchmarks/train_cells.py --data=CHULA --out=build/cells

Fields of `train` are learned, those of `validation` choose the step, those of `test` are not read. Repeat the command
with --ship to write the best step to sr_tf/zoo/cells without training again.
"""

import json
import time
from pathlib import Path

import cv2
import keras
import numpy as np
from absl import app, flags

from sr_tf.cells.fields import completed, labelled_fields
from sr_tf.cells.finder import TYPES, CellNetwork
from sr_tf.cells.losses import centre_loss, type_loss
from sr_tf.cells.scores import finder_scores
from sr_tf.cells.shipped import ship
from sr_tf.cells.targets import UNKNOWN, targets
from sr_tf.data.smear import render_smear_cells
from sr_tf.models.cell_finder import CellFinder

flags.DEFINE_string("data", None, "The folder of Chula RBC-12.", required=True)
flags.DEFINE_string("out", "build/cells", "The run's folder.")
flags.DEFINE_integer("steps", 1200, "Training steps.", lower_bound=1)
flags.DEFINE_integer("batch", 8, "Crops in a step.", lower_bound=1)
flags.DEFINE_float("rate", 3e-3, "Peak learning rate.")
flags.DEFINE_float("minutes", 25, "Stop after this time, to which the learning rate keeps too.")
flags.DEFINE_integer("check_every", 150, "Steps between two scores on validation.", lower_bound=1)
flags.DEFINE_string("start", None, "A saved network to begin with, instead of a new one.")
flags.DEFINE_bool("ship", False, "Write the best step to sr_tf/zoo/cells instead of training.")

_CROP = 224
_DRAWN = 24
"""Drawn fields; their cells have known centres and no types."""
_DRAWN_SHARE = 0.12
_RISE = 60
"""Steps until the learning rate is at its peak."""


class Crops:
    """Batches of crops: half of them around a cell of a type drawn evenly, half around any labelled cell."""

    def __init__(self, fields: list, batch: int):
        self.batch, self.rng = batch, np.random.default_rng(0)
        self.cells = [completed(field) for field in fields]
        self.images = [field.image for field in fields]
        self.drawn = [_drawn(seed) for seed in range(_DRAWN)]
        known = [(index, *cell) for index, cells in enumerate(self.cells) for cell in cells[cells[:, 2] != UNKNOWN]]
        self.known = np.array(known, np.float32)
        counts = np.bincount(self.known[:, 3].astype(int), minlength=len(TYPES))
        share = np.maximum(counts, 1) / counts.sum()
        self.weights = (share**-0.25 / np.sum(share**0.75)).astype(np.float32)
        self.of_type = [np.flatnonzero(self.known[:, 3] == kind) for kind in np.flatnonzero(counts)]

    def next(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """A batch: images, float32 [batch, _CROP, _CROP, 3], and the maps of `targets`."""
        crops = [self._crop() for _ in range(self.batch)]
        maps = [targets(cells, _CROP, _CROP, self.weights) for _, cells in crops]
        return np.stack([image for image, _ in crops]), {key: np.stack([one[key] for one in maps]) for key in maps[0]}

    def _crop(self) -> tuple[np.ndarray, np.ndarray]:
        rng = self.rng
        if rng.random() < _DRAWN_SHARE:
            image, cells = self.drawn[rng.integers(len(self.drawn))]
            x, y = rng.uniform(0, image.shape[1]), rng.uniform(0, image.shape[0])
        else:
            group = self.of_type[rng.integers(len(self.of_type))] if rng.random() < 0.5 else np.arange(len(self.known))
            index, x, y, _ = self.known[rng.choice(group)]
            image, cells = self.images[int(index)], self.cells[int(index)]
        turn = _turn(rng, x + rng.uniform(-90, 90), y + rng.uniform(-90, 90))
        turned = cv2.warpAffine(image, turn, (_CROP, _CROP), flags=cv2.INTER_LINEAR, borderValue=_background(image))
        places = cells.copy()
        places[:, :2] = cells[:, :2] @ turn[:, :2].T + turn[:, 2]
        return _recoloured(rng, turned), places


def _turn(rng: np.random.Generator, x: float, y: float) -> np.ndarray:
    """A rotation by any angle, perhaps a mirror image, at nearly the same size, which brings (x, y) to the middle."""
    angle, size = rng.uniform(0, 2 * np.pi), rng.uniform(0.95, 1.05)
    matrix = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix[0] *= rng.choice((-1, 1))
    return np.column_stack([matrix, _CROP / 2 - matrix @ (x, y)])


def _recoloured(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Another exposure, contrast and colour of light; sometimes a little blur or noise."""
    result = image.astype(np.float32)
    result = 255 * (result / 255) ** np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    result = (result - 128) * np.float32(np.exp(rng.normal(0, 0.08))) + 128
    if rng.random() < 0.3:
        result = cv2.GaussianBlur(result, (0, 0), rng.uniform(0.3, 1.0))
    if rng.random() < 0.3:
        result += rng.normal(0, rng.uniform(1, 4), result.shape).astype(np.float32)
    return np.clip(result, 0, 255).astype(np.float32)


def _background(image: np.ndarray) -> tuple[float, ...]:
    return tuple(np.percentile(image.reshape(-1, 3), 90, axis=0))


def _drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A drawn field at the size of Chula's cells, and its cells."""
    image, cells = render_smear_cells(seed, 640, 640)
    image = cv2.resize(image, (320, 320), interpolation=cv2.INTER_AREA)
    return image, np.column_stack([cells[:, :2] / 2, np.full(len(cells), UNKNOWN)]).astype(np.float32)


def _rate(step: int, share: float) -> float:
    """The learning rate: a short rise, then half a cosine over the steps or the minutes, whichever end first."""
    return flags.FLAGS.rate * min(step / _RISE, 1) * (0.01 + 0.99 * (0.5 + 0.5 * np.cos(np.pi * min(share, 1))))


def _history() -> tuple[str, float]:
    """The commands and the processor time in minutes that led here, those of the run that this one starts from too."""
    options = flags.FLAGS
    command = f"python benchmarks/train_cells.py --data=CHULA --steps={options.steps} --rate={options.rate:g}"
    minutes = time.process_time() / 60
    if not options.start:
        return command, minutes
    earlier = json.loads(Path(options.start).with_name("run.json").read_text("utf-8"))
    return f"{earlier['command']}; then {command} --start=BEST", earlier["processor_minutes"] + minutes


def _facts(network: CellFinder, run: dict) -> dict:
    """What the card says of the training."""
    return {
        "summary": "red cells as points with 12 types, maps at a quarter of the resolution",
        "intended_use": "Research on archives of blood smears: compares what is found in two versions of a slide. Not "
        "a medical device, and no classifier of cells for any other purpose.",
        "parameters": network.count_params(),
        "data": "511 labelled fields of Chula RBC-12, 1–623 (MIT), original pixels, and drawn smears without types",
        "command": run["command"],
        "steps": run["steps"],
        "kept_step": run["step"],
        "processor_minutes": run["processor_minutes"],
        "machine": "2 CPU cores, TensorFlow",
        "log": run["log"],
    }


def main(_) -> None:
    """Trains, or ships what was trained."""
    options = flags.FLAGS
    data, out = Path(options.data), Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    if options.ship:
        network = keras.saving.load_model(out / "best.keras", compile=False)
        print(ship(network, _facts(network, json.loads((out / "run.json").read_text("utf-8")))))
        return
    keras.utils.set_random_seed(0)
    crops = Crops(labelled_fields(data / "train", data / "labels"), options.batch)
    validation = labelled_fields(data / "validation", data / "labels")
    if options.start:
        network = keras.saving.load_model(options.start, compile=False)
    else:
        network = CellFinder(types=len(TYPES))
        network.build((None, None, None, 3))
    network.compile(
        optimizer=keras.optimizers.AdamW(options.rate, weight_decay=1e-3),
        loss={"centres": centre_loss, "types": type_loss},
        loss_weights={"centres": 1.0, "types": 1.0},
        jit_compile=False,
    )
    began, best, log = time.monotonic(), -1.0, []
    for step in range(1, options.steps + 1):
        elapsed = time.monotonic() - began
        network.optimizer.learning_rate = _rate(step, max(step / options.steps, elapsed / 60 / options.minutes))
        losses = network.train_on_batch(*crops.next(), return_dict=True)
        late = elapsed > 60 * options.minutes
        if step % options.check_every == 0 or step == options.steps or late:
            scores = finder_scores(CellNetwork(network), validation)
            goal = scores["recall"] + scores["kappa"]
            entry = {"step": step, "seconds": round(time.monotonic() - began), "goal": goal}
            log.append(entry | {key: float(value) for key, value in losses.items()})
            print(json.dumps(log[-1] | {key: scores[key] for key in ("recall", "kappa", "macro_f1")}), flush=True)
            if goal > best:
                best = goal
                network.save(out / "best.keras")
                command, minutes = _history()
                run = {"command": command, "step": step, "steps": options.steps, "log": log}
                run["processor_minutes"] = round(minutes, 1)
                (out / "run.json").write_text(json.dumps(run, indent=2), "utf-8")
        if late:
            break


if __name__ == "__main__":
    app.run(main)
