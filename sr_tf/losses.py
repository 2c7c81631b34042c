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
            hr, sr = (ops.average_pool(ops.cast(image, "float32"), 2) for image in (hr, sr))
    return total / 3


def colour(hr, sr):
    """MSE of the means of 16×16 pixels, in 8-bit levels squared: holds the stain where other losses do not see it."""
    hr, sr = (ops.average_pool(ops.cast(image, "float32"), 16, strides=8) for image in (hr, sr))
    return ops.mean(ops.square(sr - hr))


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
