"""The pixels and channels that a metric compares."""

from keras import ops

CHANNELS = ("rgb", "y")


def luma(image):
    """Luma Y of BT.601 as super-resolution papers use it: that of MATLAB's `rgb2ycbcr`, but not rounded to 8 bits.

    Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255 (ITU-R BT.601, section 2.5.3).

    Args:
        image: RGB [..., 3], values in [0, 255].

    Returns:
        float32 [..., 1], values in [16, 235].
    """
    red, green, blue = ops.split(ops.cast(image, "float32"), 3, axis=-1)
    return 16.0 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255.0


def compared(image, channel: str = "rgb", border: int = 0):
    """Cuts off the border and selects the channels that a metric compares.

    Args:
        image: RGB [N, H, W, 3], values in [0, 255].
        channel: "rgb", or "y" for `luma`.
        border: pixels that are cut off at each of the four sides.

    Returns:
        float32 [N, H − 2 · border, W − 2 · border, C], where C is 3 or 1.

    Raises:
        ValueError: the channel is unknown, or the border is negative or leaves no pixel.
    """
    height, width = image.shape[1:3]
    if channel not in CHANNELS:
        raise ValueError(f"channel {channel!r}: expected one of {', '.join(CHANNELS)}")
    if not 0 <= 2 * border < min(height, width):
        raise ValueError(f"border {border}: expected 0 or more, and less than half of {width}×{height} pixels")
    inside = image[:, border : height - border, border : width - border]
    return luma(inside) if channel == "y" else ops.cast(inside, "float32")
