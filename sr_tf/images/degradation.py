"""HR → LR → i-HR: the one definition that training, evaluation and storage share.

If the size is not a multiple of the scale, the last column and row of HR are repeated up to the next multiple before
the reduction. LR then has ceil(H / scale) × ceil(W / scale) pixels, and each HR pixel lies within one LR pixel. The
enlarged image is cropped to H × W again, so no pixel of the scene is lost.
"""

from dataclasses import dataclass

import numpy as np

from sr_tf.images.libraries import cv2
from sr_tf.images.means import pad_to_multiple, reduce_by_means

SCALES = (2, 4, 8)
_CUBIC, _AREA = 2, 3
"""OpenCV's INTER_CUBIC and INTER_AREA."""


@dataclass(frozen=True)
class Degradation:
    """How HR is reduced to LR, and how LR is enlarged to the baseline i-HR.

    Attributes:
        name: the name in flags and protocol lines.
        reduction: OpenCV interpolation flag for HR → LR.
        baseline: OpenCV interpolation flag for LR → i-HR.
        meaning: a description for protocol lines.
    """

    name: str
    reduction: int
    baseline: int
    meaning: str


DEGRADATIONS = {
    degradation.name: degradation
    for degradation in (
        Degradation(
            "study",
            _CUBIC,
            _AREA,
            "LR by OpenCV INTER_CUBIC (4 × 4 taps, no antialiasing), i-HR by INTER_AREA (repeats pixels)",
        ),
        Degradation(
            "antialiased",
            _AREA,
            _CUBIC,
            "LR by OpenCV INTER_AREA (mean of each scale × scale block), i-HR by INTER_CUBIC",
        ),
    )
}


def reduce(hr: np.ndarray, scale: int, degradation: str = "study") -> np.ndarray:
    """Reduces an image `scale` times in each direction.

    Args:
        hr: uint8 [H, W, 3], values 0–255, any H and W.
        scale: one of `SCALES`.
        degradation: a name in `DEGRADATIONS`.

    Returns:
        LR, uint8 [ceil(H / scale), ceil(W / scale), 3].

    Raises:
        ValueError: the scale or the degradation is unknown.
    """
    padded = pad_to_multiple(hr, _checked(scale))
    height, width = padded.shape[:2]
    reduction = _named(degradation).reduction
    if reduction == _AREA:
        return reduce_by_means(padded, scale)
    return cv2.resize(padded, (width // scale, height // scale), interpolation=reduction)


def enlarge(lr: np.ndarray, scale: int, interpolation: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Enlarges an image by interpolation.

    Args:
        lr: uint8 [h, w, 3].
        scale: one of `SCALES`.
        interpolation: an OpenCV flag, for instance `cv2.INTER_CUBIC`.
        size: (H, W) of the original, to which the result is cropped. Default: no crop.

    Returns:
        uint8 [H, W, 3], values 0–255.

    Raises:
        ValueError: the scale is unknown.
    """
    height, width = lr.shape[:2]
    full = (width * _checked(scale), height * scale)
    return crop_to(cv2.resize(lr, full, interpolation=interpolation), size)


def crop_to(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Removes padding: the upper left (H, W) pixels of an image, or all of it if `size` is None."""
    return image if size is None else image[: size[0], : size[1]]


def baselines(
    lr: np.ndarray, scale: int, degradation: str = "study", size: tuple[int, int] | None = None
) -> dict[str, np.ndarray]:
    """Enlarges an LR by each interpolation that tables list beside SR.

    Args:
        lr: uint8 [h, w, 3].
        scale: one of `SCALES`.
        degradation: a name in `DEGRADATIONS`.
        size: (H, W) of the original, to which the results are cropped. Default: no crop.

    Returns:
        Images by name, uint8 [H, W, 3] each: `i-HR` (the degradation's baseline), `bicubic` and `Lanczos`. The kernels
        are OpenCV's: cubic with a = −0.75 over 4 × 4 pixels, Lanczos over 8 × 8 pixels.

    Raises:
        ValueError: the scale or the degradation is unknown.
    """
    flags = {
        "i-HR": _named(degradation).baseline,
        "bicubic": cv2.INTER_CUBIC,
        "Lanczos": cv2.INTER_LANCZOS4,
    }
    return {name: enlarge(lr, scale, flag, size) for name, flag in flags.items()}


def _checked(scale: int) -> int:
    if scale not in SCALES:
        raise ValueError(f"scale {scale}: expected one of {SCALES}")
    return scale


def _named(degradation: str) -> Degradation:
    if degradation not in DEGRADATIONS:
        raise ValueError(f"degradation {degradation!r}: expected one of {', '.join(DEGRADATIONS)}")
    return DEGRADATIONS[degradation]
