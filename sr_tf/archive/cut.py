"""One block out of a piece's image, and a piece's image out of blocks."""

import numpy as np

from sr_tf.archive.grid import BLOCK
from sr_tf.images.libraries import cv2


def cut(image: np.ndarray, rectangle: tuple[int, int, int, int], block: tuple[int, int, int, int], scale: int):
    """Cuts a block out of a piece.

    Args:
        image: the piece's image, uint8 [h, w, 3].
        rectangle: (x, y, width, height) of the piece in HR pixels.
        block: the same of the block.
        scale: the piece's scale.

    Returns:
        uint8 [ceil(h / scale), ceil(w / scale), 3], for a block of h × w HR pixels.
    """
    x, y = (block[0] - rectangle[0]) // scale, (block[1] - rectangle[1]) // scale
    width, height = (-(-side // scale) for side in block[2:])
    return image[y : y + height, x : x + width]


def joined(parts: dict[tuple[int, int], np.ndarray], shape: tuple[int, int], scale: int) -> np.ndarray:
    """Puts blocks together, and fills what they leave with their surroundings, smoothly, so that it costs few bytes.

    Args:
        parts: the images of blocks by (row, column) in the piece.
        shape: (height, width) of the piece in its own pixels.
        scale: the piece's scale.

    Returns:
        uint8 [height, width, 3].
    """
    side = BLOCK // scale
    image, known = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    for (row, column), part in parts.items():
        place = slice(row * side, row * side + part.shape[0]), slice(column * side, column * side + part.shape[1])
        image[place], known[place] = part, 1
    if known.all():
        return image.astype(np.uint8)
    filled = _filled(image, known)
    image = np.where(known[..., None] > 0, image, filled)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _filled(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Means of what is known, from fine to coarse: each unknown pixel takes the finest mean that there is."""
    height, width = known.shape
    if min(height, width) < 2:
        total = max(float(known.sum()), 1e-6)
        return np.broadcast_to((image * known[..., None]).sum((0, 1)) / total, image.shape).astype(np.float32)
    half = (-(-width // 2), -(-height // 2))
    weights = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(image * known[..., None], half, interpolation=cv2.INTER_AREA)
    means = sums / np.maximum(weights, 1e-6)[..., None]
    coarse = _filled(means, (weights > 0).astype(np.float32))
    large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None] > 0, image, large)
