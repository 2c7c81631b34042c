"""A decoded image → the image that a filter makes of it."""

import numpy as np

from sr_tf.generators.upscale import upscale
from sr_tf.images.degradation import crop_to
from sr_tf.images.means import pad_to_multiple
from sr_tf.images.pixels import with_quality


def filtered(network, image: np.ndarray, quality: float) -> np.ndarray:
    """Restores an image that AVIF stored at full size.

    Args:
        network: `sr_tf.models.coded_filter.CodedFilter`.
        image: the decoded image, uint8 [H, W, 3]; odd sides are padded for the network and cropped again.
        quality: AVIF's quality, 0 to 100.

    Returns:
        uint8 [H, W, 3].
    """
    told = with_quality(pad_to_multiple(image, 2), quality)
    return crop_to(upscale(network, told), image.shape[:2])
