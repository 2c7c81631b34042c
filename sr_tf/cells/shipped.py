"""The finder that ships: its weights, named by their hash, and its card."""

import functools
import json
from pathlib import Path

import numpy as np

from sr_tf.cells.finder import CellNetwork
from sr_tf.disk.files import replace_atomically, write_atomically
from sr_tf.generators.load import ZOO, read_weights
from sr_tf.generators.weights_hash import weights_sha256
from sr_tf.messages import load_backend

FOLDER = ZOO / "cells"
CARD = FOLDER / "finder.json"


def card() -> dict:
    """The card of the shipped finder."""
    return json.loads(CARD.read_text("utf-8"))


def finder_sha256() -> str:
    """The SHA-256 of the shipped finder's weights, which names it."""
    return card()["weights_sha256"]


@functools.cache
def shipped_finder() -> CellNetwork:
    """Loads the shipped finder."""
    load_backend()
    from sr_tf.models.cell_finder import CellFinder

    own = card()
    network = CellFinder(**own["architecture"], dtype="float32")
    network.build((None, None, None, 3))
    network.set_weights(read_weights(FOLDER / f"{own['weights_sha256']}.npz"))
    return CellNetwork(network)


def ship(network, facts: dict) -> Path:
    """Writes a finder in the form that ships: float16 weights named by their hash, and the card; removes earlier ones.

    Args:
        network: `sr_tf.models.cell_finder.CellFinder`; its weights are rounded to float16.
        facts: what the card says beside the architecture and the hash.

    Returns:
        The file of the weights.
    """
    rounded = [np.asarray(weight, np.float16) for weight in network.get_weights()]
    network.set_weights([weight.astype(np.float32) for weight in rounded])
    sha256 = weights_sha256(network)
    path = FOLDER / f"{sha256}.npz"
    FOLDER.mkdir(exist_ok=True)
    for earlier in FOLDER.glob("*.npz"):
        earlier.unlink()
    arrays = {f"{index:03d}": weight for index, weight in enumerate(rounded)}
    replace_atomically(path, lambda draft: np.savez_compressed(draft, **arrays))
    shape = {"types": network.types, "filters": list(network.filters)}
    content = {"weights_sha256": sha256, "architecture": shape, **facts}
    write_atomically(CARD, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path
