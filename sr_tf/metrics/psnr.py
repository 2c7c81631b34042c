"""Peak signal-to-noise ratio."""

from keras import ops


def psnr(hr, sr):
    """PSNR in dB of each image.

    Protocol: RGB, all three channels in one mean, no border cut, range 255.

    Args:
        hr: [N, H, W, 3] in [0, 255].
        sr: the same shape; round and clip it to 8 bits first to score what a file would hold.

    Returns:
        float32 [N]; infinite where the images are equal.
    """
    difference = ops.cast(hr, "float32") - ops.cast(sr, "float32")
    error = ops.mean(ops.square(difference), axis=(1, 2, 3))
    return 10.0 * ops.log10(255.0**2 / error)
