"""AVIF's qualities that differ, and what each is worth.

AVIF knows 101 qualities, but AV1 only 64 quantisers. Several qualities give the same file.
"""

import numpy as np

AVIF_LEVELS = (
    *(0, 3, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 35, 37, 39, 40, 42, 44, 45, 47, 49, 50, 52, 54),
    *(55, 56, 58, 59, 60, 62, 63, 64, 66, 67, 68, 70, 71, 72, 74, 75, 76, 78, 79, 80, 82, 83, 84, 86, 87, 88, 90, 91),
    *(92, 94, 95, 96, 98),
)
"""The lowest quality of each quantiser; without 99 and 100, with which exact pixels are smaller."""

_COARSE = 0.27
_FINE = (0.32, 0.35, 0.47, 0.64, 0.77, 0.82, 1.1, 1.3, 1.5, 1.7, 1.8, 2.5)
_STEPS = (*(_COARSE for _ in AVIF_LEVELS[len(_FINE) + 1 :]), *_FINE)
"""What a quantiser gains over the one before it, in dB of the coding error: medians over blocks of tissue and of blood,
at full size and reduced 2 and 4 times, at speeds 9 and 6."""
_PLACES = np.concatenate([[0.0], np.cumsum(_STEPS)])


def avif_places(levels: tuple[float, ...]) -> tuple[float, ...]:
    """Where qualities lie on a scale on which a dB of the coding error has the same length everywhere, about.

    Args:
        levels: qualities, 0 to 100.

    Returns:
        In dB above quality 0.
    """
    return tuple(np.interp(levels, AVIF_LEVELS, _PLACES).tolist())
