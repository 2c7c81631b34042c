"""Curves and images for TensorBoard; TensorFlow writes them."""

from pathlib import Path

import numpy as np

from sr_tf.errors import UserError
from sr_tf.messages import load_tensorflow


class Board:
    """Writes a run's curves and images for TensorBoard; does nothing where TensorFlow is not installed.

    Args:
        folder: the folder for the event files.
    """

    def __init__(self, folder: Path):
        try:
            load_tensorflow()
            import tensorflow as tf
        except UserError:
            self._tf = None
        else:
            self._tf, self._writer = tf, tf.summary.create_file_writer(str(folder))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Adds one point to each curve; `values` maps tags to numbers."""
        if self._tf:
            with self._writer.as_default(step=step):
                for tag, value in values.items():
                    self._tf.summary.scalar(tag, value)

    def image(self, step: int, tag: str, image: np.ndarray) -> None:
        """Adds an image, uint8 [H, W, 3], and writes all pending events to disk."""
        if self._tf:
            with self._writer.as_default(step=step):
                self._tf.summary.image(tag, image[None])
            self._writer.flush()
