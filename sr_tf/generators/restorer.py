"""Loads a generator ready to restore uncoded LRs: by name, on an engine, alone or as its self-ensemble."""

from dataclasses import replace

import numpy as np

from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE, on_engine
from sr_tf.generators.load import load_network
from sr_tf.generators.names import ModelName, parse_model
from sr_tf.images.pixels import UNCODED


class _Around:
    """A restorer that uses another one of the same scale.

    Args:
        restorer: an object with `scale`, `receptive_radius` and `predict_on_batch`, see `engines.on_engine`.
    """

    def __init__(self, restorer):
        self.restorer = restorer
        self.scale = restorer.scale
        self.receptive_radius = restorer.receptive_radius


class Uncoded(_Around):
    """A generator that is told the codec's quality, for images that no codec touched: it is told the best one."""

    def predict_on_batch(self, lr: np.ndarray) -> np.ndarray:
        """float32 [N, h, w, 3] → float32 [N, scale · h, scale · w, 3]."""
        quality = np.full((*lr.shape[:3], 1), UNCODED, np.float32)
        return self.restorer.predict_on_batch(np.concatenate([lr, quality], axis=-1))


class SelfEnsemble(_Around):
    """The mean of a generator's outputs for an LR's eight flips and rotations (Lim et al. 2017, section 3.3, EDSR+)."""

    def predict_on_batch(self, lr: np.ndarray) -> np.ndarray:
        """float32 [N, h, w, 3] → float32 [N, scale · h, scale · w, 3]."""
        total = 0.0
        for turns in range(4):
            for mirrored in (False, True):
                image = lr[:, :, ::-1] if mirrored else lr
                sr = self.restorer.predict_on_batch(np.ascontiguousarray(np.rot90(image, turns, (1, 2))))
                sr = np.rot90(sr, -turns, (1, 2))
                total = total + (sr[:, :, ::-1] if mirrored else sr)
        return total / 8


def load_restorer(where: str | ModelName, engine: str = DEFAULT_ENGINE):
    """Loads a restorer for `sr_tf.generators.upscale`.

    Args:
        where: a generator or its self-ensemble, see `sr_tf.generators.names`.
        engine: a name in `sr_tf.generators.engines.ENGINES`.

    Returns:
        A generator on the engine, see `engines.on_engine`; `Uncoded` around one that is told the codec's quality; or a
        `SelfEnsemble` of these.

    Raises:
        UserError: the generator does not exist or is a filter, or the engine is not installed.
    """
    name = where if isinstance(where, ModelName) else parse_model(where)
    network = load_network(replace(name, ensemble=False))
    if network.scale == 1:
        raise UserError(f"{name}: is a filter for images that are stored at full size, expected a generator")
    restorer = on_engine(network, engine)
    restorer = Uncoded(restorer) if network.channels == 4 else restorer
    return SelfEnsemble(restorer) if name.ensemble else restorer
