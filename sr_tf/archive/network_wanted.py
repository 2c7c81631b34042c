"""Decides whether a slide's networks are worth loading.

Loading a framework takes seconds. On tissue hardly a block is smaller with a network, so there those seconds would be
most of a small slide's time. Blocks that want a network are therefore put off until it is known what they weigh. The
decision depends on the slide and the options alone, not on the order of threads or on what is loaded already.
"""

import threading
from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from sr_tf.archive.enlarge import BlockGenerator
from sr_tf.archive.grid import Place
from sr_tf.archive.journal import Journal

_MOST = 8
"""So many blocks are put off at most. Where more want a network, the slide is large enough to load it."""
_SHARE = 0.05
"""The part of all bytes that these blocks must hold at least; a network saves a third of them at best."""


class NetworkWantedError(Exception):
    """A block wants a network that is not loaded yet.

    Attributes:
        cost: the bytes that it promises to take without one.
    """

    cost: float = np.inf


class Unloaded:
    """A generator's geometry without its network, whose use raises `NetworkWantedError`."""

    def __init__(self, generator: BlockGenerator):
        self.scale, self.radius, self.told = generator.scale, generator.radius, generator.told
        self.reduction_margin, self.refiner, self.record = generator.reduction_margin, None, generator.record

    def __call__(self, window: np.ndarray, level: float) -> NoReturn:
        """Raises `NetworkWantedError`."""
        raise NetworkWantedError

    def reduce(self, hr: np.ndarray) -> NoReturn:
        """Raises `NetworkWantedError`."""
        raise NetworkWantedError


class Decision:
    """The blocks that were put off, and whether networks are used on this slide. Thread-safe.

    Args:
        journal: where blocks are kept, and the decision, so that a resumed call does the same.
        generators: the generators by their scale.
        always: whether they are used anyway, as a full search does.

    Attributes:
        places: the blocks that were put off.
    """

    def __init__(self, journal: Journal, generators: Mapping[int, BlockGenerator], always: bool):
        self._journal, self._all = journal, generators
        self._unloaded = {scale: Unloaded(generator) for scale, generator in generators.items()}
        self._used = True if always or not generators else journal.networks()
        self._lock = threading.Lock()
        self._cost, self.places = 0.0, []

    @property
    def generators(self) -> Mapping[int, BlockGenerator]:
        """What the next block may be tried with."""
        if self._used is None:
            return self._unloaded
        return self._all if self._used else {}

    def postpone(self, place: Place, cost: float) -> None:
        """Puts a block off that promises to take so many bytes without a network."""
        with self._lock:
            self.places.append(place)
            self._cost += cost
            if self._used is None and len(self.places) > _MOST:
                self._settle(True)

    def close(self) -> None:
        """Decides, when all other blocks are chosen."""
        if self._used is None:
            self._settle(bool(self.places) and self._cost >= _SHARE * (self._cost + self._chosen_bytes()))

    def _chosen_bytes(self) -> float:
        blocks = (place for place in self._journal.grid.blocks() if self._journal.has(*place))
        return sum(self._journal.stored(*place).cost for place in blocks)

    def _settle(self, used: bool) -> None:
        self._used = used
        self._journal.put_networks(used)
