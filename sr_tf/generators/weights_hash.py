"""What tells one network's weights from another's."""

import hashlib

import numpy as np


def weights_sha256(model) -> str:
    """SHA-256 of a network's weights as float32, in their order."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight, "<f4").tobytes())
    return digest.hexdigest()
