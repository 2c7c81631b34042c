"""The scenes of a split, read once from TFRecords and kept in memory for random access."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tqdm import tqdm

from sr_tf.errors import UserError
from sr_tf.images.codecs import coded_variants
from sr_tf.images.degradation import pad_to_multiple
from sr_tf.images.reading import encode_png


def read_scenes(builder: tfds.core.DatasetBuilder, split: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yields (name, HR uint8 [H, W, 3]) of a split, in the order in which they were written.

    Raises:
        UserError: the data set has no such split.
    """
    if split not in builder.info.splits:
        raise UserError(f"{builder.info.full_name}: has no split {split}, only {', '.join(builder.info.splits)}")
    for example in tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False)):
        yield example["name"].decode("utf-8"), example["image"]


@dataclass(frozen=True)
class PairStore:
    """HR scenes and their LR, each scene one element of a string tensor.

    Attributes:
        hr: string [N]: raw uint8 RGB pixels, or PNG files where they did not fit in memory decoded.
        lr: string [N, V]: raw uint8 RGB pixels, for each of V ways to store an LR.
        sizes: int32 [N, 2]: height and width of each LR in pixels; HR is `scale` times as large.
        scale: reduction in each direction.
        decoded: whether `hr` holds raw pixels.
    """

    hr: tf.Tensor
    lr: tf.Tensor
    sizes: tf.Tensor
    scale: int
    decoded: bool

    def __len__(self) -> int:
        return int(self.sizes.shape[0])

    @property
    def variants(self) -> int:
        """V: how many ways there are to store an LR."""
        return int(self.lr.shape[1])

    def pair(self, index: tf.Tensor, variant: tf.Tensor | int = 0) -> tuple[tf.Tensor, tf.Tensor]:
        """One scene.

        Args:
            index: integer scalar in [0, N).
            variant: integer scalar in [0, V), which of its LRs.

        Returns:
            LR uint8 [h, w, 3] and HR uint8 [scale · h, scale · w, 3].
        """
        height, width = tf.unstack(tf.gather(self.sizes, index))
        lr = tf.reshape(tf.io.decode_raw(tf.gather(tf.gather(self.lr, index), variant), tf.uint8), [height, width, 3])
        coded = tf.gather(self.hr, index)
        hr = tf.io.decode_raw(coded, tf.uint8) if self.decoded else tf.io.decode_png(coded, channels=3)
        return lr, tf.reshape(hr, [self.scale * height, self.scale * width, 3])


def build_store(
    scenes: Iterator[tuple[str, np.ndarray]],
    scale: int,
    reduction: Callable[[np.ndarray], np.ndarray],
    crop_size: int,
    cache_bytes: float,
    qualities: Sequence[int] = (),
) -> PairStore:
    """Reduces every scene and keeps both.

    Args:
        scenes: (name, HR uint8 [H, W, 3]).
        scale: reduction in each direction.
        reduction: from HR to LR, uint8, as `sr_tf.images.degradation.reduce` or a reducer makes it.
        crop_size: side in LR pixels of the patches that will be asked for.
        cache_bytes: keep HR decoded up to this size in all, PNG-coded beyond.
        qualities: of AVIF; each gives every scene an LR that went through it. None: one LR, uncoded.

    Raises:
        UserError: no scene, or a scene smaller than a patch.
    """
    hr, lr = [], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, image in tqdm(scenes, desc="code LRs", unit="scene", disable=None if qualities else True):
            small = reduction(image)
            if min(small.shape[:2]) < crop_size:
                raise UserError(
                    f"{name}: {image.shape[1]}×{image.shape[0]} pixels, smaller than a training patch; expected at "
                    f"least {crop_size * scale}×{crop_size * scale} (--crop_size={crop_size} LR pixels at scale "
                    f"{scale})"
                )
            hr.append(pad_to_multiple(image, scale))
            lr.append(coded_variants(small, qualities, pool.map))
    if not hr:
        raise UserError("the training split has no scenes; expected at least one")
    decoded = sum(image.nbytes for image in hr) <= cache_bytes
    encode = np.ndarray.tobytes if decoded else encode_png
    return PairStore(
        hr=tf.constant([encode(image) for image in hr]),
        lr=tf.constant([[image.tobytes() for image in images] for images in lr]),
        sizes=tf.constant([images[0].shape[:2] for images in lr], tf.int32),
        scale=scale,
        decoded=decoded,
    )
