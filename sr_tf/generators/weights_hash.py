"""The hash that identifies a network's weights."""

import hashlib
from collections.abc import Iterable

import numpy as np


def weights_sha256(model) -> str:
    """SHA-256 of a network's weights as little-endian float32, in the order of the layers."""
    return arrays_sha256(model.get_weights())


def arrays_sha256(weights: Iterable[np.ndarray]) -> str:
    """The same, of weights that are no network yet."""
    digest = hashlib.sha256()
    for weight in weights:
        digest.update(np.ascontiguousarray(weight, "<f4").tobytes())
    return digest.hexdigest()
