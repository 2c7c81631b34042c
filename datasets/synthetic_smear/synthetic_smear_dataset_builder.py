"""TFDS builder of procedurally drawn blood smears. README.md in this folder tells what they are and how seeded."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from datasets.features import scene_features
from sr_tf.data.scenes import SPLITS, STUDY_RATIO
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
    """Which scenes to draw.

    Attributes:
        name: part of the prepared data set's path; by default it spells the other fields out.
        scenes: in all splits together, at least 3.
        size: height and width, pixels.
        seed: of the first scene, not negative; the others count on from it.
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
    """Square fields, each its own source, in the study's proportions."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Scene i is drawn from seed + i."}  # noqa: RUF012 (TFDS's name)
    BUILDER_CONFIGS = [Config("default"), Config("tiny", scenes=12, size=160, seed=1_000_000)]  # noqa: RUF012

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=scene_features(),
            disable_shuffling=True,
        )

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
    """Shares scenes out in the study's proportions.

    Args:
        scenes: in all, at least 3.

    Returns:
        Number of scenes of each split: rounded, at least one, their sum `scenes`.
    """
    counts = {
        split: max(1, round(scenes * share / sum(STUDY_RATIO)))
        for split, share in zip(SPLITS, STUDY_RATIO, strict=True)
    }
    return counts | {"train": scenes - counts["validation"] - counts["test"]}
