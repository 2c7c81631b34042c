"""Finds the generator that an archive was made with, by the hash of its weights; imports no framework.

An archive records a generator's name and its hash. The name is a label: a generator can be renamed, or trained again
under its name. The hash decides. `zoo/earlier` has all weights that shipped once and were replaced, each as HASH.npz,
and `cards.json` with their architectures and, for those that were fine-tuned, the hash of the generator they started
from. No file that an archive names is opened: its own generators, which do not ship, are given by the user.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sr_tf.errors import UserError
from sr_tf.generators.load import ZOO, read_weights, shipped
from sr_tf.generators.names import ModelName, parse_model
from sr_tf.generators.weights_hash import arrays_sha256

_EARLIER = ZOO / "earlier"


@dataclass(frozen=True, eq=False)
class Recorded:
    """The weights of a generator that ships, or has shipped.

    Attributes:
        architecture: the constructor arguments of `sr_tf.models.edsr.EDSR`.
        weights: float32, in the order of the layers.
    """

    architecture: dict
    weights: list[np.ndarray]

    @property
    def sha256(self) -> str:
        """The hash of the weights, see `sr_tf.generators.weights_hash`."""
        return arrays_sha256(self.weights)


def earlier() -> dict[str, dict]:
    """The cards of the generators that were replaced, by the SHA-256 of their weights."""
    return json.loads((_EARLIER / "cards.json").read_text("utf-8"))


def find_recorded(name: str, sha256: str) -> Recorded | None:
    """Finds a generator among those that ship and have shipped.

    Args:
        name: the name that the archive records. Generators of this name are tried first.
        sha256: the recorded hash.

    Returns:
        The generator with these weights, or None.
    """
    return next((one for one in _candidates(name, sha256) if one.sha256 == sha256), None)


def recorded_of(name: str) -> Recorded | None:
    """The generator that ships under a name now, `@ALPHA` included; None if none does."""
    return next(_of_name(parse_model(name)), None)


def missing_generator(name: str, sha256: str) -> UserError:
    """The error for a generator that is neither given nor found."""
    try:
        found = recorded_of(name)
    except UserError:
        found = None
    if found is None:
        return UserError(
            f"its generator {name} (weights {sha256[:12]}…) does not ship with sr_tf; name its file with --models"
        )
    return UserError(
        f"the generator {name} has other weights (SHA-256 {found.sha256[:12]}…) than when the archive was made "
        f"(expected {sha256[:12]}…), and no other one that ships has these; name the right one with --models"
    )


def _candidates(name: str, sha256: str) -> Iterator[Recorded]:
    try:
        parsed = parse_model(name)
    except UserError:
        parsed = ModelName(name)
    yield from _of_name(parsed)
    replaced = earlier()
    if sha256 in replaced:
        yield Recorded(replaced[sha256]["architecture"], read_weights(_EARLIER / f"{sha256}.npz"))
    if parsed.alpha < 1:
        for own, card in replaced.items():
            if card["name"] == parsed.where and "pretrained" in card:
                tuned = Recorded(card["architecture"], read_weights(_EARLIER / f"{own}.npz"))
                start = find_recorded(card["pretrained"], card["pretrained_sha256"])
                if start is not None:
                    yield _towards(tuned, start, parsed.alpha)
    for other in shipped():
        if other != parsed.where or parsed.alpha < 1:
            yield _shipped(other)


def _of_name(name: ModelName) -> Iterator[Recorded]:
    """The generator that ships under a name now, if there is one."""
    card = shipped().get(name.where)
    if card is None or name.ensemble:
        return
    if name.alpha == 1:
        yield _shipped(name.where)
    elif "pretrained" in card:
        yield _towards(_shipped(name.where), _shipped(card["pretrained"]), name.alpha)


def _shipped(name: str) -> Recorded:
    return Recorded(shipped()[name]["architecture"], read_weights(ZOO / name / "weights.npz"))


def _towards(tuned: Recorded, start: Recorded, alpha: float) -> Recorded:
    """The weights of `sr_tf.generators.interpolation.interpolate`."""
    pairs = zip(start.weights, tuned.weights, strict=True)
    return Recorded(tuned.architecture, [(1 - alpha) * before + alpha * after for before, after in pairs])
