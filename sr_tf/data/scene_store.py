"""HR scenes with their LRs, by index: kept in memory as far as they fit, otherwise read when needed."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from tqdm import tqdm

from sr_tf.disk.cores import usable_cores
from sr_tf.errors import UserError
from sr_tf.images.means import pad_to_multiple
from sr_tf.images.pixels import with_quality


class Scenes(Protocol):
    """A source of scenes, which is iterated once and then read by index."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yields (name, HR uint8 [H, W, 3])."""

    def read(self, index: int) -> np.ndarray:
        """Reads the HR image of one scene, uint8 [H, W, 3]. Thread-safe."""


class LRs(Protocol):
    """A source of the LRs of scenes.

    Attributes:
        variants: the number of LRs of each scene.
        channels: 3, or 4 if the last channel is the codec's quality, 0 to 100.
    """

    variants: int
    channels: int

    def __call__(self, index: int, hr: np.ndarray, variants: Sequence[int], spread: Callable = map) -> list[np.ndarray]:
        """Returns the LRs with the given numbers, uint8 [h, w, channels].

        `spread` is `map` or a thread pool's `map`.
        """


class CodedLRs:
    """LRs that are computed from HR, and compressed by AVIF if qualities are given.

    Args:
        reduction: a function from HR to LR, uint8.
        qualities: AVIF qualities; each scene has one LR for each of them. Empty: one LR, not compressed.
        told: whether the quality is the LRs' fourth channel.
    """

    def __init__(
        self, reduction: Callable[[np.ndarray], np.ndarray], qualities: Sequence[int] = (), told: bool = False
    ):
        self._reduction, self._qualities = reduction, tuple(qualities)
        self.variants, self.channels = max(1, len(self._qualities)), 4 if told else 3

    def __call__(self, index: int, hr: np.ndarray, variants: Sequence[int], spread: Callable = map) -> list[np.ndarray]:
        """Returns the LRs with the given numbers, see `LRs`."""
        lr = self._reduction(hr)
        if not self._qualities:
            return [lr]
        from sr_tf.images.codecs import coded_variants

        qualities = [self._qualities[variant] for variant in variants]
        coded = coded_variants(lr, qualities, spread)
        if self.channels == 3:
            return coded
        return [with_quality(image, quality) for image, quality in zip(coded, qualities, strict=True)]


class SceneStore:
    """Pairs of LR and HR scenes for training; implements `sr_tf.data.sampler.Pairs`.

    Every scene is read once at the start. The first scenes stay in memory with all their LRs, up to `cache_bytes`. The
    others are read and reduced each time they are needed, so memory does not grow with the number of scenes.

    Args:
        scenes: the source of HR scenes.
        scale: reduction in each direction.
        lrs: the source of LRs.
        crop_size: side of the training patches in LR pixels.
        cache_bytes: the largest size of the pixels kept in memory.

    Attributes:
        scale, variants, sizes, channels: see `sr_tf.data.sampler.Pairs`.
        cached: the number of scenes in memory.

    Raises:
        UserError: there is no scene, or a scene is smaller than a patch.
    """

    def __init__(self, scenes: Scenes, scale: int, lrs: LRs, crop_size: int, cache_bytes: float):
        self.scale, self.variants, self.channels = scale, lrs.variants, lrs.channels
        self._scenes, self._lrs = scenes, lrs
        self._kept: list[tuple[list[np.ndarray], np.ndarray]] = []
        sizes, used, full = [], 0, False
        every = range(lrs.variants)
        with ThreadPoolExecutor(usable_cores()) as pool:
            for index, (name, hr) in enumerate(tqdm(scenes, "read scenes", len(scenes), unit="scene", disable=None)):
                height, width = hr.shape[:2]
                sizes.append((-(-height // scale), -(-width // scale)))
                if min(sizes[-1]) < crop_size:
                    raise UserError(
                        f"{name}: {width}×{height} pixels, smaller than a training patch; expected at least "
                        f"{crop_size * scale}×{crop_size * scale} (--crop_size={crop_size} LR pixels at scale {scale})"
                    )
                if full:
                    continue
                hr_bytes = 3 * scale * scale * sizes[-1][0] * sizes[-1][1]
                used += hr_bytes + lrs.variants * hr_bytes * lrs.channels // (3 * scale**2)
                full = used > cache_bytes
                if not full:
                    self._kept.append((lrs(index, hr, every, pool.map), _padded(hr, scale)))
        if not sizes:
            raise UserError("the training split has no scenes; expected at least one")
        self.sizes = np.array(sizes, np.int64)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def cached(self) -> int:
        """The number of scenes in memory."""
        return len(self._kept)

    def pair(self, index: int, variant: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Returns LR and HR of one scene. Thread-safe.

        Args:
            index: the scene's index.
            variant: the number of the LR.

        Returns:
            LR, uint8 [h, w, channels], and HR, uint8 [scale · h, scale · w, 3]. HR is padded to a multiple of the scale
            by repeating its last row and column.
        """
        if index < len(self._kept):
            lrs, hr = self._kept[index]
            return lrs[variant], hr
        hr = self._scenes.read(index)
        return self._lrs(index, hr, [variant])[0], _padded(hr, self.scale)


def _padded(hr: np.ndarray, scale: int) -> np.ndarray:
    return np.ascontiguousarray(pad_to_multiple(hr, scale))
