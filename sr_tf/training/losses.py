"""Losses: pure functions of tensors, each a mean over the batch.

Images are float [N, H, W, 3] in [0, 255]; features are lists of float [N, h, w, c]; logits are float [N, 1].
"""

from keras import ops

from sr_tf.metrics.feature_distance import feature_distance
from sr_tf.metrics.ssim import ssim


def pixel_mse(hr, sr):
    """Mean squared error in 8-bit levels squared, so that PSNR = 10 · log10(255² / MSE)."""
    return ops.mean(ops.square(ops.cast(sr, "float32") - ops.cast(hr, "float32")))


def content(hr_features, sr_features):
    """MSE between features of HR and SR, averaged over the layers that were taken (Ledig et al. 2017, equation 5)."""
    distances = [ops.mean(ops.square(sr - hr)) for hr, sr in zip(hr_features, sr_features, strict=True)]
    return sum(distances) / len(distances)


def unit_content(hr_features, sr_features):
    """Distance between unit-normalised features, in the form of LPIPS; see `sr_tf.metrics.feature_distance`.

    It weighs all positions alike, strong and weak edges, where the MSE of features is ruled by the strongest. It does
    not see brightness: it wants `colour` or `pixel_mse` beside it.
    """
    return ops.mean(feature_distance(hr_features, sr_features))


def structure(hr, sr):
    """1 − SSIM, averaged over the images as they are, halved and quartered: at least 44×44 pixels."""
    total = 0.0
    for scale in range(3):
        total = total + ops.mean(1.0 - ssim(hr, sr))
        if scale < 2:
            hr, sr = (ops.average_pool(ops.cast(image, "float32"), 2, strides=2) for image in (hr, sr))
    return total / 3


def colour(hr, sr, period: int):
    """MSE of local means, taken apart for each place in the lattice of the enlargement, in 8-bit levels squared.

    A mean over 8×8 LR pixels, for each of the period² places that an HR pixel can have under its LR pixel. It holds the
    stain where other losses do not see it, and forbids checkerboards: a network that enlarges a flat area can only put
    texture there by repeating it with the lattice, and losses on features reward it for doing so.

    Args:
        hr: [N, H, W, 3] in [0, 255], sides multiples of `period` and at least 8 · `period`.
        sr: the same shape.
        period: of the lattice in pixels, the generator's scale.
    """

    def means(images):
        count, height, width, channels = ops.shape(images)
        places = (count, height // period, period, width // period, period, channels)
        places = ops.transpose(ops.reshape(ops.cast(images, "float32"), places), (0, 1, 3, 2, 4, 5))
        places = ops.reshape(places, (count, height // period, width // period, period * period * channels))
        return ops.average_pool(places, 8, strides=4)

    return ops.mean(ops.square(means(sr) - means(hr)))


def adversarial(sr_logits):
    """The generator's cross-entropy, −log D(SR), in its non-saturating form (Ledig et al. 2017, equation 6)."""
    return ops.mean(ops.softplus(-sr_logits))


def discrimination(hr_logits, sr_logits):
    """The discriminator's cross-entropy, averaged over HR and SR: ln 2 ≈ 0.693 at chance, 0 when never wrong."""
    return (ops.mean(ops.softplus(-hr_logits)) + ops.mean(ops.softplus(sr_logits))) / 2


def accuracy(hr_logits, sr_logits):
    """Share of patches that the discriminator tells right: 0.5 at chance."""
    right = ops.concatenate([hr_logits > 0, sr_logits <= 0], axis=0)
    return ops.mean(ops.cast(right, "float32"))
