"""Compares representations of a block by predictions, and codes only the one that promises to be smallest.

What a reduction loses without coding costs no coding at all, and tells most: a scale that loses too much is not looked
at, and where glass passes at the lowest level, nothing else is. A network is predicted from the interpolation of the
same scale, so that it is asked only about levels that may be stored.
"""

import bisect
import math
from collections.abc import Callable
from functools import partial

from sr_tf.archive.effort import Effort
from sr_tf.archive.kinds import FULL_JXL, Family, Kind
from sr_tf.archive.predict import Curve, Prediction, added
from sr_tf.archive.search import FamilySearch
from sr_tf.archive.stored import Stored
from sr_tf.images.avif_levels import avif_places
from sr_tf.images.codecs import CODECS, Codec

_GAINS = {4: 2.0, 2: 1.0, 1: 0.8}
"""By scale: how much of the coding's error a good network removes, in dB; asking corrects it."""
_SHARPER = {4: 0.8, 2: 1.2, 1: 0.0}
"""By scale: how much of the reduction's error it removes, in dB."""
_HOPE = {4: 1.35, 2: 1.1, 1: 1.0}
"""By scale: a network is asked though it promises so many times the bytes of another; it may gain more than expected.
Those of scale 4 vary most: 3 dB."""
_FIRST = {
    (4, False): (80, 8.0),
    (4, True): (60, 6.0),
    (2, False): (50, 3.5),
    (2, True): (40, 2.5),
    (1, False): (52, 3.5),
    (1, True): (40, 3.5),
}
"""By scale and network: the level that passes where the reduction uses the whole gate up, about, and how many levels
less each dB is worth that it leaves."""
_VAGUE, _ALIKE = 1.5, 1.05
"""The bytes that one look predicts may be too many by this factor; from a start that is known better, by the second."""
_FINE = 3.0
"""A block that is reduced 2 times, and then has fewer dB left for the coding, is hardly smaller than at full size."""
_UNSURE = 1.0
"""Where a network may miss the gate without coding, it is asked so first: if it lacks less than so many dB of it."""
MOST_GAIN = 8.0
"""No network gains more over interpolation, in dB: if interpolation lacks more, no network is asked."""
_ROOM = 1.1
"""Predictions err: a representation is looked at unless it promises to be larger than another by this factor."""
_WASTE = 10
"""At full size, the fast setting takes so many times the square root of the bytes too many: more of small files."""
_RICH = 10_000
"""Bytes of a block, 0.3 bits per pixel. Above, networks save little and take long, and so do further codings."""
_LARGE = 3_000
"""Bytes of a block at full size. Above, AVIF's slow setting takes five times as long and saves little."""
_DEAR = 1.3
"""Where a block that failed would need so many times the bytes, other families are compared with it."""
_EASY = 40
"""Where a reduced block passes at such a quality, larger images cost more."""
NETWORK_BYTES = 64
"""A network must promise to save this many bytes of a block, because it takes ten times as long as interpolation."""


