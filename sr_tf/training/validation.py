"""Scores on validation scenes, for SR and for the interpolations beside it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from sr_tf.images.codecs import coded_variants
from sr_tf.images.degradation import baselines, crop_to, reduce
from sr_tf.images.pixels import to_uint8
from sr_tf.metrics.scores import mean_scores, score_image


class Validation:
    """Scores generators on a fixed set of whole scenes.

    Args:
        scenes: (name, HR uint8 [H, W, 3]) pairs; kept in memory.
        scale: reduction in each direction.
        degradation: a name in `sr_tf.images.degradation.DEGRADATIONS`.
        distances: by name, from (HR, SR), float [1, H, W, 3] each, to one number; each adds a score of its name.
        qualities: of AVIF; the scenes' LRs went through one of them each, in turn. None: uncoded.

    Attributes:
        baselines: mean scores of each interpolation, as `{"i-HR": {"psnr": …, "ssim": …}, …}`.
    """

    def __init__(
        self,
        scenes: Iterable[tuple[str, np.ndarray]],
        scale: int,
        degradation: str,
        distances: Mapping[str, Callable] | None = None,
        qualities: Sequence[int] = (),
    ):
        self._scale, self._degradation, self._distances = scale, degradation, dict(distances or {})
        self._qualities = qualities
        scenes = [hr for _, hr in scenes]
        self._pairs = self._coded(scenes, [reduce(hr, scale, degradation) for hr in scenes])
        per_scene = [
            {name: score_image(hr, image) for name, image in baselines(lr, scale, degradation, hr.shape[:2]).items()}
            for hr, lr in self._pairs
        ]
        self.baselines = {name: mean_scores([scene[name] for scene in per_scene]) for name in per_scene[0]}

    def __len__(self) -> int:
        return len(self._pairs)

    def reduce_by(self, reduction: Callable[[np.ndarray], np.ndarray]) -> None:
        """Makes the LRs anew, uint8 from uint8, and has them coded; `baselines` remain those of the first LRs."""
        scenes = [hr for hr, _ in self._pairs]
        self._pairs = self._coded(scenes, [reduction(hr) for hr in scenes])

    def _coded(self, scenes: list[np.ndarray], lrs: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        pairs = []
        for number, (hr, lr) in enumerate(zip(scenes, lrs, strict=True)):
            quality = [self._qualities[number % len(self._qualities)]] if self._qualities else []
            pairs.append((hr, *coded_variants(lr, quality)))
        return pairs

    def score(self, generator) -> dict[str, float]:
        """Mean scores of a generator, per scene and then over scenes.

        Args:
            generator: maps LR float [1, h, w, 3] to SR.

        Returns:
            `psnr` in dB, `ssim` and the distances; a PSNR of NaN alone if SR has values that are not finite.
        """
        results = []
        for hr, lr in self._pairs:
            restored = _restored(generator, lr)
            if not np.isfinite(restored).all():
                return {"psnr": math.nan}  # 8-bit pixels would hide it
            sr = crop_to(to_uint8(restored), hr.shape[:2])
            result = score_image(hr, sr)
            batch = [tf.constant(image[None], tf.float32) for image in (hr, sr)]
            result.update({name: float(distance(*batch)) for name, distance in self._distances.items()})
            results.append(result)
        return mean_scores(results)

    def panel(self, generator) -> np.ndarray:
        """LR | i-HR | SR | HR of the middle of the first scene.

        Returns:
            uint8 [1, side, 4 · side, 3], for TensorBoard.
        """
        hr, lr = self._pairs[0]
        ihr = baselines(lr, self._scale, self._degradation, hr.shape[:2])["i-HR"]
        sr = crop_to(to_uint8(_restored(generator, lr)), hr.shape[:2])
        side = min(256, *hr.shape[:2])
        framed = np.full((side, side, 3), 255, np.uint8)
        small = _middle(lr, side // self._scale)
        top = (side - small.shape[0]) // 2
        framed[top : top + small.shape[0], top : top + small.shape[1]] = small
        return np.concatenate([framed, *(_middle(image, side) for image in (ihr, sr, hr))], axis=1)[None]


def _restored(generator, lr: np.ndarray) -> np.ndarray:
    return np.asarray(generator(tf.constant(lr[None], tf.float32))[0])


def _middle(image: np.ndarray, side: int) -> np.ndarray:
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]
