"""Scenes and their LRs in one `.npz` file, for training where neither TensorFlow nor codecs are installed.

Arrays: `hr/000000` … uint8 [H, W, 3]; `lr/000000/0` … uint8 [ceil(H / scale), ceil(W / scale), 3], one for each
quality; and the scalars `scale`, `degradation` and `qualities` (as `TrainConfig.lr_qualities`).
"""

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sr_tf.config import TrainConfig
from sr_tf.data.scene_store import LRs
from sr_tf.disk.arrays import ArrayFile
from sr_tf.disk.cores import usable_cores
from sr_tf.disk.files import replace_atomically
from sr_tf.errors import UserError
from sr_tf.images.degradation import DEGRADATIONS
from sr_tf.images.pixels import with_quality

FILES = {"train": "train.npz", "validation": "validation.npz"}
"""The files in a folder of packed scenes, by split."""
_SETTINGS = {"scale": "int64", "degradation": "U", "qualities": "U"}
_EXPECTED = "expected a file that `sr-tf pack` wrote"
_HR = re.compile(r"hr/\d{6}")
_MOST_ARRAYS = 200_000
_MOST_PIXELS = 1 << 28
"""The most pixels of a scene that is read; the images that are packed have fewer."""


class PackedScenes:
    """A file of packed scenes; each array is read when it is needed.

    Iterating yields (name, HR uint8 [H, W, 3]).

    Args:
        path: a file that `write_packed` wrote.

    Attributes:
        path: the path of the file.
        scale: reduction in each direction.
        degradation: the reduction from HR to LR, a name in `sr_tf.images.degradation.DEGRADATIONS`.
        qualities: AVIF qualities at which the LRs were compressed, separated by commas; empty: not compressed.
        variants: the number of LRs of each scene.

    Raises:
        UserError: the file does not exist, is damaged, or is no file of packed scenes.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._arrays = ArrayFile(self.path, _EXPECTED, _MOST_ARRAYS)
        try:
            settings = {name: self._arrays.read(name, kind, ()).item() for name, kind in _SETTINGS.items()}
            self.scale, self.degradation, self.qualities = settings.values()
            self._check_settings()
            self.variants = max(1, len(self.qualities.split(",")))
            self._count = sum(_HR.fullmatch(name) is not None for name in self._arrays.names)
            if self._arrays.names != set(_names(self._count, self.variants)):
                raise UserError(f"{self.path}: lacks arrays of a scene, or contains other arrays, {_EXPECTED}")
        except BaseException:
            self._arrays.close()
            raise

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        for index in range(self._count):
            yield f"{self.path.name} {index}", self.read(index)

    def read(self, index: int) -> np.ndarray:
        """Reads the HR image of one scene, uint8 [H, W, 3]. Thread-safe."""
        hr = self._arrays.read(f"hr/{index:06d}", "uint8", (None, None, 3))
        if not 0 < hr.shape[0] * hr.shape[1] <= _MOST_PIXELS:
            raise UserError(f"{self.path}: scene {index} has {hr.shape[1]}×{hr.shape[0]} pixels, {_EXPECTED}")
        return hr

    def lr(self, index: int, variant: int, hr: np.ndarray) -> np.ndarray:
        """Reads one LR of one scene, uint8 [h, w, 3], whose HR is `hr`. Thread-safe."""
        height, width = (-(-side // self.scale) for side in hr.shape[:2])
        return self._arrays.read(f"lr/{index:06d}/{variant}", "uint8", (height, width, 3))

    def _check_settings(self) -> None:
        if self.degradation not in DEGRADATIONS:
            raise UserError(f"{self.path}: degradation {self.degradation[:80]!r}, {_EXPECTED}")
        try:
            TrainConfig(scale=self.scale, lr_qualities=self.qualities)
        except UserError as error:
            raise UserError(f"{self.path}: {error}; {_EXPECTED}") from error


def _names(scenes: int, variants: int) -> Iterator[str]:
    """The names of all arrays of a file."""
    yield from _SETTINGS
    for index in range(scenes):
        yield f"hr/{index:06d}"
        yield from (f"lr/{index:06d}/{variant}" for variant in range(variants))


class PackedLRs:
    """The LRs of packed scenes; see `sr_tf.data.scene_store.LRs`.

    Args:
        scenes: the scenes.
        told: whether the quality is the LRs' fourth channel.
    """

    def __init__(self, scenes: PackedScenes, told: bool = False):
        self.variants, self.channels = scenes.variants, 4 if told else 3
        self._scenes = scenes

    def __call__(self, index: int, hr: np.ndarray, variants: Sequence[int], spread: Callable = map) -> list[np.ndarray]:
        """Returns the LRs with the given numbers, see `LRs`."""
        lrs = [self._scenes.lr(index, variant, hr) for variant in variants]
        if self.channels == 3:
            return lrs
        qualities = self._scenes.qualities.split(",")
        return [with_quality(lr, int(qualities[variant])) for lr, variant in zip(lrs, variants, strict=True)]


def open_packed(folder: str | Path) -> dict[str, PackedScenes]:
    """Opens the packed scenes of a folder.

    Args:
        folder: the folder with `train.npz` and `validation.npz`.

    Returns:
        The scenes of each split.

    Raises:
        UserError: a file does not exist or is damaged, or the scales of the two files differ.
    """
    if not folder:
        raise UserError(
            "--dataset=packed: expected --data_dir with a folder that contains train.npz and validation.npz"
        )
    scenes = {split: PackedScenes(Path(folder) / name) for split, name in FILES.items()}
    train, validation = scenes["train"], scenes["validation"]
    if train.scale != validation.scale:
        raise UserError(f"{validation.path}: reduced ×{validation.scale}, expected ×{train.scale} as in {train.path}")
    return scenes


def packed_settings(given: dict) -> dict:
    """Returns the fields of `TrainConfig` that are determined by the packed training scenes.

    Args:
        given: the fields given on the command line, by name; `data_dir` is the folder of packed scenes.

    Raises:
        UserError: a given field differs from the packed scenes; see also `open_packed`.
    """
    train = open_packed(given.get("data_dir", ""))["train"]
    settings = {"scale": train.scale, "degradation": train.degradation, "lr_qualities": train.qualities}
    for name, value in settings.items():
        if given.get(name, value) != value:
            raise UserError(f"--{name}={given[name]}: the scenes of {train.path} have {value!r}, expected the same")
    return settings


def write_packed(
    path: Path, images: Iterable[np.ndarray], scale: int, degradation: str, lrs: LRs, qualities: str = ""
) -> int:
    """Packs scenes into a file, one at a time, so that only one is in memory.

    Args:
        path: the `.npz` file to write.
        images: the HR images, uint8 [H, W, 3] each.
        scale: reduction in each direction.
        degradation: the name of the reduction, stored in the file.
        lrs: computes the LRs.
        qualities: the AVIF qualities of the LRs, separated by commas, stored in the file.

    Returns:
        The number of scenes packed.

    Raises:
        UserError: there are more scenes than one file may contain, or the file cannot be written.
    """
    count = 0

    def write(draft: Path) -> None:
        nonlocal count
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive, ThreadPoolExecutor(usable_cores()) as pool:
            for hr in images:
                if len(_SETTINGS) + (count + 1) * (1 + lrs.variants) > _MOST_ARRAYS:
                    raise UserError(f"{path}: more than {count} scenes, expected several files of fewer scenes")
                _add(archive, f"hr/{count:06d}", hr)
                for variant, lr in enumerate(lrs(count, hr, range(lrs.variants), pool.map)):
                    _add(archive, f"lr/{count:06d}/{variant}", lr)
                count += 1
            for name, value in zip(_SETTINGS, (scale, degradation, qualities), strict=True):
                _add(archive, name, np.array(value))

    replace_atomically(path, write)
    return count


def _add(archive: zipfile.ZipFile, name: str, values: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, np.ascontiguousarray(values), allow_pickle=False)
