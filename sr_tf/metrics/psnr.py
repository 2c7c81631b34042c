"""Peak signal-to-noise ratio."""

from keras import ops

from sr_tf.metrics.channels import compared


def psnr(hr, sr, channel: str = "rgb", border: int = 0):
    """PSNR in dB of each image.

    Protocol: all channels in one mean, range 255. Super-resolution papers often use `channel="y"` and cut as many
    pixels as the scale.

    Args:
        hr: [N, H, W, 3] in [0, 255].
        sr: the same shape; round and clip it to 8 bits first to score what a file would hold.
        channel: "rgb", or "y" (see `sr_tf.metrics.channels.luma`).
        border: pixels cut off at each side.

    Returns:
        float32 [N]; infinite where the images are equal.

    Raises:
        ValueError: unknown channel, or too wide a border.
    """
    difference = compared(hr, channel, border) - compared(sr, channel, border)
    error = ops.mean(ops.square(difference), axis=(1, 2, 3))
    return 10.0 * ops.log10(255.0**2 / error)
