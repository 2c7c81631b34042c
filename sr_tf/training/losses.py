"""Losses: pure functions of tensors, each a mean over the batch.

Images are float [N, H, W, 3] in [0, 255]; features are lists of float [N, h, w, c]; logits are float [N, 1].
"""

from keras import ops

from sr_tf.metrics.feature_distance import feature_distance
from sr_tf.metrics.ssim import ssim


def pixel_mse(hr, sr):
    """Mean squared error in squared 8-bit levels, so that PSNR = 10 · log10(255² / MSE)."""
    return ops.mean(ops.square(ops.cast(sr, "float32") - ops.cast(hr, "float32")))


def content(hr_features, sr_features):
    """MSE between features of HR and SR, averaged over the chosen layers (Ledig et al. 2017, equation 5)."""
    distances = [ops.mean(ops.square(sr - hr)) for hr, sr in zip(hr_features, sr_features, strict=True)]
    return sum(distances) / len(distances)


def unit_content(hr_features, sr_features, heads=None):
    """Distance between unit-normalised features, in the form of LPIPS; see `sr_tf.metrics.feature_distance`.

    With the published weights of channels in `heads` it is LPIPS itself (Zhang et al. 2018).

    All positions have equal weight, whereas strong edges dominate the MSE of features. The distance does not depend on
    brightness, so it needs `colour` or `pixel_mse` as a second loss.
    """
    return ops.mean(feature_distance(hr_features, sr_features, heads))


def structure(hr, sr):
    """1 − SSIM, averaged over three sizes: full, half and a quarter. Images have at least 44×44 pixels."""
    total = 0.0
    for scale in range(3):
        total = total + ops.mean(1.0 - ssim(hr, sr))
        if scale < 2:
            hr, sr = (ops.average_pool(ops.cast(image, "float32"), 2, strides=2) for image in (hr, sr))
    return total / 3


def colour(hr, sr, period: int):
    """MSE of local means, computed separately for each HR pixel position within an LR pixel, in squared 8-bit levels.

    Each mean covers 8×8 LR pixels, for one of the period² positions that an HR pixel can have within its LR pixel. The
    loss preserves the stain's colour, which other losses may ignore, and prevents checkerboards: in a flat area a
    network can only produce texture that repeats with this period, and feature losses reward such texture.

    Args:
        hr: [N, H, W, 3] in [0, 255]; both sides are multiples of `period` and at least 8 · `period`.
        sr: the same shape and range.
        period: HR pixels for each LR pixel in each direction, the generator's scale.
    """

    def means(images):
        count, height, width, channels = ops.shape(images)
        blocks = (count, height // period, period, width // period, period, channels)
        blocks = ops.transpose(ops.reshape(ops.cast(images, "float32"), blocks), (0, 1, 3, 2, 4, 5))
        blocks = ops.reshape(blocks, (count, height // period, width // period, period * period * channels))
        return ops.average_pool(blocks, 8, strides=4)

    return ops.mean(ops.square(means(sr) - means(hr)))


def adversarial(sr_logits):
    """The generator's cross-entropy, −log D(SR), in its non-saturating form (Ledig et al. 2017, equation 6)."""
    return ops.mean(ops.softplus(-sr_logits))


def discrimination(hr_logits, sr_logits):
    """The discriminator's cross-entropy, averaged over HR and SR: ln 2 ≈ 0.693 at chance, 0 if it is always right."""
    return (ops.mean(ops.softplus(-hr_logits)) + ops.mean(ops.softplus(sr_logits))) / 2


def accuracy(hr_logits, sr_logits):
    """Share of patches that the discriminator classifies correctly: 0.5 at chance."""
    correct = ops.concatenate([hr_logits > 0, sr_logits <= 0], axis=0)
    return ops.mean(ops.cast(correct, "float32"))
