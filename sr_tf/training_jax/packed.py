"""Scenes and their LR in one `.npz` file, and the patches of each step; NumPy only."""

import functools
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sr_tf.disk.files import replace_atomically
from sr_tf.errors import UserError


@dataclass(frozen=True)
class PackedScenes:
    """Scenes in memory.

    Attributes:
        hr: uint8 [H, W, 3] each.
        lr: of each scene V images, uint8 [ceil(H / scale), ceil(W / scale), 3]: the ways to store its LR.
        scale: reduction in each direction.
        degradation: how HR was reduced, a name in `sr_tf.images.degradation.DEGRADATIONS`.
        qualities: of AVIF that the LRs went through, as in `TrainConfig.lr_qualities`; empty: uncoded.
    """

    hr: list[np.ndarray]
    lr: list[list[np.ndarray]]
    scale: int
    degradation: str
    qualities: str

    def save(self, path: Path) -> None:
        """Writes a `.npz` file."""
        arrays = {f"hr/{i:06d}": image for i, image in enumerate(self.hr)}
        for i, images in enumerate(self.lr):
            arrays |= {f"lr/{i:06d}/{j}": image for j, image in enumerate(images)}
        about = {"scale": self.scale, "degradation": self.degradation, "qualities": self.qualities}
        replace_atomically(path, lambda temporary: np.savez(temporary, **arrays, **about))

    @classmethod
    def load(cls, path: str | Path) -> "PackedScenes":
        """Reads what `save` wrote.

        Raises:
            UserError: the file is missing, damaged or another one.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                names = sorted(arrays.files)
                hr = [arrays[name] for name in names if name.startswith("hr/")]
                lr = [[arrays[name] for name in names if name.startswith(f"lr/{i:06d}/")] for i in range(len(hr))]
                about = [arrays[name].item() for name in ("scale", "degradation", "qualities")]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"{path}: expected a file of python -m sr_tf.training_jax.pack ({error})") from error
        return cls(hr, lr, *about)


class Patches:
    """Aligned patches of LR and HR, turned and mirrored at random; step and seed alone decide which.

    Each pass takes every scene once, in an order of its own. It is the scheme of `sr_tf.data.pipeline` with NumPy's
    random numbers: the same kind of batches, not the same ones.

    Args:
        scenes: to cut from.
        batch_size: patches a batch.
        crop_size: side of LR patches in pixels.
        seed: of order, places and turns.

    Raises:
        UserError: a scene is smaller than a patch.
    """

    def __init__(self, scenes: PackedScenes, batch_size: int, crop_size: int, seed: int):
        self._scale, self._count, self._size, self._seed = scenes.scale, batch_size, crop_size, seed
        smallest = min(min(images[0].shape[:2]) for images in scenes.lr)
        if smallest < crop_size:
            raise UserError(f"--crop_size={crop_size}: expected at most {smallest}, the least side of an LR scene")
        self._lr = scenes.lr
        self._hr = [_padded(hr, scenes.scale) for hr in scenes.hr]
        self._order = functools.lru_cache(2)(
            lambda turn: np.random.default_rng([seed, turn]).permutation(len(self._hr))
        )

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The batch of a step.

        Returns:
            LR uint8 [batch, crop, crop, 3] and HR uint8 [batch, scale · crop, scale · crop, 3].
        """
        patches = [self._patch(number) for number in range(step * self._count, (step + 1) * self._count)]
        return tuple(np.stack(images) for images in zip(*patches, strict=True))

    def batches(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The batches of `count` steps from `first` on: LR and HR as `batch` gives them, along a new first axis."""
        return tuple(np.stack(images) for images in zip(*map(self.batch, range(first, first + count)), strict=True))

    def _patch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        scene = self._order(number // len(self._hr))[number % len(self._hr)]
        draws = np.random.default_rng([self._seed, number, 1]).random(4)
        variants = self._lr[scene]
        lr, hr = variants[int(draws[0] * len(variants))], self._hr[scene]
        top, left = (int(draw * (side - self._size + 1)) for draw, side in zip(draws[1:3], lr.shape[:2], strict=True))
        turn = int(draws[3] * 8)
        return tuple(_turned(_cut(image, top, left, self._size, k), turn) for image, k in ((lr, 1), (hr, self._scale)))


def _cut(image: np.ndarray, top: int, left: int, size: int, scale: int) -> np.ndarray:
    return image[top * scale : (top + size) * scale, left * scale : (left + size) * scale]


def _turned(image: np.ndarray, turn: int) -> np.ndarray:
    return np.rot90(image[:, ::-1] if turn >= 4 else image, turn % 4)


def _padded(hr: np.ndarray, scale: int) -> np.ndarray:
    """As `sr_tf.images.degradation.pad_to_multiple`, which wants OpenCV."""
    return np.pad(hr, ((0, -hr.shape[0] % scale), (0, -hr.shape[1] % scale), (0, 0)), mode="edge")
