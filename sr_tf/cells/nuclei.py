"""Nuclei in tissue stained with H&E, found without a network: colour deconvolution, threshold, watershed.

The method is old and its errors are known: touching and pale nuclei, dark cytoplasm, ink. It is a probe: what it finds
in an original and in a restored slide differs where storing changed what it looks at.
"""

from dataclasses import dataclass

import numpy as np

from sr_tf.cells.finder import Cells
from sr_tf.images.libraries import cv2

_STAINS = np.array([(0.65, 0.70, 0.29), (0.07, 0.99, 0.11)])
"""Optical density of haematoxylin and eosin in red, green and blue (Ruifrok and Johnston 2001)."""
_TISSUE = 0.15
"""Least optical density, mean of the channels, of a pixel that is no glass."""
_LEAST_STAIN = 0.15
"""Least concentration of haematoxylin in a nucleus, whatever the threshold says."""
_LEVELS = 100
"""Steps of concentration per unit for the threshold; 255 of them are 2.55."""
_LEAST_TISSUE = 0.002
"""Share of a window's pixels below which no threshold is looked for."""

_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)

# Lengths in µm.
_BLUR = 0.35
_LEAST_RADIUS = 1.8
"""Of the disc whose area the smallest nucleus has: lymphocytes have 3 µm or more."""
_LARGEST_RADIUS = 12.0
_APART = 2.5
"""Least distance of two centres in one dark area."""
_DEPTH = 1.0
"""Least distance from a centre to the nucleus's edge."""
SAME_NUCLEUS = 2.5
"""Largest distance between two findings of one nucleus."""

METHOD = (
    "Colour deconvolution with the vectors of Ruifrok and Johnston (2001), Gaussian filter, Otsu's threshold of the "
    "haematoxylin over the tissue of each window, distance transform, watershed from its maxima. Nothing was trained."
)


@dataclass(frozen=True)
class NucleusFinder:
    """Finds nuclei.

    Attributes:
        mpp: µm per pixel of the images, at most 1.1: below, nuclei have too few pixels.
    """

    mpp: float

    def find(self, image: np.ndarray) -> Cells:
        """Finds the nuclei of an image; all have type 0.

        Args:
            image: uint8 [H, W, 3], RGB, of any size.

        Returns:
            The nuclei from the upper left to the lower right, row by row. A nucleus's chance is how far the
            concentration of haematoxylin in it is above the threshold, at most 1.
        """
        stain = haematoxylin(image)
        blurred = cv2.GaussianBlur(stain, (0, 0), max(_BLUR / self.mpp, 0.5))
        threshold = _threshold(blurred, image)
        if threshold is None:
            return Cells(np.zeros((0, 2), np.float32), np.zeros(0, int), np.zeros(0, np.float32))
        mask = cv2.morphologyEx((blurred >= threshold).astype(np.uint8), cv2.MORPH_OPEN, _disc(0.6 / self.mpp))
        parts = _divided(mask, self.mpp)
        count = int(parts.max(initial=0)) + 1
        areas = np.bincount(parts.ravel(), minlength=count) * self.mpp**2
        areas[0] = 0
        kept = np.flatnonzero((areas >= np.pi * _LEAST_RADIUS**2) & (areas <= np.pi * _LARGEST_RADIUS**2))
        rows, columns = np.indices(parts.shape, np.float32)
        sums = [np.bincount(parts.ravel(), one.ravel(), count) for one in (columns, rows, blurred)]
        pixels = np.bincount(parts.ravel(), minlength=count)
        places = np.column_stack([sums[0][kept], sums[1][kept]]) / pixels[kept, None] + 0.5
        chances = np.clip((sums[2][kept] / pixels[kept] - threshold) / threshold, 0, 1)
        order = np.lexsort((places[:, 0], places[:, 1]))
        found = Cells(places.astype(np.float32), np.zeros(len(kept), int), chances.astype(np.float32))
        return found.take(order)


def haematoxylin(image: np.ndarray) -> np.ndarray:
    """The concentration of haematoxylin, float32 [H, W].

    Args:
        image: uint8 [H, W, 3], RGB.
    """
    vectors = _STAINS / np.linalg.norm(_STAINS, axis=1, keepdims=True)
    residual = np.cross(*vectors)
    unmixing = np.linalg.inv(np.vstack([vectors, residual / np.linalg.norm(residual)]))
    density = -np.log10((np.arange(256) + 1) / 256).astype(np.float32)
    return density[image] @ unmixing[:, 0].astype(np.float32)


def _threshold(stain: np.ndarray, image: np.ndarray) -> float | None:
    """Otsu's threshold over the tissue; None if there is too little."""
    tissue = image.mean(axis=2) < 256 * 10**-_TISSUE
    if tissue.mean() < _LEAST_TISSUE:
        return None
    levels = np.clip(stain[tissue] * _LEVELS, 0, 255).astype(np.uint8)[None]
    found, _ = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return max(float(found + 1) / _LEVELS, _LEAST_STAIN)


def _divided(mask: np.ndarray, mpp: float) -> np.ndarray:
    """Numbers of the nuclei in a mask, int32 [H, W]; 0 is outside."""
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    smooth = cv2.GaussianBlur(inside, (0, 0), 0.5 / mpp)
    peaks = (smooth == cv2.dilate(smooth, _disc(_APART / mpp))) & (inside >= _DEPTH / mpp)
    _, markers = cv2.connectedComponents(peaks.astype(np.uint8))
    # Watershed by immersion: level by level, from the centres outwards, parts grow into what is that far inside.
    parts = markers.astype(np.float32)
    for level in range(int(inside.max()), -1, -1):
        free = (parts == 0) & (inside > level)
        while True:
            grown = cv2.dilate(parts, _CROSS)
            new = free & (grown > 0)
            if not new.any():
                break
            parts[new] = grown[new]
            free &= ~new
    return parts.astype(np.int32)


def _disc(radius: float) -> np.ndarray:
    whole = max(round(radius), 1)
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * whole + 1, 2 * whole + 1))
