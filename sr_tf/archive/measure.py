"""How gate tiles and their cells are scored."""

from collections.abc import Callable, Iterable

import numpy as np

from sr_tf.archive.cells import CELL_SCORES, LOCAL_ERROR, LOCAL_SSIM
from sr_tf.archive.gate import ALWAYS_MEASURED
from sr_tf.archive.grid import CELL, GATE_TILE
from sr_tf.images.libraries import cv2
from sr_tf.images.tiles import tiles
from sr_tf.metrics.fast import fast_psnr, fast_ssim
from sr_tf.metrics.local import local_error, local_ssim, ssim_of_map, whole_ssim_map
from sr_tf.metrics.ssim_formula import WINDOW

_DISTANCES = {"enl0": "enl0", "lpips": "lpips_alex"}
"""The scores that compare features of a network, and their keys in `sr_tf.metrics.scores.SCORES`."""


class Measure:
    """Scores the gate tiles of a block.

    Args:
        names: the scores, see `measured_names`. The distances ENL0 and LPIPS need Keras.

    Raises:
        UserError: the weights of a distance are not in the cache.
    """

    def __init__(self, names: Iterable[str] = ALWAYS_MEASURED):
        self._names = tuple(names)
        self._local = any(name in CELL_SCORES for name in self._names)
        self._distances = {name: _load_distance(name) for name in self._names if name in _DISTANCES}

    def __call__(self, hr: np.ndarray, sr: np.ndarray) -> dict[str, np.ndarray]:
        """Scores each gate tile.

        Args:
            hr: a block of the original, uint8 [h, w, 3]. Its upper left corner lies on the grid of gate tiles.
            sr: the restored block, of the same shape.

        Returns:
            `psnr` (dB, infinite for equal tiles), `ssim`, `shift` (8-bit levels) and, if they are measured, `enl0` and
            `lpips`; each is a float array [rows, columns]. If they are measured, `local_ssim` and `local_error` of each
            cell, [cell rows, cell columns].
        """
        height, width = hr.shape[:2]
        sides = {name: CELL if name in CELL_SCORES else GATE_TILE for name in self._names}
        scores = {name: np.empty((-(-height // side), -(-width // side))) for name, side in sides.items()}
        for top, bottom, left, right in tiles(height, width, GATE_TILE):
            pair = hr[top:bottom, left:right], sr[top:bottom, left:right]
            for name, value in self._tile(*pair).items():
                side = sides[name]
                scores[name][top // side : -(-bottom // side), left // side : -(-right // side)] = value
        return scores

    def _tile(self, hr: np.ndarray, sr: np.ndarray) -> dict[str, float | np.ndarray]:
        if np.array_equal(hr, sr):
            scores = {"psnr": np.inf, "ssim": 1.0, "shift": 0.0}
            scores |= {LOCAL_SSIM: 1.0, LOCAL_ERROR: 0.0} if self._local else {}
        else:
            shift = np.abs(np.subtract(cv2.mean(sr)[:3], cv2.mean(hr)[:3])).max()
            scores = {"psnr": fast_psnr(hr, sr), "shift": shift, **self._structure(hr, sr)}
        for name, (distance, least_side) in self._distances.items():
            large = [_at_least(image, least_side)[None] for image in (hr, sr)]
            scores[name] = float(distance(*large)[0])
        return scores

    def _structure(self, hr: np.ndarray, sr: np.ndarray) -> dict[str, float | np.ndarray]:
        """The SSIM of a tile, and the scores of its cells; the map of SSIM is computed once."""
        wide = min(hr.shape[:2]) >= WINDOW
        if not self._local:
            return {"ssim": fast_ssim(hr, sr) if wide else 1.0}
        values = whole_ssim_map(hr, sr)
        return {
            "ssim": ssim_of_map(values) if wide else 1.0,
            LOCAL_SSIM: local_ssim(values, CELL),
            LOCAL_ERROR: local_error(hr, sr, CELL),
        }


def _load_distance(name: str) -> tuple[Callable, int]:
    """A distance of features, and the smallest image side that it can measure."""
    from sr_tf.assets.store import locate
    from sr_tf.messages import load_backend
    from sr_tf.metrics.scores import SCORES

    score = SCORES[_DISTANCES[name]]
    for asset in score.missing_assets:
        locate(asset)  # an error, before Keras is imported
    load_backend()
    if name == "enl0":
        from sr_tf.metrics.feature_distance import ENL0

        return ENL0(locate("efficientnet_lite0")), score.least_side
    from sr_tf.metrics.lpips import LPIPS

    return LPIPS("alex"), score.least_side


def _at_least(image: np.ndarray, side: int) -> np.ndarray:
    """Repeats the last row and column of an image until it has `side` rows and columns."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, max(0, side - height)), (0, max(0, side - width)), (0, 0)), mode="edge")
