"""Peak signal-to-noise ratio."""

from keras import ops

from sr_tf.metrics.channels import compared


def psnr(hr, sr, channel: str = "rgb", border: int = 0):
    """PSNR of each image in dB.

    Protocol: one mean squared error over all channels, range 255. Super-resolution papers often use `channel="y"` and a
    border as wide as the scale.

    Args:
        hr: RGB [N, H, W, 3], values in [0, 255].
        sr: the same shape. To score the image as a file would store it, round and clip it to 8 bits first.
        channel: "rgb", or "y" (see `sr_tf.metrics.channels.luma`).
        border: pixels that are cut off at each side.

    Returns:
        float32 [N]; infinite for equal images.

    Raises:
        ValueError: the channel is unknown, or the border too wide.
    """
    difference = compared(hr, channel, border) - compared(sr, channel, border)
    error = ops.mean(ops.square(difference), axis=(1, 2, 3))
    return 10.0 * ops.log10(255.0**2 / error)
