"""Validation scores of a generator and of the interpolation baselines, on any Keras backend."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sr_tf.images.degradation import baselines, crop_to
from sr_tf.images.edges import mirrored, without_edges
from sr_tf.images.means import pad_to_multiple
from sr_tf.images.pixels import to_uint8
from sr_tf.metrics.scores import mean_scores, score_image

Restore = Callable[[np.ndarray], np.ndarray]
"""A function from LR, float32 [1, h, w, 3] in [0, 255], to SR, [1, scale · h, scale · w, 3]."""


class Validation:
    """Scores generators on a fixed set of whole scenes, which are kept in memory.

    Args:
        scenes: HR, uint8 [H, W, 3] each.
        lrs: the LR of each scene, uint8.
        scale: reduction in each direction; 1: the LRs are decoded images with the codec's quality as fourth channel.
        degradation: a name in `sr_tf.images.degradation.DEGRADATIONS`; it decides which interpolations are scored.
        distances: additional scores by name: functions from HR and SR, float32 [1, H, W, 3] each, to one number.

    Attributes:
        baselines: mean scores of each interpolation of `lrs`: `{"i-HR": {"psnr": …, "ssim": …}, …}`; at scale 1, of
            the decoded image: `{"decoded": …}`.
    """

    def __init__(
        self,
        scenes: Sequence[np.ndarray],
        lrs: Sequence[np.ndarray],
        scale: int,
        degradation: str,
        distances: Mapping[str, Callable] | None = None,
    ):
        self._scale, self._degradation, self._distances = scale, degradation, dict(distances or {})
        self._pairs = list(zip(scenes, lrs, strict=True))
        per_scene = [
            {name: score_image(hr, image) for name, image in self._without_network(hr, lr).items()}
            for hr, lr in self._pairs
        ]
        self.baselines = {name: mean_scores([scene[name] for scene in per_scene]) for name in per_scene[0]}

    @property
    def panel_parts(self) -> tuple[str, ...]:
        """What `panel` shows, from left to right."""
        return ("decoded", "SR", "HR") if self._scale == 1 else ("LR", "i-HR", "SR", "HR")

    def __len__(self) -> int:
        return len(self._pairs)

    def reduce_by(self, reduce: Callable[[int, np.ndarray], np.ndarray]) -> None:
        """Replaces the LRs by `reduce(index, hr)` of each scene; `baselines` do not change."""
        self._pairs = [(hr, reduce(index, hr)) for index, (hr, _) in enumerate(self._pairs)]

    def score(self, restore: Restore) -> dict[str, float]:
        """Scores a generator: each score is the mean over scenes.

        Returns:
            `psnr` in dB, `ssim` and the distances. If SR has values that are not finite, only `psnr`, as NaN.
        """
        results = []
        for hr, lr in self._pairs:
            restored = self._restored(restore, lr)
            if not np.isfinite(restored).all():
                return {"psnr": math.nan}  # the conversion to 8 bits would hide it
            sr = crop_to(to_uint8(restored), hr.shape[:2])
            pair = [np.float32(image[None]) for image in (hr, sr)]
            distances = {name: float(distance(*pair)) for name, distance in self._distances.items()}
            results.append({**score_image(hr, sr), **distances})
        return mean_scores(results)

    def panel(self, restore: Restore) -> np.ndarray:
        """Draws `panel_parts` of the first scene's centre side by side, uint8 [side, parts · side, 3]."""
        hr, lr = self._pairs[0]
        without = self._without_network(hr, lr)
        sr = crop_to(to_uint8(self._restored(restore, lr)), hr.shape[:2])
        side = min(256, *hr.shape[:2])
        if self._scale == 1:
            return np.concatenate([_middle(image, side) for image in (without["decoded"], sr, hr)], axis=1)
        framed = np.full((side, side, 3), 255, np.uint8)
        small = _middle(lr[..., :3], side // self._scale)
        top = (side - small.shape[0]) // 2
        framed[top : top + small.shape[0], top : top + small.shape[1]] = small
        return np.concatenate([framed, *(_middle(image, side) for image in (without["i-HR"], sr, hr))], axis=1)

    def _restored(self, restore: Restore, lr: np.ndarray) -> np.ndarray:
        """Restores a whole scene as `sr_tf.generators.upscale` does, so that the scores are those of a user's image."""
        whole = pad_to_multiple(lr, 2) if self._scale == 1 else lr
        return without_edges(restore(np.float32(mirrored(whole)[None]))[0], self._scale)

    def _without_network(self, hr: np.ndarray, lr: np.ndarray) -> dict[str, np.ndarray]:
        if self._scale == 1:
            return {"decoded": lr[..., :3]}
        return baselines(lr[..., :3], self._scale, self._degradation, hr.shape[:2])


def _middle(image: np.ndarray, side: int) -> np.ndarray:
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]
