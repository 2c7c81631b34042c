"""The scenes that the report shows, their details, and their pixels as data URIs."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sr_tf.evaluation.compare import Comparison, common_scale, restorations
from sr_tf.evaluation.details import DETAIL, busiest, largest_error
from sr_tf.evaluation.report.columns import goodness, values
from sr_tf.evaluation.wording import joined
from sr_tf.images.degradation import DEGRADATIONS, enlarge
from sr_tf.images.libraries import cv2
from sr_tf.metrics.scores import Score

WINDOW = 640
"""Largest side of the pictures with a slider, in HR pixels."""
PICTURE_BYTES = 10_000_000
"""Largest size of these pictures together; larger ones are cut to a smaller part of the scene."""
_THUMBNAIL = 220


@dataclass(frozen=True)
class Box:
    """A part of a scene, in HR pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """That part of an image, as a view."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Detail:
    """An enlarged part of a scene.

    Attributes:
        why: why this part was chosen.
        box: the part.
        pictures: a PNG as data URI for HR and each method except Lanczos, which is left out to save space.
    """

    why: str
    box: Box
    pictures: dict[str, str]


@dataclass(frozen=True)
class Shown:
    """One scene of the report.

    Attributes:
        rank: "best", "median" or "worst".
        name: the name of the scene.
        height: height of the scene in pixels.
        width: width of the scene in pixels.
        thumbnail: a small picture of the whole scene, as data URI.
        details: the enlarged parts.
        window: the part that the slider shows; the whole scene unless it is too large.
        pictures: a lossless picture of `window` for HR and each method, as data URI.
    """

    rank: str
    name: str
    height: int
    width: int
    thumbnail: str
    details: list[Detail]
    window: Box
    pictures: dict[str, str]


def choose(comparison: Comparison, method: str, score: Score) -> dict[str, str]:
    """Chooses the best, median and worst scene of a method.

    Args:
        comparison: the scores.
        method: the name of the method.
        score: the score that ranks the scenes.

    Returns:
        The scene's name for `best`, `median` and `worst`. With two scenes there is no `median`; with one, only that.
    """
    ranks = [goodness(score, value) for value in values(comparison, method, score.key)]
    names = list(comparison.scores[method])
    ranked = [names[i] for i in np.argsort(np.negative(ranks), kind="stable")]
    chosen = {"median": ranked[len(ranked) // 2]} if len(ranked) != 2 else {}
    if len(ranked) > 1:
        chosen = {"best": ranked[0], **chosen, "worst": ranked[-1]}
    return chosen


def restore_chosen(
    chosen: dict[str, str], scenes: Iterable[tuple[str, np.ndarray]], generators: dict, degradation: str
) -> dict[str, dict[str, np.ndarray]]:
    """Restores the chosen scenes again.

    Args:
        chosen: the result of `choose`.
        scenes: (name, HR uint8 [H, W, 3]) of all scenes.
        generators: the generators by name, as in `sr_tf.evaluation.compare.restorations`.
        degradation: the name of the reduction, as there.

    Returns:
        For each rank, images uint8 [H, W, 3] by name: `HR`, `LR` with its pixels repeated to HR's size, and every
        restored image. `LR` is left out if i-HR is the same image.
    """
    originals = {name: hr for name, hr in scenes if name in chosen.values()}
    by_rank = {}
    for rank, name in chosen.items():
        hr = originals[name]
        images = restorations(hr, generators, degradation)
        lr = enlarge(images.pop("LR"), common_scale(generators), cv2.INTER_NEAREST, hr.shape[:2])
        repeated = {} if DEGRADATIONS[degradation].baseline == cv2.INTER_AREA else {"LR": lr}
        by_rank[rank] = {"HR": hr, **repeated, **images}
    return by_rank


def show(chosen: dict[str, str], images: dict[str, dict[str, np.ndarray]], method: str) -> list[Shown]:
    """Cuts and encodes the pictures of the chosen scenes.

    Args:
        chosen: the result of `choose`.
        images: the result of `restore_chosen`.
        method: the method whose largest error is shown in the worst scene.
    """
    window = WINDOW
    while True:
        pictures = {rank: _window(of_scene, window) for rank, of_scene in images.items()}
        size = sum(len(uri) for _, uris in pictures.values() for uri in uris.values())
        if size <= PICTURE_BYTES or window <= DETAIL:
            break
        window = max(DETAIL, int(window * min(0.9, (PICTURE_BYTES / size) ** 0.5)))
    return [
        Shown(
            rank,
            chosen[rank],
            *of_scene["HR"].shape[:2],
            _thumbnail(of_scene["HR"]),
            _details(rank, of_scene, method),
            *pictures[rank],
        )
        for rank, of_scene in images.items()
    ]


def data_uri(image: np.ndarray, kind: str = "PNG") -> str:
    """Encodes an image without loss as a data URI.

    Args:
        image: uint8 [H, W, 3].
        kind: `PNG` or `WEBP`; WebP is a quarter smaller.
    """
    buffer = io.BytesIO()
    options = {"lossless": True, "method": 4} if kind == "WEBP" else {"optimize": True}
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, format=kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _details(rank: str, images: dict[str, np.ndarray], method: str) -> list[Detail]:
    hr = images["HR"]
    side = min(DETAIL, *hr.shape[:2])
    reasons = {busiest(hr, side): ["where the original has the most edges"]}
    if rank == "worst":
        place = largest_error(hr, images[method], side)
        reasons.setdefault(place, []).append(f"where the error of {method} is largest")
    details = []
    for (top, left), reason in reasons.items():
        box = Box(top, left, side, side)
        shown = {name: image for name, image in images.items() if name != "Lanczos"}
        details.append(Detail(joined(reason), box, {name: data_uri(box.cut(image)) for name, image in shown.items()}))
    return details


def _window(images: dict[str, np.ndarray], side: int) -> tuple[Box, dict[str, str]]:
    """The part around the busiest detail, at most `side` wide and high, with its pictures."""
    height, width = images["HR"].shape[:2]
    rows, columns = min(side, height), min(side, width)
    detail = min(DETAIL, rows, columns)
    top, left = (
        min(max(0, start + detail // 2 - length // 2), whole - length)
        for start, length, whole in zip(busiest(images["HR"], detail), (rows, columns), (height, width), strict=True)
    )
    box = Box(top, left, rows, columns)
    return box, {name: data_uri(box.cut(image), "WEBP") for name, image in images.items()}


def _thumbnail(hr: np.ndarray) -> str:
    image = Image.fromarray(hr)
    image.thumbnail((2 * _THUMBNAIL, 2 * _THUMBNAIL))
    return data_uri(np.asarray(image), "WEBP")
