"""Rate–distortion: how many bytes an image takes by each method, and what comes back of it.

Full-size codecs on one side; on the other the image reduced, coded small, decoded and restored by interpolation or a
generator. Each image is measured once: its curves are kept in a file of its own, and a later call takes from there what
was measured the same way, so that an interrupted run goes on and another generator costs no more than itself.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from tqdm import tqdm

from sr_tf.disk.files import write_atomically
from sr_tf.evaluation.measures import Measures, require_size
from sr_tf.evaluation.wording import finite, json_text
from sr_tf.generators.reduction import reduce_for
from sr_tf.generators.upscale import upscale
from sr_tf.generators.weights_hash import weights_sha256
from sr_tf.images.codecs import CODECS, Codec
from sr_tf.images.degradation import crop_to, enlarge, reduce

DEGRADATION = "antialiased"
FULL_SIZE = ("avif-slow", "avif420-slow", "avif10-slow", "jpegxl", "jpeg2000", "webp", "jpeg")
LR_CODEC = "avif10-slow"
# By scale: what gives 0.03 to 0.25 bit per original pixel and more.
LR_LEVELS = {
    2: (0, 10, 20, 30, 40, 50, 60, 70, 80, 88),
    4: (20, 30, 40, 50, 60, 70, 80, 90, 95, 98),
    8: (50, 60, 70, 80, 90, 95, 98),
}
# Each file takes as long as nine plain ones and as many passes back and forth through the generator.
REFINED_LEVELS = {2: (10, 22, 34, 46, 58, 70), 4: (40, 60, 75, 86, 93), 8: (50, 70, 80, 90)}

REFINED = ", refined"
"""Behind a method's name: with refined LRs."""

Point = dict[str, float]
"""`level`, `bytes`, `bpp` (bits per original pixel), and each score by its key."""
Spread = Callable[[Callable, Iterable], Iterator]
"""`map`, or that of a pool of threads."""


@dataclass(frozen=True)
class Method:
    """One way to store an image and get it back.

    Attributes:
        name: in tables.
        codec: what makes the bytes.
        levels: of the codec, from fewest to most bytes.
        scale: the image is reduced so many times in each direction before it is coded; 1: full size.
        restore: from what was decoded, uint8 [h, w, 3], and the original's (H, W) to uint8 [H, W, 3].
        restorer_version: names what restores, for the record; another version is measured anew.
        reduction: of what reduces.
        reduce: from the original, uint8 [H, W, 3], to what is coded; the same for all of one scale and reduction.
        refinement: of what changes that for the sake of what restores it; "": nothing does.
        refine: from the original, what is coded, codec and level to a file; the same for all of one refinement and
            restorer version.
    """

    name: str
    codec: Codec
    levels: tuple[float, ...]
    scale: int = 1
    restore: Callable[[np.ndarray, tuple[int, int]], np.ndarray] = crop_to
    restorer_version: str = ""
    reduction: str = DEGRADATION
    reduce: Callable[[np.ndarray], np.ndarray] = np.asarray
    refinement: str = ""
    refine: Callable[[np.ndarray, np.ndarray, Codec, float], bytes] | None = None

    @property
    def source(self) -> tuple:
        """What decides the file of a level."""
        return self.codec, self.scale, self.reduction, self.refinement and self.restorer_version

    def encode(self, hr: np.ndarray, reduced: np.ndarray, level: float) -> bytes:
        """The file of one level."""
        if self.refine is not None:
            return self.refine(hr, reduced, self.codec, level)
        return self.codec.encode(reduced, level)

    @property
    def settings(self) -> str:
        """All that decides what is measured, in one line."""
        refined = f" {self.refinement}," if self.refinement else ""
        reduced = f"LR ×{self.scale} {self.reduction},{refined} {self.restorer_version}, " if self.scale > 1 else ""
        levels = " ".join(f"{level:g}" for level in self.levels)
        return f"{reduced}{self.codec.settings}, {self.codec.version}, levels {levels}"


def full_size(name: str) -> Method:
    """A codec at full size."""
    return Method(CODECS[name].title, CODECS[name], CODECS[name].levels)


