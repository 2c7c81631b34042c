"""Learned perceptual image patch similarity (Zhang et al. 2018, arXiv 1801.03924), version 0.1."""

from keras import ops

from sr_tf.errors import UserError
from sr_tf.metrics.feature_distance import feature_distance
from sr_tf.models.lpips_networks import lpips_network

_LEAST_SIDE = {"alex": 31, "vgg": 16}


class LPIPS:
    """LPIPS v0.1: squared difference of unit-normalised features, weighted by channel, mean over positions, summed.

    The sum is over five layers. Protocol: RGB, no border cut, at the images' own size. The computation is that of the
    Python package lpips 0.1.4 with `spatial=False`; it gives the distances that the metric's own repository prints for
    its example images (0.722 and 0.138 by AlexNet).

    Usage: `LPIPS("alex")(hr, sr)`.

    Args:
        kind: "alex" (AlexNet, which papers report) or "vgg" (VGG-16).

    Raises:
        UserError: the kind is unknown, or the weights are not in the asset cache.
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._network, self._heads = lpips_network(kind)

    def __call__(self, hr, sr):
        """The distance of each pair of images.

        Args:
            hr: RGB [N, H, W, 3], uint8 or float, values in [0, 255]; H and W at least 31 (alex) or 16 (vgg).
            sr: the same shape.

        Returns:
            float32 [N], at least 0, and 0 for equal images.

        Raises:
            UserError: the images are too small.
        """
        return self.distance(self.features(hr), sr)

    def features(self, images):
        """The features that the distance compares; compute them once for an image that is compared several times.

        Args:
            images: RGB [N, H, W, 3], uint8 or float, values in [0, 255]; H and W at least 31 (alex) or 16 (vgg).

        Returns:
            A list of float32 [N, h, w, C], one for each layer.

        Raises:
            UserError: the images are too small.
        """
        least = _LEAST_SIDE[self.kind]
        if min(images.shape[1:3]) < least:
            height, width = images.shape[1:3]
            raise UserError(
                f"LPIPS {self.kind}: found an image of {width}×{height} pixels, expected at least {least}×{least}"
            )
        return self._network(ops.cast(images, "float32"))

    def distance(self, hr_features, sr):
        """The distance of each pair, like a call, but from the `features` of HR."""
        return feature_distance(hr_features, self.features(sr), self._heads)
