"""Reads the scenes of a prepared data set from its TFRecords, first in order, then by index."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf.message import DecodeError

from sr_tf.errors import UserError, reason

# A TFRecord file is a sequence of records: length (uint64), CRC of the length, the data, CRC of the data.
_LENGTH = struct.Struct("<Q")
_HEADER, _FOOTER = 12, 4
# What TensorFlow, protobuf and TFDS raise for damaged records.
_DAMAGED = (
    OSError, struct.error, DecodeError, tf.errors.OpError, ValueError, KeyError, TypeError, MemoryError, OverflowError,
)  # fmt: skip


class RecordScenes:
    """The scenes of one split.

    Iterating yields (name, HR uint8 [H, W, 3]) in the order of the files, and verifies checksums.

    Args:
        builder: a prepared TFDS builder whose examples have `image` and `name`.
        split: the split's name.

    Raises:
        UserError: the data set has no such split.
    """

    def __init__(self, builder: tfds.core.DatasetBuilder, split: str):
        if split not in builder.info.splits:
            raise UserError(
                f"{builder.info.full_name}: has no split {split}, expected one of {', '.join(builder.info.splits)}"
            )
        self._features = builder.info.features
        self._count = builder.info.splits[split].num_examples
        self._paths = [Path(path) for path in builder.info.splits[split].filepaths]
        self._offsets: list[tuple[Path, int]] = []

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        offsets = []
        for path in self._paths:
            offset = 0
            records = iter(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
            while True:
                try:
                    record = next(records, None)
                    if record is None:
                        break
                    example = self._features.deserialize_example_np(record)
                    name = example["name"].decode("utf-8")
                except _DAMAGED as error:
                    raise UserError(
                        f"{path}: record {offset:,} bytes from its start cannot be read ({reason(error)}), expected a "
                        "file that TFDS wrote; delete this data set's folder to prepare it again"
                    ) from error
                offsets.append((path, offset))
                offset += _HEADER + len(record) + _FOOTER
                yield name, example["image"]
        self._offsets = offsets

    def read(self, index: int) -> np.ndarray:
        """Reads one scene. Thread-safe.

        Args:
            index: the scene's index in the order of iteration. One iteration must have been completed before.

        Returns:
            HR uint8 [H, W, 3].

        Raises:
            UserError: the file has changed or cannot be read.
        """
        path, offset = self._offsets[index]
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(offset)
                (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
                if length > size:
                    raise ValueError(f"a record of {length:,} bytes in a file of {size:,}")
                file.seek(offset + _HEADER)
                return self._features.deserialize_example_np(file.read(length))["image"]
        except _DAMAGED as error:
            raise UserError(
                f"{path}: scene {index} cannot be read again ({error}); the file may have changed"
            ) from error
