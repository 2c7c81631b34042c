"""TFDS builder of the Chula RBC-12 fields. README.md in this folder describes them and explains their partition."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds
from absl import logging

from datasets.features import scene_info
from sr_tf.errors import UserError
from sr_tf.images.reading import encode_png, is_image_name, read_rgb

URL = "https://github.com/Chula-PIC-Lab/Chula-RBC-12-Dataset/archive/refs/heads/main.zip"

# Fields are numbered in the order of acquisition and neighbours show the same smear, so that ranges separate smears.
PARTITION = {"train": range(1, 624), "validation": range(624, 641), "test": range(641, 681)}


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
    """The source of the fields.

    Attributes:
        name: part of the prepared data set's path. It is the same for all folders, since the fields are the same.
        source: a folder with the fields `1.jpg` to `680.jpg`, or with `Dataset/` (as in the public repository) or
            `train/`, `validation/` and `test/` that contain them; None: the public repository is downloaded.
    """

    name: str = ""
    source: str | None = None

    def __post_init__(self):
        self.name = "folder" if self.source else "download"


class Builder(tfds.core.GeneratorBasedBuilder):
    """Whole fields of 640×480 pixels in the published partition."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Fields 1–623 train, 624–640 validation, 641–680 test."}  # noqa: RUF012 (TFDS's name)
    BUILDER_CONFIGS = [Config()]  # noqa: RUF012 (TFDS's name)

    def _info(self) -> tfds.core.DatasetInfo:
        return scene_info(self, homepage="https://github.com/Chula-PIC-Lab/Chula-RBC-12-Dataset")

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        fields = find_fields(Path(self.builder_config.source or _download(dl_manager)))
        return {split: self._generate_examples(split, fields) for split in PARTITION}

    def _generate_examples(self, split: str, fields: dict[int, Path]) -> Iterator[tuple[str, dict[str, str | bytes]]]:
        for number in PARTITION[split]:
            yield str(number), {"image": encode_png(read_rgb(fields[number])), "name": str(number), "group": split}


def find_fields(source: Path) -> dict[int, Path]:
    """Finds the numbered fields of the published partition.

    Args:
        source: see `Config.source`.

    Returns:
        The paths of all fields by number.

    Raises:
        UserError: the folder does not exist, or a field is missing or exists twice.
    """
    if not source.is_dir():
        raise UserError(f"{source}: no such folder, expected the Chula RBC-12 fields")
    expected = {number for numbers in PARTITION.values() for number in numbers}
    fields: dict[int, Path] = {}
    for folder in (source, *(source / name for name in ("Dataset", *PARTITION))):
        for path in sorted(folder.glob("*")):
            if not is_image_name(path.name):
                continue
            if not path.stem.isdecimal() or int(path.stem) not in expected:
                logging.warning("%s: not a field of the published partition, skipped", path)
                continue
            if int(path.stem) in fields:
                raise UserError(f"{path}: the same number as {fields[int(path.stem)]}, expected each number once")
            fields[int(path.stem)] = path
    missing = sorted(expected - fields.keys())
    if missing:
        raise UserError(
            f"{source}: found {len(fields)} of the {len(expected)} fields, expected {min(expected)}.jpg to "
            f"{max(expected)}.jpg here, in Dataset/ or in train/, validation/ and test/; missing: "
            f"{', '.join(map(str, missing[:5]))}{' …' if len(missing) > 5 else ''}"
        )
    return fields


def _download(dl_manager: tfds.download.DownloadManager) -> Path:
    try:
        return Path(dl_manager.download_and_extract(URL)) / "Chula-RBC-12-Dataset-main"
    except OSError as error:
        raise UserError(
            f"{URL}: cannot be downloaded ({error}); download and unpack it, then pass the folder as source"
        ) from error
