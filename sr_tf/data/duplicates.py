"""Near-duplicate guard: which images show the same place, so that no split may part them.

Two steps, both on small grey thumbnails without their background. All pairs: the peak of the phase correlation
(Kuglin and Hines 1975) with whitened spectra, which a shift lowers only by the lost overlap. Promising
pairs: normalised cross-correlation (NCC) of the overlap, at the shifts where the correlation peaks.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence

import cv2
import numpy as np
from tqdm import tqdm

# Chosen on Chula RBC-12; `near_duplicates` tells the measurement.
THRESHOLD = 0.55

_SIDE = 160  # pixels of a fingerprint's longer side; half of it for the first step
_CANDIDATE = 0.085  # unrelated Chula fields stay below it but for one pair in 700, BCCD's but for one in 40
_DETAIL = 4  # pixels of a fingerprint: what is larger, the cells' filling included, is taken out
_PEAKS = 5
_LEAST_OVERLAP = 0.15
_BATCH = 256


def fingerprint(image: np.ndarray) -> np.ndarray:
    """Reduces an image to what identifies the place it shows.

    Args:
        image: uint8 [H, W, 3], RGB.

    Returns:
        float32 [h, w], longer side 160: grey without what varies slowly (vignetting, staining, exposure).
    """
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    grey = grey.astype(np.float32)
    return grey - cv2.GaussianBlur(grey, (0, 0), _DETAIL)


def near_duplicates(fingerprints: Sequence[np.ndarray], threshold: float = THRESHOLD) -> list[tuple[int, int, float]]:
    """Finds the pairs of images that show the same place, shifted or not.

    Measured with these constants. Chula RBC-12 (680 fields, 9 s on one core): all 35 known repeats score at least 0.95
    and 44 further overlapping pairs appear, most of neighbours, the lowest (0.60–0.65) behind a pointer that stands
    still while the smear moves; the best unrelated pair has 0.42. BCCD (364 fields): 42 pairs at 0.79 and more, some
    refocused, unrelated up to 0.52. Perceptual hashes (8 and 16 bits a side) tell only 36 Chula pairs, unshifted,
    from unrelated ones. The time grows with the square of the number of images.

    Missed: overlaps of less than about a quarter of the field; another magnification (more than a few per cent),
    rotations and mirror images; fields without structure, which match nothing. Wrongly found: small crops with a dozen
    cells, where one cell looks like another (11 of 2,278 pairs of 200 × 150 crops).

    Args:
        fingerprints: from `fingerprint`, one per image.
        threshold: least NCC of the overlap, 0 to 1.

    Returns:
        (i, j, score) with i < j, the best score first.
    """
    pairs = []
    for i, j in _candidates(fingerprints):
        score = _overlap_score(fingerprints[i], fingerprints[j])
        if score >= threshold:
            pairs.append((i, j, score))
    return sorted(pairs, key=lambda pair: (-pair[2], pair[:2]))


def keep_together(groups: Sequence[Hashable], pairs: Iterable[tuple]) -> list[Hashable]:
    """Merges the groups that near-duplicates connect, over any number of steps.

    Args:
        groups: the group of each image, for instance its smear.
        pairs: (i, j, …), indices of images that must stay on one side of a split.

    Returns:
        The group of each image after merging, named as the one among its merged groups that comes first in `groups`.
    """
    parent = {group: group for group in groups}
    rank = {group: position for position, group in reversed(list(enumerate(groups)))}

    def root(group: Hashable) -> Hashable:
        while parent[group] != group:
            group = parent[group]
        return group

    for i, j, *_ in pairs:
        first, second = sorted((root(groups[i]), root(groups[j])), key=rank.__getitem__)
        parent[second] = first
    return [root(group) for group in groups]


def _candidates(fingerprints: Sequence[np.ndarray]) -> Iterator[tuple[int, int]]:
    if len(fingerprints) < 2:
        return
    halves = [cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for image in fingerprints]
    shape = _canvas(halves)
    spectra = np.stack([_whitened(np.fft.rfft2(half, s=shape), 0.75) for half in halves])
    energy = [np.linalg.norm(np.fft.irfft2(spectrum, s=shape)) for spectrum in spectra]
    spectra /= np.maximum(energy, 1e-6)[:, None, None]
    for i in tqdm(range(len(spectra) - 1), desc="near-duplicates", unit=" images", disable=None, leave=False):
        for start in range(i + 1, len(spectra), _BATCH):
            batch = spectra[start : start + _BATCH]
            peaks = np.fft.irfft2(spectra[i] * batch.conj(), s=shape).max(axis=(1, 2))
            yield from ((i, start + int(k)) for k in np.flatnonzero(peaks > _CANDIDATE))


def _overlap_score(first: np.ndarray, second: np.ndarray) -> float:
    shape = _canvas([first, second])
    cross = np.fft.rfft2(first, s=shape) * np.fft.rfft2(second, s=shape).conj()
    surface = np.fft.irfft2(_whitened(cross, 0.5), s=shape).astype(np.float32)
    summits = np.where(surface == cv2.dilate(surface, np.ones((3, 3))), surface, -np.inf).ravel()
    best = 0.0
    for position in np.argsort(summits)[-_PEAKS:]:
        down, right = divmod(int(position), shape[1])
        # The transform wraps around: a shift down by d is also one up by height − d.
        for y in (down, down - shape[0]):
            for x in (right, right - shape[1]):
                best = max(best, _ncc_at(first, second, y, x))
    return best


def _ncc_at(first: np.ndarray, second: np.ndarray, y: int, x: int) -> float:
    """NCC where `second`, its corner laid at (y, x), covers `first`; 0 where that is too little."""
    a = first[max(y, 0) : max(y + second.shape[0], 0), max(x, 0) : max(x + second.shape[1], 0)]
    b = second[max(-y, 0) :, max(-x, 0) :][: a.shape[0], : a.shape[1]]
    if a.size < _LEAST_OVERLAP * min(first.size, second.size):
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    return min(float((a * b).sum() / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-6)), 1.0)


def _whitened(spectrum: np.ndarray, exponent: float) -> np.ndarray:
    """Divides by a power of the amplitude: sharper peaks than correlation (0), less noise than full whitening (1)."""
    return spectrum / (np.abs(spectrum) + 1e-2) ** exponent


def _canvas(images: Sequence[np.ndarray]) -> tuple[int, int]:
    return tuple(cv2.getOptimalDFTSize(max(image.shape[axis] for image in images)) for axis in (0, 1))
