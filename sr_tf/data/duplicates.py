"""Finds images that show the same place, so that they stay in one split.

There are two steps, both on small grey thumbnails without their background. The first compares all pairs by the peak of
the phase correlation (Kuglin and Hines 1975) with whitened spectra, which a shift lowers only by the lost overlap. The
second computes, for the candidates of the first, the normalised cross-correlation (NCC) of the overlap at the shifts of
the highest peaks.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence

import numpy as np
from tqdm import tqdm

from sr_tf.images.libraries import cv2

# Chosen on Chula RBC-12; see the measurements in `near_duplicates`.
THRESHOLD = 0.55

_SIDE = 160  # length of a fingerprint's longer side in pixels; the first step uses half of it
_CANDIDATE = 0.085  # one of 700 unrelated pairs of Chula fields exceeds this peak, and one of 40 of BCCD fields
_DETAIL = 4  # pixels of a fingerprint; larger structures, including the interior of cells, are removed
_PEAKS = 5
_LEAST_OVERLAP = 0.15
_BATCH = 256


def fingerprint(image: np.ndarray) -> np.ndarray:
    """Reduces an image to a thumbnail that identifies the place it shows.

    Args:
        image: uint8 [H, W, 3], RGB.

    Returns:
        float32 [h, w], longer side 160: grey without slow variation (vignetting, staining, exposure).
    """
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    grey = grey.astype(np.float32)
    return grey - cv2.GaussianBlur(grey, (0, 0), _DETAIL)


def near_duplicates(fingerprints: Sequence[np.ndarray], threshold: float = THRESHOLD) -> list[tuple[int, int, float]]:
    """Finds the pairs of images that show the same place, shifted or not.

    Measured with these constants:

    - Chula RBC-12 (680 fields, 9 s on one core): all 35 known repeats score at least 0.95. There are 44 further
      overlapping pairs, mostly neighbours; the lowest (0.60–0.65) have a pointer in the image that does not move with
      the smear. The highest score of an unrelated pair is 0.42.
    - BCCD (364 fields): 42 pairs score at least 0.79, some of them with another focus; unrelated pairs up to 0.52.
    - Perceptual hashes (8 and 16 bits a side) separate only 36 pairs of Chula fields, all of them without a shift, from
      unrelated ones.

    The time grows with the square of the number of images.

    Not found: overlaps of less than about a quarter of the field; magnifications that differ by more than a few per
    cent; rotations and mirror images; fields without structure. Found by mistake: small crops with a dozen cells that
    look alike (11 of 2,278 pairs of 200 × 150 crops).

    Args:
        fingerprints: the result of `fingerprint` for each image.
        threshold: the lowest NCC of the overlap, 0 to 1.

    Returns:
        (i, j, score) with i < j, the highest score first.
    """
    pairs = []
    for i, j in _candidates(fingerprints):
        score = _overlap_score(fingerprints[i], fingerprints[j])
        if score >= threshold:
            pairs.append((i, j, score))
    return sorted(pairs, key=lambda pair: (-pair[2], pair[:2]))


def keep_together(groups: Sequence[Hashable], pairs: Iterable[tuple]) -> list[Hashable]:
    """Merges groups that near-duplicates connect directly or through other groups.

    Args:
        groups: the group of each image, for instance its smear.
        pairs: (i, j, …): indices of two images that must stay in one split.

    Returns:
        The group of each image after merging. Merged groups have the name of the one that comes first in `groups`.
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
    peaks = np.where(surface == cv2.dilate(surface, np.ones((3, 3))), surface, -np.inf).ravel()
    best = 0.0
    for position in np.argsort(peaks)[-_PEAKS:]:
        down, right = divmod(int(position), shape[1])
        # The transform is periodic: a shift down by d is also a shift up by height − d.
        for y in (down, down - shape[0]):
            for x in (right, right - shape[1]):
                best = max(best, _ncc_at(first, second, y, x))
    return best


def _ncc_at(first: np.ndarray, second: np.ndarray, y: int, x: int) -> float:
    """NCC of the overlap if the corner of `second` lies at (y, x) in `first`; 0 if the overlap is too small."""
    a = first[max(y, 0) : max(y + second.shape[0], 0), max(x, 0) : max(x + second.shape[1], 0)]
    b = second[max(-y, 0) :, max(-x, 0) :][: a.shape[0], : a.shape[1]]
    if a.size < _LEAST_OVERLAP * min(first.size, second.size):
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    return min(float((a * b).sum() / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-6)), 1.0)


def _whitened(spectrum: np.ndarray, exponent: float) -> np.ndarray:
    """Divides by a power of the amplitude. Peaks are sharper than with exponent 0, noise is weaker than with 1."""
    return spectrum / (np.abs(spectrum) + 1e-2) ** exponent


def _canvas(images: Sequence[np.ndarray]) -> tuple[int, int]:
    return tuple(cv2.getOptimalDFTSize(max(image.shape[axis] for image in images)) for axis in (0, 1))
