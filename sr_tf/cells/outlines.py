"""A red-cell finder without a network: threshold, distance transform, peaks.

The labels of the training fields leave out many cells. The centres found here complete them, so that the network is not
taught that unlabelled cells are background. It is also an independent second count.
"""

import numpy as np

from sr_tf.images.libraries import cv2

_SMALLEST = 0.45
"""Least distance from a centre to the cell's edge, as a share of the field's median."""
_APART = 1.1
"""Least distance between two centres, in the field's median radii."""
_LARGEST_HOLE = 1.0
"""Largest area that is filled, in discs of the median radius: the pallor of a cell, not the gap between cells."""
_COARSE = 4
"""How many times smaller the background is estimated."""


def outline_centres(image: np.ndarray) -> np.ndarray:
    """Finds the red cells of a blood field.

    Args:
        image: uint8 [H, W, 3], RGB; a smear of single cells on a bright background.

    Returns:
        float32 [N, 3]: x and y of each cell's centre and its least radius, in pixels.
    """
    inside = cv2.distanceTransform(_cell_mask(image), cv2.DIST_L2, 5)
    smooth = cv2.GaussianBlur(inside, (0, 0), 2)
    radius = _median_radius(inside)
    if radius == 0:
        return np.zeros((0, 3), np.float32)
    peaks = smooth == cv2.dilate(smooth, _disc(round(_APART * radius)))
    count, _, _, middles = cv2.connectedComponentsWithStats((peaks & (inside > _SMALLEST * radius)).astype(np.uint8))
    centres = middles[1:count].astype(np.float32).reshape(-1, 2)
    columns, rows = np.rint(centres).astype(int).T
    violet = _violet(image)[rows, columns]
    found = np.column_stack([centres, inside[rows, columns]]).astype(np.float32)
    return found[violet <= np.median(violet) + 0.12] if len(found) else found


def _cell_mask(image: np.ndarray) -> np.ndarray:
    """Pixels of cells, uint8 0 or 1 [H, W], with their pallor."""
    green = cv2.GaussianBlur(image[..., 1], (0, 0), 1.5)
    # The light falls off towards the corners: what is compared is the density over a wide estimate of the background.
    small = cv2.resize(green, None, fx=1 / _COARSE, fy=1 / _COARSE, interpolation=cv2.INTER_AREA)
    wide = cv2.GaussianBlur(cv2.dilate(small, _disc(40 // _COARSE)), (0, 0), 30 / _COARSE)
    background = cv2.resize(wide, green.shape[::-1], interpolation=cv2.INTER_LINEAR)
    density = np.log((background + 1.0) / (green + 1.0))
    levels = np.clip(density * 255, 0, 255).astype(np.uint8)
    _, mask = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _disc(3))
    radius = _median_radius(cv2.distanceTransform(_filled(mask, np.inf), cv2.DIST_L2, 5))
    return _filled(mask, _LARGEST_HOLE * np.pi * radius**2)


def _filled(mask: np.ndarray, largest: float) -> np.ndarray:
    """Fills holes of at most `largest` pixels that do not touch the border."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    height, width = mask.shape
    left, top, wide, high, area = stats.T
    enclosed = (left > 0) & (top > 0) & (left + wide < width) & (top + high < height) & (area <= largest)
    enclosed &= np.arange(count) > 0
    return mask | enclosed[parts].astype(np.uint8)


def _median_radius(inside: np.ndarray) -> float:
    """The median over connected parts of the largest distance to the edge, in pixels; specks are left out."""
    count, parts = cv2.connectedComponents((inside > 0).astype(np.uint8))
    if count == 1:
        return 0.0
    largest = np.zeros(count)
    np.maximum.at(largest, parts.ravel(), inside.ravel())
    cells = largest[1:][largest[1:] > 0.3 * largest[1:].max()]
    return float(np.median(cells))


def _violet(image: np.ndarray) -> np.ndarray:
    """How much darker red light is than blue light, as for nuclei and platelets; float32 [H, W]."""
    smooth = cv2.GaussianBlur(image, (0, 0), 4).astype(np.float32) + 1
    return np.log(smooth[..., 2] / smooth[..., 0])


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
