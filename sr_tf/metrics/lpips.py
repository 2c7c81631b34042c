"""Learned perceptual image patch similarity (Zhang et al. 2018, arXiv 1801.03924), version 0.1."""

from keras import ops

from sr_tf.errors import UserError
from sr_tf.metrics.feature_distance import unit_normalised
from sr_tf.models.lpips_networks import lpips_heads, lpips_network

_LEAST_SIDE = {"alex": 31, "vgg": 16}


class LPIPS:
    """LPIPS v0.1: squared difference of unit-normalised features, weighted by channel, mean over positions, summed.

    The sum is over five layers. Protocol: RGB, no border cut, at the images' own size. The computation is that of the
    Python package lpips 0.1.4 with `spatial=False`. It has not been run on torchvision's real backbones, see
    `sr_tf.models.lpips_networks`.

    Usage: `LPIPS("alex")(hr, sr)`.

    Args:
        kind: "alex" (AlexNet, which papers report) or "vgg" (VGG-16).

    Raises:
        UserError: the kind is unknown, or the weights are not in the asset cache.
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._network = lpips_network(kind)
        self._heads = lpips_heads(kind)

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
        least = _LEAST_SIDE[self.kind]
        if min(hr.shape[1:3]) < least:
            height, width = hr.shape[1:3]
            raise UserError(
                f"LPIPS {self.kind}: found an image of {width}×{height} pixels, expected at least {least}×{least}"
            )
        features = (self._network(ops.cast(images, "float32")) for images in (hr, sr))
        return sum(map(_weighted_distance, *features, self._heads))


def _weighted_distance(hr, sr, head):
    """The distance in one layer, float [N], from features [N, h, w, C] of HR and SR and channel weights [C]."""
    difference = ops.square(unit_normalised(sr) - unit_normalised(hr))
    return ops.mean(ops.sum(difference * head, axis=-1), axis=(1, 2))
