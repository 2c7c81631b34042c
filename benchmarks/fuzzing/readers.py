"""Reads files as `train.py` and `sr-tf rate-distortion` do, without the minutes that these take."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Reader:
    """A function that runs in place of a command.

    Attributes:
        name: the command that reads such files.
        run: reads the files. What it raises ends the command.
    """

    name: str
    run: Callable[[], None]


def read_packed(folder: Path) -> Reader:
    """Reads all packed scenes and their LRs, and checks what training relies on."""

    def run() -> None:
        from sr_tf.data.packed import PackedLRs, open_packed, packed_settings

        packed_settings({"data_dir": str(folder)})
        for scenes in open_packed(folder).values():
            lrs = PackedLRs(scenes)
            for index in range(len(scenes)):
                hr = scenes.read(index)
                assert hr.dtype == np.uint8 and hr.ndim == 3 and hr.shape[2] == 3, "no RGB image"
                for lr in lrs(index, hr, range(scenes.variants)):
                    expected = tuple(-(-side // scenes.scale) for side in hr.shape[:2])
                    assert lr.dtype == np.uint8 and lr.shape == (*expected, 3), "not the scene's LR"

    return Reader("train.py --dataset=packed", run)


def read_checkpoint(folder: Path, intact: Path) -> Reader:
    """Reads the newest checkpoint."""

    def run() -> None:
        from sr_tf.training.checkpoints import newest_state

        newest_state(folder, _state(intact / "step-00000001.npz"))

    return Reader("train.py", run)


def _state(path: Path) -> dict[str, list[np.ndarray]]:
    state: dict[str, list[np.ndarray]] = {}
    with np.load(path) as arrays:
        for name in sorted(arrays.files):
            state.setdefault(name.partition("/")[0], []).append(arrays[name])
    return state


def train_settings(path: Path) -> Reader:
    """Reads the configuration of a run that goes on."""

    def run() -> None:
        from sr_tf.config import load_config, require_same_run

        config = load_config(path)
        require_same_run(config, load_config(path), path.parent)

    return Reader("train.py", run)


def read_rates(folder: Path) -> Reader:
    """Continues a rate–distortion run and writes its tables."""

    def run() -> None:
        from sr_tf.evaluation import rate_tables
        from sr_tf.evaluation.measures import load_measures
        from sr_tf.evaluation.rate_distortion import measure
        from sr_tf.evaluation.rate_methods import DEGRADATION
        from sr_tf.evaluation.rate_results import RateDistortion

        methods = rate_methods()
        measures = load_measures(("psnr", "ssim"), rate_tables.SCALE, DEGRADATION)
        with Image.open(folder.parent / "scene.png") as image:
            scenes = [("scene.png", np.array(image))]
        points, sizes = measure(scenes, list(methods), measures, folder)
        result = RateDistortion(points, methods, sizes, "scenes", tuple(measures.functions), (0.07, 0.12))
        rate_tables.table_text(result)
        rate_tables.as_json(result)

    return Reader("rate-distortion", run)


def rate_methods() -> tuple:
    """A fast method and its reference."""
    from dataclasses import replace

    from sr_tf.evaluation.rate_methods import default_methods

    fast = [method for method in default_methods({}, {}) if method.scale == 1]
    return tuple(
        replace(method, levels=method.levels[-3:-1])
        for method in fast
        if "JPEG" in method.name or "AVIF" in method.name
    )
