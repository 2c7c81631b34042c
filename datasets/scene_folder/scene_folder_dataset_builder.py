"""TFDS builder of scenes from a folder of images. README.md in this folder describes the folder's layout."""

import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from datasets.features import scene_info
from sr_tf.data.duplicates import fingerprint, keep_together, near_duplicates
from sr_tf.data.scenes import SPLITS, cut_scenes, split_groups
from sr_tf.errors import UserError
from sr_tf.images.reading import encode_png, find_images, read_folder, read_rgb

_LISTED_PAIRS = 20


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
    """The images to cut, and the settings.

    Attributes:
        name: part of the prepared data set's path. It depends on the other fields and on the names, sizes and
            modification times of the files, so that a changed folder is prepared again.
        source: the folder of images.
        size: the desired height and width of a scene in pixels.
        least: images with a side of fewer pixels are skipped.
        group_by: the images that show the same smear and therefore stay in one split. "folder": the images of one
            sub-folder, or each image by itself if all images are in one folder. Otherwise a regular expression that is
            searched for in the path relative to `source`; its first group is the name of the smear.
        seed: the seed of the split.
        guard: whether to search for images that show the same place and keep their groups in one split.
        strict: whether to stop at an image that cannot be used instead of skipping it.
    """

    name: str = ""
    source: str = ""
    size: int = 700
    least: int = 96
    group_by: str = "folder"
    seed: int = 0
    guard: bool = True
    strict: bool = False

    def __post_init__(self):
        if not self.source:
            raise UserError("scene_folder: no source given, expected a folder of images")
        if not 1 <= self.least <= self.size:
            raise UserError(f"scene_folder: size is {self.size} and least is {self.least}, expected 1 ≤ least ≤ size")
        folder = Path(self.source).resolve()
        files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in find_images(folder)]
        settings = (self.size, self.least, self.group_by, self.seed, self.guard, self.strict)
        digest = hashlib.sha256(repr((str(folder), settings, files)).encode()).hexdigest()
        self.name = f"{re.sub(r'[^A-Za-z0-9]+', '_', folder.name)[:40]}-{digest[:12]}"


class Builder(tfds.core.GeneratorBasedBuilder):
    """Scenes of a folder's images. All scenes of a smear are in one split."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (TFDS's name)

    def _info(self) -> tfds.core.DatasetInfo:
        return scene_info(self)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        config = self.builder_config
        source = Path(config.source)
        paths, counts, prints = [], [], []
        for path, image in read_folder(find_images(source), config.strict):
            if self._is_usable(path, image):
                paths.append(path)
                counts.append(len(cut_scenes(image, config.size)))
                prints.append(fingerprint(image) if config.guard else None)
        names = [path.relative_to(source).as_posix() for path in paths]
        groups = group_images(names, config.group_by)
        if config.guard:
            pairs = near_duplicates(prints)
            _report(pairs, names)
            groups = keep_together(groups, pairs)
        sizes = Counter()
        for group, count in zip(groups, counts, strict=True):
            sizes[group] += count
        try:
            splits = split_groups(sizes, config.seed)
        except UserError as error:
            raise UserError(f"{source}: {error} (images that show the same place count as one group)") from error
        members = list(zip(paths, names, groups, strict=True))
        return {
            split: self._generate_examples([member for member in members if splits[member[2]] == split])
            for split in SPLITS
        }

    def _generate_examples(self, members: list[tuple[Path, str, str]]) -> Iterator[tuple[str, dict[str, str | bytes]]]:
        for path, name, group in members:
            for suffix, scene in cut_scenes(read_rgb(path), self.builder_config.size):
                yield name + suffix, {"image": encode_png(scene), "name": name + suffix, "group": group}

    def _is_usable(self, path: Path, image: np.ndarray) -> bool:
        height, width = image.shape[:2]
        least = self.builder_config.least
        if min(height, width) >= least:
            return True
        message = f"{path}: {width}×{height} pixels, expected at least {least}×{least}"
        if self.builder_config.strict:
            raise UserError(message)
        logging.warning("skipped: %s", message)
        return False


def group_images(names: list[str], group_by: str) -> list[str]:
    """Finds the smear of each image.

    Args:
        names: paths relative to the source, with slashes.
        group_by: see `Config.group_by`.

    Returns:
        The name of each image's smear.

    Raises:
        UserError: the regular expression is not valid or does not match an image.
    """
    if group_by == "folder":
        folders = [name.rpartition("/")[0] for name in names]
        return folders if len(set(folders)) > 1 else names
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise UserError(f"group_by {group_by!r}: not a regular expression ({error})") from error
    if not pattern.groups:
        raise UserError(f"group_by {group_by!r}: has no group, expected a part in parentheses")
    matches = [pattern.search(name) for name in names]
    for name, match in zip(names, matches, strict=True):
        if not match or not match[1]:
            raise UserError(f"group_by {group_by!r}: does not match {name!r}, expected the name of its smear")
    return [match[1] for match in matches]


def _report(pairs: list[tuple[int, int, float]], names: list[str]) -> None:
    for i, j, score in pairs[:_LISTED_PAIRS]:
        logging.warning("near-duplicates: %s and %s (%.2f)", names[i], names[j], score)
    if pairs:
        logging.warning("%d pairs of near-duplicates; each pair stays in one split", len(pairs))
