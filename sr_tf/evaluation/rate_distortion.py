"""Rate–distortion: how many bytes an image takes by each method, and how good the restored image is.

Each image is measured once and its points are kept in a file of its own. A later call reads the points that were
measured with the same settings, so an interrupted run continues, and a run with one more generator measures only that.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from tqdm import tqdm

from sr_tf.disk.files import write_atomically
from sr_tf.disk.json_files import read_json
from sr_tf.errors import UserError
from sr_tf.evaluation.measures import Measures, require_size
from sr_tf.evaluation.rate_methods import Method
from sr_tf.evaluation.wording import finite, json_text
from sr_tf.messages import tell

Point = dict[str, float]
"""One file: its `level`, `bytes`, `bpp` (bits per original pixel), and each score by its key."""

Spread = Callable[[Callable, Iterable], Iterator]
"""`map`, or the `map` of a thread pool."""


_Number = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)] | Annotated[int, msgspec.Meta(ge=-(10**12), le=10**12)]


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    """The file of an image: the hash of its pixels, and its points by method and scores; None: infinite."""

    pixels: str
    curves: dict[str, list[dict[str, _Number | None]]]


def measure_image(
    hr: np.ndarray, methods: list[Method], measures: Measures, spread: Spread = map
) -> dict[str, list[Point]]:
    """Codes one image at every level of every method, restores it and scores the restored image.

    Args:
        hr: uint8 [H, W, 3].
        methods: the methods to measure; a file that several of them share is coded once.
        measures: the scores to compute.
        spread: runs the encoders.

    Returns:
        The points of each method by its name, in the order of its levels.
    """
    height, width = hr.shape[:2]
    sources = {method.source: method for method in methods}
    reduced = {source: method.reduce(hr) for source, method in sources.items()}
    jobs = {(method.source, level): method for method in methods for level in method.levels}
    points: dict[str, list[Point]] = {method.name: [] for method in methods}
    files = spread(lambda job: jobs[job].encode(hr, reduced[job[0]], job[1]), jobs)
    for (source, level), file in zip(jobs, files, strict=True):
        decoded = jobs[source, level].codec.decode(file)
        size = {"level": level, "bytes": len(file), "bpp": 8 * len(file) / (height * width)}
        for method in methods:
            if method.source == source and level in method.levels:
                image = method.restore(decoded, (height, width), level)
                scores = {key: function(hr, image) for key, function in measures.functions.items()}
                points[method.name].append({**size, **scores})
    return points


def measure(
    scenes: Iterable[tuple[str, np.ndarray]],
    methods: list[Method],
    measures: Measures,
    records: Path,
    workers: int = 1,
    count: int | None = None,
) -> tuple[dict[str, dict[str, list[Point]]], dict[str, tuple[int, int]]]:
    """Measures images one after another and keeps the points of each in `records`/NAME.json.

    Args:
        scenes: (name, HR uint8 [H, W, 3]) of each image.
        methods: the methods to measure, as in `measure_image`.
        measures: the scores to compute.
        records: the folder for the points.
        workers: the number of encoders that run at the same time.
        count: the number of scenes, for the progress bar.

    Returns:
        The points of each method by method name and scene name, and the (H, W) of each scene.

    Raises:
        UserError: a scene is too small for a score, or `records` cannot be written.
    """
    points: dict[str, dict[str, list[Point]]] = {method.name: {} for method in methods}
    sizes = {}
    pool = ThreadPoolExecutor(workers)
    try:
        for name, hr in tqdm(scenes, total=count, unit="image", disable=None):
            require_size(name, hr, measures)
            measured = _recorded(records / f"{name}.json", hr, methods, measures, pool.map)
            for method in methods:
                points[method.name][name] = measured[method.name]
            sizes[name] = hr.shape[:2]
    finally:
        pool.shutdown(cancel_futures=True)  # after an interruption, do not wait for queued encoders
    return points, sizes


def _recorded(
    path: Path, hr: np.ndarray, methods: list[Method], measures: Measures, spread: Spread
) -> dict[str, list[Point]]:
    """The points of one image: those in its record, and the others measured and added to the record."""
    digest = hashlib.sha256(repr(hr.shape).encode() + hr.tobytes()).hexdigest()
    record = _read(path, digest)
    scored = f"scores {' '.join(measures.functions)}"
    keys = {method.name: f"{method.settings}, {scored}" for method in methods}
    known = {"level", "bytes", "bpp", *measures.functions}
    pixels = hr.shape[0] * hr.shape[1]
    missing = [
        method for method in methods if not _usable(record["curves"].get(keys[method.name]), method, known, pixels)
    ]
    if missing:
        for name, points in measure_image(hr, missing, measures, spread).items():
            record["curves"][keys[name]] = finite(points)
        write_atomically(path, json_text(record, indent=1))
    return {
        name: [{field: _infinite_or(value) for field, value in point.items()} for point in record["curves"][key]]
        for name, key in keys.items()
    }


def _read(path: Path, digest: str) -> dict:
    """The record of an image with these pixels; an empty record if there is none or it cannot be read."""
    empty = {"pixels": digest, "curves": {}}
    if not path.exists():
        return empty
    try:
        record = read_json(path, _Record, "expected an image's points")
    except UserError as error:
        tell(f"{error}; this image is measured again")
        return empty
    return {"pixels": digest, "curves": record.curves} if record.pixels == digest else empty


def _usable(points: list | None, method: Method, known: set[str], pixels: int) -> bool:
    """Whether recorded points are those of a method: one for each level, with exactly these keys and sizes above 0."""
    return (
        points is not None
        and [point.get("level") for point in points] == list(method.levels)
        and all(
            point.keys() == known and (point["bytes"] or 0) > 0 and point["bpp"] == 8 * point["bytes"] / pixels
            for point in points
        )
    )


def _infinite_or(value: float | None) -> float:
    return math.inf if value is None else value
