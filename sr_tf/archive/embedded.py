"""A user's own generator in the archive: its weights as float32, one array behind the other, in a member of its own."""

import math

import numpy as np

from sr_tf.archive.grid import BLOCK
from sr_tf.archive.kinds import KINDS
from sr_tf.generators.keras_files import weight_shapes
from sr_tf.generators.recorded import Recorded

LARGEST = 256 << 20
"""Most bytes of a generator's weights; the study's largest network has 11 million."""


def member_of(record: dict) -> str:
    """The name of the member with a generator's weights."""
    return f"generators/{record['weights_sha256']}"


def size_of(architecture: dict) -> int:
    """Bytes of a generator's weights, as its architecture determines them."""
    return 4 * sum(map(math.prod, weight_shapes(architecture)))


def embeddable(architecture: dict) -> bool:
    """Whether a network may be in an archive: its weights are small, and its halo reaches at most one block.

    The architecture may be a stranger's. A window grows with the halo, and with it the memory that restoring takes.
    """
    scale = architecture["scale"]
    radius = 2 * architecture["blocks"] + (3 if architecture.get("one_step", True) else 4)
    if scale == 1:  # a filter works on squares of pixels
        radius *= 2
    return size_of(architecture) <= LARGEST and radius <= BLOCK // scale


def to_bytes(weights: list[np.ndarray]) -> bytes:
    """The content of the member."""
    return b"".join(np.ascontiguousarray(weight, "<f4").tobytes() for weight in weights)


def from_bytes(record: dict, content: bytes) -> Recorded:
    """The inverse of `to_bytes`.

    Raises:
        ValueError: the content has another size, or other weights than those that the record names.
    """
    architecture, start, weights = record["architecture"], 0, []
    if len(content) != size_of(architecture):
        raise ValueError(f"{len(content):,} bytes of weights, expected {size_of(architecture):,}")
    for shape in weight_shapes(architecture):
        weights.append(np.frombuffer(content, "<f4", math.prod(shape), start).reshape(shape).astype(np.float32))
        start += 4 * math.prod(shape)
    recorded = Recorded(architecture, weights)
    if recorded.sha256 != record["weights_sha256"] or not all(np.isfinite(weight).all() for weight in weights):
        raise ValueError("its weights have another SHA-256 than the recorded one, or are not finite")
    return recorded


def scales_needed(kinds: np.ndarray) -> set[int]:
    """The scales of the generators that blocks of these kinds need."""
    found = [KINDS[int(code)] for code in np.unique(kinds)]
    return {kind.scale for kind in found if kind.generator}
