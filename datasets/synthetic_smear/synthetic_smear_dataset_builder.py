"""TFDS builder of procedurally drawn blood smears. README.md in this folder describes them and their seeds."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from datasets.features import scene_info
from sr_tf.data.scenes import SPLITS, STUDY_RATIO
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
    """The scenes to draw.

    Attributes:
        name: part of the prepared data set's path. By default it consists of the other fields.
        scenes: the number of scenes in all splits together, at least 3.
        size: height and width of a scene in pixels.
        seed: the seed of the first scene, at least 0. Each further scene has the next seed.
    """

    name: str = ""
    scenes: int = 116
    size: int = 700
    seed: int = 0

    def __post_init__(self):
        for field, least in (("scenes", len(SPLITS)), ("size", 1), ("seed", 0)):
            if getattr(self, field) < least:
                raise UserError(f"synthetic_smear: {field} is {getattr(self, field)}, expected at least {least}")
        self.name = self.name or f"scenes{self.scenes}-size{self.size}-seed{self.seed}"


class Builder(tfds.core.GeneratorBasedBuilder):
    """Square fields in the study's proportions. Each field is a group of its own."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Scene i is drawn from seed + i."}  # noqa: RUF012 (TFDS's name)
    BUILDER_CONFIGS = [Config("default"), Config("tiny", scenes=12, size=160, seed=1_000_000)]  # noqa: RUF012

    def _info(self) -> tfds.core.DatasetInfo:
        return scene_info(self)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        first = self.builder_config.seed
        generators = {}
        for split, count in split_counts(self.builder_config.scenes).items():
            generators[split] = self._generate_examples(range(first, first + count))
            first += count
        return generators

    def _generate_examples(self, seeds: range) -> Iterator[tuple[str, dict[str, str | np.ndarray]]]:
        size = self.builder_config.size
        for seed in seeds:
            name = f"smear-{seed}"
            yield name, {"image": render_smear(seed, size, size), "name": name, "group": name}


def split_counts(scenes: int) -> dict[str, int]:
    """Divides a number of scenes in the study's proportions.

    Args:
        scenes: the number of scenes in all splits together, at least 3.

    Returns:
        The number of scenes of each split: rounded, at least one. Their sum is `scenes`.
    """
    counts = {
        split: max(1, round(scenes * share / sum(STUDY_RATIO)))
        for split, share in zip(SPLITS, STUDY_RATIO, strict=True)
    }
    return counts | {"train": scenes - counts["validation"] - counts["test"]}
