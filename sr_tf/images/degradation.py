"""HR → LR → i-HR: the one definition that training, evaluation and storage share.

Sizes that are no multiple of the scale: the HR image is extended at its right and lower edge by repeating its last
column and row up to the next multiple, then reduced, so that LR has ceil(H / scale) × ceil(W / scale) pixels and every
HR pixel lies under one of them. On the way back the enlarged image is cut to H × W: no pixel of the scene is lost.
"""

from dataclasses import dataclass

import cv2
import numpy as np

SCALES = (2, 4, 8)


@dataclass(frozen=True)
class Degradation:
    """How HR becomes LR, and how LR is enlarged for the interpolation baseline.

    Attributes:
        name: as used in flags and protocol lines.
        reduction: OpenCV interpolation flag for HR → LR.
        baseline: OpenCV interpolation flag for LR → i-HR.
        meaning: one line for protocols.
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
            cv2.INTER_CUBIC,
            cv2.INTER_AREA,
            "LR by OpenCV INTER_CUBIC (4 × 4 taps, no antialiasing), i-HR by INTER_AREA (repeats pixels)",
        ),
        Degradation(
            "antialiased",
            cv2.INTER_AREA,
            cv2.INTER_CUBIC,
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
        ValueError: unknown scale or degradation.
    """
    padded = pad_to_multiple(hr, _checked(scale))
    height, width = padded.shape[:2]
    size = (width // scale, height // scale)
    return cv2.resize(padded, size, interpolation=_named(degradation).reduction)


def pad_to_multiple(image: np.ndarray, multiple: int) -> np.ndarray:
    """Repeats the last row and column until both sides are multiples of `multiple`.

    Args:
        image: [H, W, C].
        multiple: pixels.

    Returns:
        [H', W', C] with H' and W' the next multiples; the image itself where nothing is missing.
    """
    height, width = image.shape[:2]
    bottom, right = -height % multiple, -width % multiple
    if not bottom and not right:
        return image
    return cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)


def enlarge(lr: np.ndarray, scale: int, interpolation: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Enlarges by interpolation.

    Args:
        lr: uint8 [h, w, 3].
        scale: one of `SCALES`.
        interpolation: an OpenCV flag, for instance `cv2.INTER_CUBIC`.
        size: (H, W) of the original, to which the result is cut; by default nothing is cut.

    Returns:
        uint8 [H, W, 3], values 0–255.
    """
    height, width = lr.shape[:2]
    full = (width * _checked(scale), height * scale)
    return crop_to(cv2.resize(lr, full, interpolation=interpolation), size)


def crop_to(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Cuts what padding added: the upper left (H, W) of an image; everything where `size` is None."""
    return image if size is None else image[: size[0], : size[1]]


def baselines(
    lr: np.ndarray, scale: int, degradation: str = "study", size: tuple[int, int] | None = None
) -> dict[str, np.ndarray]:
    """The interpolations that stand beside SR in every table.

    Returns:
        `i-HR` (the degradation's own baseline), `bicubic` and `Lanczos`: uint8 [H, W, 3] each. OpenCV's kernels: cubic
        with a = −0.75 over 4 × 4 pixels, Lanczos over 8 × 8.
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
