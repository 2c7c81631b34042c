"""The hash that identifies a network's weights."""

import hashlib

import numpy as np


def weights_sha256(model) -> str:
    """SHA-256 of a network's weights as little-endian float32, in the order of the layers."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight, "<f4").tobytes())
    return digest.hexdigest()
