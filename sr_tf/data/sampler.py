"""Training patches as a pure function of the step, so that a run can continue at any step without iterator state.

Patch number n = step · batch size + position belongs to pass n // N over the N scenes; each pass has its own random
order. Position, flip or rotation, and the LR variant depend only on (seed, n). The code uses only NumPy, so both Keras
backends train on the same patches.
"""

import functools
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sr_tf.data.draws import permutation, uniform

_DRAWN_TOGETHER = 1024
"""The number of patches whose random numbers are drawn in one call; a call takes half a millisecond."""


class Pairs(Protocol):
    """HR scenes with their LRs, by index.

    Attributes:
        scale: HR pixels for each LR pixel, in each direction.
        variants: the number of LRs of each scene.
        sizes: int [N, 2], height and width of each scene's LR in pixels.
        channels: 3, or 4 if the LR's last channel is the codec's quality.
    """

    scale: int
    variants: int
    channels: int
    sizes: np.ndarray

    def pair(self, index: int, variant: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns LR, uint8 [h, w, channels], and HR, uint8 [scale · h, scale · w, 3], of one scene. Thread-safe."""


class Sampler:
    """Cuts aligned patches of LR and HR, flipped and rotated at random.

    Args:
        pairs: the scenes with their LRs.
        batch_size: the number of patches in a batch.
        crop_size: side of the LR patches in pixels; no scene is smaller, which `SceneStore` checks.
        seed: the random seed of order, positions and orientations.
        qualities: for training with a reducer: a patch is then HR and one of these qualities, without LR.
    """

    def __init__(self, pairs: Pairs, batch_size: int, crop_size: int, seed: int, qualities: Sequence[int] = ()):
        self.batch_size = batch_size
        self._pairs, self._size, self._seed, self._qualities = pairs, crop_size, seed, tuple(qualities)
        self._order = functools.lru_cache(4)(functools.partial(permutation, seed, count=len(pairs.sizes)))
        self._draws = functools.lru_cache(8)(
            lambda block: uniform(seed, np.arange(block * _DRAWN_TOGETHER, (block + 1) * _DRAWN_TOGETHER))
        )

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of the two arrays that `patch` returns."""
        lr, hr = (self._size, self._size, self._pairs.channels), (*(self._size * self._pairs.scale,) * 2, 3)
        return (hr, ()) if self._qualities else (lr, hr)

    def patch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Cuts one patch. Thread-safe.

        Args:
            number: the patch number, counted over the whole run.

        Returns:
            LR, float32 [crop, crop, channels], and HR, float32 [scale · crop, scale · crop, 3], values 0 to 255. With
            `qualities`: HR and a quality, a float32 scalar.
        """
        count = len(self._pairs.sizes)
        index = int(self._order(number // count)[number % count])
        # The products stay in float32: another precision could move a patch by a pixel.
        vertical, horizontal, turn, variant = self._draws(number // _DRAWN_TOGETHER)[number % _DRAWN_TOGETHER]
        lr, hr = self._pairs.pair(index, int(variant * np.float32(self._pairs.variants)))
        places = [
            int(draw * np.float32(side - self._size + 1))
            for draw, side in zip((vertical, horizontal), lr.shape[:2], strict=True)
        ]
        turn = int(turn * np.float32(8))
        patches = [
            oriented(cut(image, *places, self._size, scale), turn)
            for image, scale in ((lr, 1), (hr, self._pairs.scale))
        ]
        lr, hr = (np.ascontiguousarray(image, np.float32) for image in patches)
        if not self._qualities:
            return lr, hr
        return hr, np.float32(self._qualities[int(variant * np.float32(len(self._qualities)))])

    def batch(self, step: int, spread=map) -> tuple[np.ndarray, np.ndarray]:
        """Cuts the batch of a step: the arrays of `patch`, stacked along a new first axis.

        Args:
            step: the step of the run, from 0.
            spread: `map`, or the `map` method of a thread pool.
        """
        numbers = range(step * self.batch_size, (step + 1) * self.batch_size)
        return tuple(np.stack(images) for images in zip(*spread(self.patch, numbers), strict=True))

    def batches(self, first: int, count: int, spread=map) -> tuple[np.ndarray, np.ndarray]:
        """Cuts the batches of `count` steps from step `first`, stacked along a new first axis."""
        batches = (self.batch(step, spread) for step in range(first, first + count))
        return tuple(np.stack(images) for images in zip(*batches, strict=True))


def cut(image: np.ndarray, top: int, left: int, size: int, scale: int) -> np.ndarray:
    """Cuts a square part out of an image.

    Args:
        image: [H, W, C].
        top: upper edge in LR pixels.
        left: left edge in LR pixels.
        size: side in LR pixels.
        scale: the image's pixels for each LR pixel.

    Returns:
        A view [scale · size, scale · size, C].
    """
    return image[top * scale : (top + size) * scale, left * scale : (left + size) * scale]


def oriented(image: np.ndarray, turn: int) -> np.ndarray:
    """Applies one of the eight flips and rotations to a square patch.

    Args:
        image: [s, s, C].
        turn: 0 to 7. The two low bits are the number of quarter turns; from 4 on, the patch is mirrored first.

    Returns:
        A view [s, s, C].
    """
    return np.rot90(image[:, ::-1] if turn >= 4 else image, turn % 4)