def interpolated(scale: int) -> Method:
    """LR restored by OpenCV's INTER_CUBIC."""

    def restore(lr: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return enlarge(lr, scale, cv2.INTER_CUBIC, size)

    return Method(
        f"LR ×{scale} + bicubic",
        CODECS[LR_CODEC],
        LR_LEVELS[scale],
        scale,
        restore,
        "INTER_CUBIC",
        reduce=partial(reduce, scale=scale, degradation=DEGRADATION),
    )


def generated(name: str, generator, reducer=None) -> Method:
    """LR restored by a generator, `sr_tf.models.edsr.EDSR`, at its own scale; reduced by its reducer if it has one."""

    def restore(lr: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return crop_to(upscale(generator, lr), size)

    scale = generator.scale
    return Method(
        f"LR ×{scale} + {name}",
        CODECS[LR_CODEC],
        LR_LEVELS[scale],
        scale,
        restore,
        f"generator {weights_sha256(generator)[:16]}",
        reduction=DEGRADATION if reducer is None else f"reducer {weights_sha256(reducer)[:16]}",
        reduce=partial(reduce_for, generator, reducer),
    )


def refined(name: str, generator, reducer=None) -> Method:
    """The same with an LR refined for each image and level, `sr_tf.generators.refinement`."""
    from sr_tf.generators.refinement import SETTINGS, Refiner

    plain = generated(name, generator, reducer)
    return replace(
        plain,
        name=f"{plain.name}{REFINED}",
        levels=REFINED_LEVELS[generator.scale],
        refinement=SETTINGS,
        refine=Refiner(generator).code,
    )


def default_methods(
    generators: dict, reducers: Mapping = MappingProxyType({}), with_refined: bool = False
) -> list[Method]:
    """Every full-size codec; bicubic at each scale of the generators (4 where there are none); each generator.

    Args:
        generators: `EDSR` by the name they have in tables, of any scales.
        reducers: `Reducer` of those that have one, by the same names.
        with_refined: each generator with refined LRs as well.
    """
    scales = sorted({generator.scale for generator in generators.values()} or {4})
    return [
        *map(full_size, FULL_SIZE),
        *map(interpolated, scales),
        *(generated(name, generator, reducers.get(name)) for name, generator in generators.items()),
        *(refined(name, generator, reducers.get(name)) for name, generator in generators.items() if with_refined),
    ]


def measure_image(
    hr: np.ndarray, methods: list[Method], measures: Measures, spread: Spread = map
) -> dict[str, list[Point]]:
    """Codes one image at every level of every method, restores it and measures what came back.

    Args:
        hr: uint8 [H, W, 3].
        methods: methods of one codec and scale share their files.
        measures: what to measure.
        spread: runs the encoders.

    Returns:
        The points of each method by its name, in the order of its levels.
    """
    height, width = hr.shape[:2]
    reduced = {method.source: method.reduce for method in methods}
    reduced = {source: make(hr) for source, make in reduced.items()}
    jobs = {(method.source, level): method for method in methods for level in method.levels}
    points: dict[str, list[Point]] = {method.name: [] for method in methods}
    files = spread(lambda job: jobs[job].encode(hr, reduced[job[0]], job[1]), jobs)
    for (source, level), file in zip(jobs, files, strict=True):
        decoded = jobs[source, level].codec.decode(file)
        size = {"level": level, "bytes": len(file), "bpp": 8 * len(file) / (height * width)}
        for method in methods:
            if method.source == source and level in method.levels:
                image = method.restore(decoded, (height, width))
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
    """Measures images one after another, and keeps each one's points in `records`/NAME.json.

    Args:
        scenes: (name, HR uint8 [H, W, 3]).
        methods: as in `measure_image`.
        measures: what to measure.
        records: a folder.
        workers: encoders at work at the same time.
        count: of the scenes, for the progress bar.

    Returns:
        The points of each method for each scene, and each scene's (H, W).

    Raises:
        UserError: a scene is too small for a score, or `records` cannot be written to.
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
        pool.shutdown(cancel_futures=True)  # an interrupted call does not wait for the encoders in line
    return points, sizes


def _recorded(
    path: Path, hr: np.ndarray, methods: list[Method], measures: Measures, spread: Spread
) -> dict[str, list[Point]]:
    """The points of one image, from its record as far as they are there; the record is completed."""
    digest = hashlib.sha256(repr(hr.shape).encode() + hr.tobytes()).hexdigest()
    record = _read(path, digest)
    scored = f"scores {' '.join(measures.functions)}"
    keys = {method.name: f"{method.settings}, {scored}" for method in methods}
    missing = [method for method in methods if keys[method.name] not in record["curves"]]
    if missing:
        for name, points in measure_image(hr, missing, measures, spread).items():
            record["curves"][keys[name]] = finite(points)
        write_atomically(path, json_text(record, indent=1))
    return {
        name: [{field: _infinite_or(value) for field, value in point.items()} for point in record["curves"][key]]
        for name, key in keys.items()
    }


def _read(path: Path, digest: str) -> dict:
    """A record of these very pixels; an empty one where there is none, or where it cannot be read."""
    empty = {"pixels": digest, "curves": {}}
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return empty
    return record if isinstance(record, dict) and record.get("pixels") == digest else empty


def _infinite_or(value: float | None) -> float:
    return math.inf if value is None else value
