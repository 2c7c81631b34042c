"""Lattice score: whether a restoration shows checkerboards or other patterns from the network's upsampling."""

import numpy as np

LEAST_SIDE = 64
"""Side of the windows, so the smallest image side that can be measured, in pixels."""
_ROUNDING = 1 / 12
"""Variance of rounding to 8 bits; less power is not significant."""


def lattice_excess(hr: np.ndarray, sr: np.ndarray, scale: int) -> float:
    """How much more a periodic pattern stands out in the spectrum of SR than in that of HR.

    A pattern that repeats every `scale` pixels has power only at the frequencies (k, l) / scale cycles per pixel. At
    each of these except (0, 0), and in each channel, the prominence is the power divided by the median power of the
    frequencies 3 to 5 bins away, in dB. The result is the largest difference between the prominence in SR and in HR.

    The power is a geometric mean over half-overlapping 64×64 windows with a Hann taper, so a few windows full of edges
    do not outweigh the background. The power of 8-bit rounding is added to each window.

    Args:
        hr: uint8 [H, W, 3], sides of at least 64 pixels.
        sr: the same shape.
        scale: period of the pattern in pixels: 2, 4 or 8.

    Returns:
        dB. Noise and blur give 3 or less; a pattern of one 8-bit level on every fourth pixel of every fourth row gives
        more than 10. Interpolation leaves traces with the same period and lies in between.
    """
    return float(np.max(_prominence(sr, scale) - _prominence(hr, scale)))


def _prominence(image: np.ndarray, scale: int) -> np.ndarray:
    """The prominence at each frequency of the pattern and in each channel, float [scale² − 1, 3], in dB."""
    level = 10 * np.log10(_power(image))
    around = [(i, j) for i in range(-5, 6) for j in range(-5, 6) if max(abs(i), abs(j)) >= 3]
    neighbours = np.median([np.roll(level, offset, axis=(0, 1)) for offset in around], axis=0)
    step = LEAST_SIDE // scale
    return (level - neighbours)[::step, ::step].reshape(-1, 3)[1:]


def _power(image: np.ndarray) -> np.ndarray:
    """The power at each frequency and in each channel, float [64, 64, 3]."""
    taper = np.hanning(LEAST_SIDE + 1)[:-1]
    taper = np.outer(taper, taper)
    windows = np.lib.stride_tricks.sliding_window_view(image, (LEAST_SIDE, LEAST_SIDE), axis=(0, 1))
    windows = windows[:: LEAST_SIDE // 2, :: LEAST_SIDE // 2]
    floor = _ROUNDING * np.sum(taper**2)
    # One row of windows at a time, so that memory depends only on the image's width.
    logarithms = [np.log(np.abs(np.fft.fft2(row * taper)) ** 2 + floor).mean(axis=0) for row in windows]
    return np.exp(np.mean(logarithms, axis=0)).transpose(1, 2, 0)
