"""Whether a restoration shows the lattice on which its network enlarges: checkerboards and their kin."""

import numpy as np

LEAST_SIDE = 64  # of the windows, and so of the images
_ROUNDING = 1 / 12  # variance of rounding to 8 bits: the least power that means anything


def lattice_excess(hr: np.ndarray, sr: np.ndarray, scale: int) -> float:
    """How far a periodic pattern stands out of SR's spectrum, beyond HR's own.

    A pattern that repeats every `scale` pixels has power at the frequencies (k, l) / scale cycles per pixel alone. At
    each of them but (0, 0), and in each channel, the prominence is the power in relation to the median power of the
    frequencies 3 to 5 bins around it, in dB. The result is the largest difference of SR's prominence and HR's.

    Power is the geometric mean, over half-overlapping 64×64 windows under a Hann taper, of each window's power, that
    of 8-bit rounding added: so a few windows full of edges count no more than the background.

    Args:
        hr: uint8 [H, W, 3], sides of at least 64 pixels.
        sr: the same shape.
        scale: period of the pattern in pixels: 2, 4 or 8.

    Returns:
        dB. Noise and blur give 3 or less, a pattern of one 8-bit level on each fourth pixel of each fourth row more
        than 10. Interpolation, whose traces repeat with the lattice too, lies between.
    """
    return float(np.max(_prominence(sr, scale) - _prominence(hr, scale)))


def _prominence(image: np.ndarray, scale: int) -> np.ndarray:
    """[scale² − 1, 3], in dB."""
    level = 10 * np.log10(_power(image))
    around = [(i, j) for i in range(-5, 6) for j in range(-5, 6) if max(abs(i), abs(j)) >= 3]
    neighbours = np.median([np.roll(level, offset, axis=(0, 1)) for offset in around], axis=0)
    step = LEAST_SIDE // scale
    return (level - neighbours)[::step, ::step].reshape(-1, 3)[1:]


def _power(image: np.ndarray) -> np.ndarray:
    """Power at each frequency and channel, [64, 64, 3]."""
    taper = np.hanning(LEAST_SIDE + 1)[:-1]
    taper = np.outer(taper, taper)
    windows = np.lib.stride_tricks.sliding_window_view(image, (LEAST_SIDE, LEAST_SIDE), axis=(0, 1))
    windows = windows[:: LEAST_SIDE // 2, :: LEAST_SIDE // 2]
    floor = _ROUNDING * np.sum(taper**2)
    # Row by row of windows, so that memory grows with the image's width alone.
    logarithms = [np.log(np.abs(np.fft.fft2(row * taper)) ** 2 + floor).mean(axis=0) for row in windows]
    return np.exp(np.mean(logarithms, axis=0)).transpose(1, 2, 0)
