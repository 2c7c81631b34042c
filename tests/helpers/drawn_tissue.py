"""Tissue in H&E that is drawn, so that every nucleus is known."""

import cv2
import numpy as np
import tifffile

H, E = (np.array(one) / np.linalg.norm(one) for one in ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11)))


def stained(haematoxylin, eosin):
    """An image of given concentrations, uint8 [h, w, 3]."""
    density = haematoxylin[..., None] * H + eosin[..., None] * E
    return np.clip(np.rint(256 * 10**-density - 1), 0, 255).astype(np.uint8)


def tissue(seed, mpp, count=60, side_um=200):
    """(drawn tissue, the centres of its nuclei in pixels): ellipses of 6 to 10 µm, at least 8 µm apart."""
    rng = np.random.default_rng(seed)
    side = round(side_um / mpp)
    places: list[np.ndarray] = []
    while len(places) < count:
        place = rng.uniform(12, side_um - 12, 2)
        if all(np.hypot(*(place - other)) > 8 for other in places):
            places.append(place)
    mask = np.zeros((side, side), np.float32)
    for x, y in places:
        axes = tuple(round(one / mpp) for one in rng.uniform(3, 4, 2))
        centre = round(x / mpp), round(y / mpp)
        cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, float(rng.uniform(0.7, 1.1)), -1)
    noise = rng.normal(0, 0.02, mask.shape)
    return stained(0.08 + cv2.GaussianBlur(mask, (0, 0), 0.4 / mpp) + noise, 0.35 + noise), np.array(places) / mpp


def write_tissue(path, mpp=0.5):
    """Writes drawn tissue as a TIFF file that states its resolution."""
    per_centimetre = 10_000 / mpp
    tifffile.imwrite(
        path, tissue(1, mpp)[0], tile=(256, 256), photometric="rgb", metadata=None,
        resolution=(per_centimetre, per_centimetre), resolutionunit="CENTIMETER",
    )  # fmt: skip