class Outlook:
    """The predictions for one block.

    Args:
        effort: how much time to spend.
        limit: bytes of a representation that is known already; infinite if there is none.
        cells: whether the gate judges cells: then single faults of a coding decide, of which the fastest has more.
    """

    def __init__(self, effort: Effort, limit: float, cells: bool):
        self._effort, self._limit, self._cells = effort, limit, cells
        self._predictions: list[tuple[Prediction, Family]] = []
        self._plain: dict[tuple[int, str], tuple[FamilySearch, float]] = {}
        self._later: list[tuple[Family, FamilySearch]] = []
        self._last_resort: FamilySearch | None = None
        self._raised: Stored | None = None
        self._settled = False

    def consider(self, family: Family, search: FamilySearch) -> None:
        """Predicts a family. The most reduced ones come first, interpolation before the network of the same scale.

        Where a larger image or interpolation will hardly be smaller, a family is predicted when all others are known.

        Args:
            family: the family.
            search: its codings of the block, with the margins of `Gate.distance`.
        """
        if family.kind is FULL_JXL:
            self._last_resort = search
        elif family.kind.generator:
            if family.kind.scale == 4 and self._ceiling(family.kind) >= 0:
                self._consider_network(family, search)
            else:
                self._later.append((family, search))
        elif not self._settled:
            ceiling = search.ceiling() if family.kind.scale > 1 else math.inf
            self._plain[family.kind.scale, family.kind.codec] = search, ceiling
            if family.kind.scale == 2 and ceiling < _FINE:
                self._later.append((family, search))
            else:
                self._consider_plain(family, search)

    def above(self, family: Family, search: FamilySearch) -> Stored | None:
        """Codes the block at a higher level of a family, after the level below the search's first has failed.

        Returns:
            The block; None if no level passes in fewer bytes than are known already, or if it takes many more than the
            level that failed: then `smallest` returns it unless another family takes fewer.
        """
        if search.first > search.last:
            return None
        least = search.cost_with(self._looks_with(family.kind), search.first)
        codec = self._stores(family.kind, least)
        prediction = Prediction(search, Curve(avif_places(family.levels)), search.first)
        found = prediction.settled(codec, self._effort.codings, self._limit)
        if found is None or found.cost >= self._limit:
            return None
        self._raised, self._limit = found, found.cost
        return found if found.cost < _DEAR * search.cost_with(codec, search.first) else None

    def smallest(self) -> Stored | None:
        """Codes the block in the form that is predicted to be smallest, or in the next one if that does not pass.

        JPEG XL takes long, and is tried only if nothing else is left but exact pixels.

        Returns:
            The block; None if nothing passes in fewer bytes than were known at first.
        """
        for family, search in self._later:
            (self._consider_network if family.kind.generator else self._consider_plain)(family, search)
        best, waiting = None, list(self._predictions)
        while waiting:
            waiting.sort(key=lambda one: one[0].cost)
            prediction, family = waiting.pop(0)
            if min(self._limit, best.cost if best is not None else math.inf) <= prediction.cost:
                break
            codec = self._stores(family.kind, prediction.cost)
            tries = self._effort.asks if family.kind.generator else self._effort.codings
            if self._effort.spares_rich and prediction.cost > _RICH:
                tries = 1
            others = [_ROOM * waiting[0][0].cost] if waiting else []
            found = prediction.settled(codec, tries, min([self._limit, *others]))
            if found is None and prediction.cost < self._limit:
                waiting.append((prediction, family))  # it turned out to be larger than another promises to be
            elif found is not None and (best is None or found.cost < best.cost):
                best = found
        if best is None and self._last_resort is not None and math.isinf(self._limit):
            index = self._last_resort.cheapest(self._limit, None)
            best = None if index is None else self._last_resort.settled(index)
        return best if best is not None and best.cost < self._limit else self._raised

    def _consider_plain(self, family: Family, search: FamilySearch) -> None:
        ceiling = self._ceiling(family.kind)
        if ceiling < 0:
            return
        prediction = self._look(family, search, ceiling, partial(search.margin, self._looks_with(family.kind)), search)
        near = prediction.index is not None and not prediction.dear
        self._settled = near and family.levels[prediction.index] <= _EASY

    def _consider_network(self, family: Family, search: FamilySearch) -> None:
        kind = family.kind
        if not self._effort.asks or (self._settled and (kind.scale, kind.codec) not in self._plain):
            return
        if self._spares:
            return
        if (kind.scale, kind.codec) not in self._plain:  # nothing to predict from: begin in the middle
            prediction = Prediction(search, Curve(avif_places(family.levels)), len(family.levels) // 2)
            prediction.cost = search.cost_with(self._looks_with(kind), prediction.index)
            self._add(prediction, family)
            return
        plain, plain_ceiling = self._plain[kind.scale, kind.codec]
        codec, gain = self._looks_with(kind), _GAINS[kind.scale]
        if plain_ceiling <= -MOST_GAIN or plain.cost_with(codec, search.first) > self._least() - NETWORK_BYTES:
            return
        ceiling = plain_ceiling + _SHARPER[kind.scale]
        if ceiling < _UNSURE:
            search.only_tile = plain.worst_tile(codec, search.last)
            ceiling = search.ceiling()
        if ceiling < 0:
            return

        def distance(index: int) -> float:
            found = plain.margin(codec, index)
            return added(ceiling, found, plain_ceiling, gain) if kind.scale > 1 else found + gain

        self._look(family, search, ceiling, distance, plain)

    def _ceiling(self, kind: Kind) -> float:
        """The distance of interpolation without coding, in dB; -inf if it was not considered."""
        return self._plain.get((kind.scale, kind.codec), (None, -math.inf))[1]

    def _look(
        self,
        family: Family,
        search: FamilySearch,
        ceiling: float,
        distance: Callable[[int], float],
        plain: FamilySearch,
    ) -> Prediction:
        """Predicts a family from a few codings, restored by `plain`; a network is asked once to correct this.

        After the first look only the tile that decided is judged.
        """
        prediction = Prediction(search, Curve(avif_places(family.levels), ceiling))
        codec, limit, alike = self._looks_with(family.kind), self._least(), self._alike(family)
        network, hope = family.kind.generator, 1.0
        if network:
            limit, hope = limit - NETWORK_BYTES, _HOPE[family.kind.scale]

        def judged(index: int) -> float:
            found = distance(index)
            plain.only_tile = plain.worst_tile(codec, index)
            return found

        if alike is not None:
            prediction.look(codec, judged, alike.index, self._effort.looks, min(alike.seen, limit), _ALIKE)
        else:
            start = self._start(family, ceiling)
            prediction.look(codec, judged, start, self._effort.looks, hope * limit, _VAGUE)
        plain.only_tile = None
        if network and prediction.index is not None and not prediction.dear:
            search.only_tile = plain.worst_tile(codec, prediction.index)
            # The setting that stores takes little time where images are smallest; it is asked again to be stored.
            prediction.ask(self._stores(family.kind, prediction.cost) if family.kind.scale == 4 else codec, limit)
        if self._cells:
            search.only_tile = None  # the worst cell may lie in another tile than interpolation's
        self._add(prediction, family)
        return prediction

    @property
    def promised(self) -> float:
        """The bytes that the block promises to take; infinite if no way to store it is known."""
        return min([self._limit, *(one.cost for one, _ in self._predictions)])

    @property
    def _spares(self) -> bool:
        """Whether little is tried on the block because it is rich in detail."""
        return self._effort.spares_rich and _RICH < self.promised < math.inf

    def _least(self) -> float:
        """The bytes below which another representation is of use, about."""
        return min([self._limit, *(_ROOM * one.cost for one, _ in self._predictions)])

    def _add(self, prediction: Prediction, family: Family) -> None:
        if prediction.index is not None:
            if family.kind.scale == 1:
                prediction.cost -= _WASTE * math.sqrt(prediction.cost)
            self._predictions.append((prediction, family))

    def _alike(self, family: Family) -> Prediction | None:
        """The prediction at the same scale with more chroma, which tells where to look and which bytes are too many."""

        def form(one: Family) -> tuple:
            return one.kind.scale, one.kind.generator, one.levels

        return next((found for found, other in self._predictions if form(other) == form(family)), None)

    def _start(self, family: Family, ceiling: float) -> int:
        """The index to look at first: what the reduction loses tells how fine the block is."""
        kind = family.kind
        if kind.scale == 1:
            _, ceiling = self._plain.get((2, "avif"), (None, 0.0))
        highest, slope = _FIRST[kind.scale, kind.generator]
        return bisect.bisect_left(family.levels, min(max(highest - slope * ceiling, 0), 98))

    def _stores(self, kind: Kind, cost: float) -> Codec:
        """The codec that stores blocks of a kind that take about so many bytes."""
        rich = kind.scale == 1 and cost > _LARGE
        return CODECS[kind.codec + (self._effort.full if rich else self._effort.reduced)]

    def _looks_with(self, kind: Kind) -> Codec:
        """The codec at the setting from which levels of a kind are predicted: the fastest that does not mislead."""
        fast = kind.scale == 4 or (kind.scale == 2 and self._cells and self._ceiling(kind) >= _FINE)
        return CODECS[kind.codec + ("-fast" if fast else "-quick")]
