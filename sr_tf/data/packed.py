"""Scenes and their LRs in one `.npz` file, for training where neither TensorFlow nor codecs are installed.

Arrays: `hr/000000` … uint8 [H, W, 3]; `lr/000000/0` … uint8 [ceil(H / scale), ceil(W / scale), 3], one for each
quality; and the scalars `scale`, `degradation` and `qualities` (as `TrainConfig.lr_qualities`).
"""

import contextlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sr_tf.data.scene_store import LRs
from sr_tf.disk.files import replace_atomically
from sr_tf.errors import UserError

FILES = {"train": "train.npz", "validation": "validation.npz"}
"""The files in a folder of packed scenes, by split."""
_SETTINGS = ("scale", "degradation", "qualities")


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
        with _named_errors(self.path):
            self._arrays = np.load(path, allow_pickle=False)
            self._count = sum(name.startswith("hr/") for name in self._arrays.files)
            self.scale, self.degradation, self.qualities = (self._arrays[name].item() for name in _SETTINGS)
        self.variants = max(1, len(self.qualities.split(",")))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        for index in range(self._count):
            yield f"{self.path.name} {index}", self.read(index)

    def read(self, index: int) -> np.ndarray:
        """Reads the HR image of one scene, uint8 [H, W, 3]. Thread-safe."""
        with _named_errors(self.path):
            return self._arrays[f"hr/{index:06d}"]

    def lr(self, index: int, variant: int) -> np.ndarray:
        """Reads one LR of one scene, uint8 [h, w, 3]. Thread-safe."""
        with _named_errors(self.path):
            return self._arrays[f"lr/{index:06d}/{variant}"]


@contextlib.contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Converts the exceptions that NumPy and zipfile raise on damaged files to a `UserError` with the file's name."""
    try:
        yield
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: expected a file that `sr-tf pack` wrote ({error})") from error


class PackedLRs:
    """The LRs of packed scenes; see `sr_tf.data.scene_store.LRs`."""

    def __init__(self, scenes: PackedScenes):
        self.variants = scenes.variants
        self._scenes = scenes

    def __call__(self, index: int, hr: np.ndarray, variants: Sequence[int], spread: Callable = map) -> list[np.ndarray]:
        """Returns the LRs with the given numbers, see `LRs`."""
        return [self._scenes.lr(index, variant) for variant in variants]


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
    """
    count = 0

    def write(draft: Path) -> None:
        nonlocal count
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive, ThreadPoolExecutor(os.cpu_count()) as pool:
            for hr in images:
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
