"""Curves and pictures for TensorBoard; nothing where TensorFlow, which writes them, is not installed."""

from pathlib import Path

import numpy as np


class Board:
    """Writes events of a run.

    Args:
        folder: of the events.
    """

    def __init__(self, folder: Path):
        try:
            import tensorflow as tf
        except ModuleNotFoundError:
            self._tf = None
        else:
            self._tf, self._writer = tf, tf.summary.create_file_writer(str(folder))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Adds one point to each curve, by its tag."""
        if self._tf:
            with self._writer.as_default(step=step):
                for tag, value in values.items():
                    self._tf.summary.scalar(tag, value)

    def image(self, step: int, tag: str, image: np.ndarray) -> None:
        """Adds a picture, uint8 [H, W, 3], and writes everything to disk."""
        if self._tf:
            with self._writer.as_default(step=step):
                self._tf.summary.image(tag, image[None])
            self._writer.flush()
