"""Predicts the lowest level at which a representation passes, from a few codings at a fast setting.

The squared error of a restored block is that of its reduction plus that of its coding. The first is measured once,
without coding. The second, in dB, is nearly a straight line over the codec's levels, and so is the logarithm of the
bytes. So two or three codings at a fast setting of AVIF tell where the gate lies and what that level costs.
"""

import bisect
import math
from collections.abc import Callable

from sr_tf.archive.search import FamilySearch
from sr_tf.archive.stored import Stored
from sr_tf.images.codecs import Codec

_LEAST_SLOPE, _LARGEST_SLOPE = 0.4, 2.0
"""What a dB of `avif_places` is worth in dB of the coding error."""
_GROWTH = 0.18
"""How much the logarithm of the bytes grows with it, about."""
_LEAST_NOISE = 1e-3
_NEAR = 0.35
"""A look at such a distance in dB tells the gate's place well enough."""
_SURE = 1.0
"""If the lowest level passes with so many dB to spare at the fast setting, it is not judged at the slow one."""
_MUCH = 0.03, 0.1
"""A lower level promises much, or very much, if it saves these parts of its bytes."""
_MOST_BETTER = 3.0
"""A measured level moves the gate by so many dB at most: near what was taken for the ceiling, a little seems much."""
_LEAST_STEPS = 2
"""From the first level that passed, so many lower ones are skipped as predicted; of more, half."""
_SLACK = 0.3
"""The lowest level above the predicted place is taken, unless the one below is less than this part of a step away."""


class Curve:
    """The distances and bytes of a few levels of a family, and what they say of the others.

    Args:
        places: where the family's levels lie, see `avif_places`, from fewest to most bytes.
        ceiling: the distance without coding in dB, see `Gate.distance`; above 0, infinite if only coding costs quality.
        slope: what a dB of these places is worth, in dB of this block's coding error, until two points tell it.
    """

    def __init__(self, places: tuple[float, ...], ceiling: float = math.inf, slope: float = 1.0):
        self._places, self._ceiling, self._slope = places, ceiling, slope
        self._rest = 10 ** (-ceiling / 10)
        self._points: list[tuple[float, float, float]] = []

    def add(self, index: int, distance: float, cost: float) -> None:
        """Adds a measured level: its index, its distance in dB, its bytes."""
        self._points.append((self._places[index], self._coding(distance), math.log(cost)))

    def move(self, index: int, distance: float, cost: float) -> None:
        """Moves all points so that they agree with a level that was measured in another way.

        Args:
            index: the level's index.
            distance: what was measured, in dB.
            cost: its bytes.
        """
        place, noise, logarithm = self._places[index], self._coding(distance), math.log(cost)
        near, found, _ = self._near()[0]
        higher = min(noise - (found + self.slope * (place - near)), _MOST_BETTER)
        larger = logarithm - math.log(self.cost(index))
        self._points = [(where, one + higher, bytes_ + larger) for where, one, bytes_ in self._points]

    @property
    def slope(self) -> float:
        """What a dB of the places is worth, in dB of the coding error."""
        near = self._near()
        if len(near) < 2:
            return self._slope
        (a, noise_a, _), (b, noise_b, _) = near
        return min(max((noise_b - noise_a) / (b - a), _LEAST_SLOPE), _LARGEST_SLOPE)

    def place(self) -> float:
        """Where the distance vanishes, by the line through the nearest two points."""
        place, noise, _ = self._near()[0]
        return place - noise / self.slope

    def cost(self, index: int) -> float:
        """Bytes at a level, by the line through the logarithms of the nearest two points."""
        near = self._near()
        place, _, logarithm = near[0]
        growth = _GROWTH if len(near) < 2 else max((near[1][2] - logarithm) / (near[1][0] - place), 0.0)
        return math.exp(logarithm + growth * (self._places[index] - place))

    def renewed(self) -> "Curve":
        """The same slope without the points, for another setting of the codec."""
        return Curve(self._places, self._ceiling, self.slope if self._points else self._slope)

    def index(self, slack: float = _SLACK) -> int:
        """The index of the lowest level that should pass; may be one beyond the last."""
        place, places = self.place(), self._places
        found = bisect.bisect_left(places, place)
        if 0 < found < len(places) and place - places[found - 1] < slack * (places[found] - places[found - 1]):
            return found - 1
        return found

    def _near(self) -> list[tuple[float, float, float]]:
        """The two points nearest to the gate, the nearest first; one on each side if there are such."""
        passing = [point for point in self._points if point[1] >= 0]
        failing = [point for point in self._points if point[1] < 0]
        if passing and failing:
            around = [min(passing, key=lambda point: point[1]), max(failing, key=lambda point: point[1])]
        else:
            around = self._points
        return sorted(around, key=lambda point: abs(point[1]))[:2]

    def _coding(self, distance: float) -> float:
        """The distance if the reduction cost nothing and the gate allowed only what it leaves to the coding."""
        noise, allowed = (max(10 ** (-db / 10) - self._rest, _LEAST_NOISE) for db in (distance, 0.0))
        return 10 * math.log10(allowed / noise)


def added(ceiling: float, coded: float, uncoded: float, gain: float) -> float:
    """The distance of a network's restoration in dB after coding, from what coding costs interpolation.

    Args:
        ceiling: its distance without coding.
        coded: interpolation's distance after coding.
        uncoded: interpolation's distance without coding.
        gain: how much of the coding's error the network removes, in dB.
    """
    noise = max(10 ** (-coded / 10) - 10 ** (-uncoded / 10), 0.0)
    return -10 * math.log10(10 ** (-ceiling / 10) + noise * 10 ** (-gain / 10))


class Prediction:
    """One family for one block: where its lowest passing level is and what it costs, before it is coded to be stored.

    Args:
        search: the family's codings of the block; its margins are those of `Gate.distance`.
        curve: what is known of the levels.
        index: the index to begin with where nothing is predicted.

    Attributes:
        index: the predicted index; None: no level should pass.
        cost: the predicted bytes.
        seen: the bytes that the looks promise at their own setting.
        dear: whether it was not looked at any further, because the predicted bytes were above the limit.
    """

    def __init__(self, search: FamilySearch, curve: Curve, index: int | None = None):
        self._search, self._curve, self.index = search, curve, index
        self.cost = self.seen = math.inf
        self.dear = self._sure = False

    def look(
        self, codec: Codec, distance: Callable[[int], float], start: int, looks: int, limit: float, vague: float
    ) -> None:
        """Codes a few levels at a fast setting, each where those before it predict the gate.

        Args:
            codec: the codec at the fast setting.
            distance: a function from an index to its distance with that codec in dB, below 0 if it fails.
            start: the first index.
            looks: how many at most.
            limit: stops when the predicted bytes are above this; then it is `dear`.
            vague: the bytes that the first look predicts may be too many by this factor.
        """
        first, last, seen = self._search.first, self._search.last, set()
        index = max(start, first)
        if index > last or self._search.cost_with(codec, first) > limit:
            return
        for number in range(looks):
            found = distance(index)
            self._sure = index == first and found > _SURE
            self._curve.add(index, found, self._search.cost_with(codec, index))
            seen.add(index)
            wanted = max(self._curve.index(), first)
            room = 1 if number else vague
            if index == last and found < 0:
                return
            index = min(wanted, last)
            self.dear = self._curve.cost(index) > room * limit
            if self.dear or index in seen or abs(found) < _NEAR:
                break
        self.index, self.cost = index, self._curve.cost(index)
        self.seen = self.cost

    def ask(self, codec: Codec, limit: float) -> None:
        """Corrects the prediction by one restoration at the predicted level.

        Args:
            codec: the codec, at any setting.
            limit: the index becomes None if the predicted bytes are above this.
        """
        index = self.index
        self._curve.move(index, self._search.margin(codec, index), self._search.cost_with(codec, index))
        wanted = min(max(self._curve.index(), self._search.first), self._search.last)
        self.index, self.cost, self._sure = wanted, self._curve.cost(wanted), False
        if self.cost > limit:
            self.index, self.cost = None, math.inf

    def settled(self, codec: Codec, codings: int, limit: float) -> Stored | None:
        """Codes the block to be stored, at the predicted level, or near it until it passes.

        Args:
            codec: the codec at the setting that stores.
            codings: after so many codings no lower level is tried; after twice as many if it promises much, and one
                more if very much, or if a level failed.
            limit: gives up when the predicted bytes are above this.

        Returns:
            The block at the lowest level that was found to pass. None if none does, or the limit was reached: `cost` is
            then infinite or the bytes that are now predicted. The next call goes on from there.
        """
        curve, search = self._curve.renewed(), self._search
        if self._sure and self.index == search.first:
            return search.stored(codec, search.first)
        index, passed, failed, tries = self.index, search.last + 1, search.first - 1, 0
        known = [number for number in search.tried(codec) if number != index and number >= search.first]
        while True:
            for one in (*known, index):
                found = search.margin(codec, one)
                curve.add(one, found, search.cost_with(codec, one))
                passed, failed = (min(one, passed), failed) if found >= 0 else (passed, max(one, failed))
            known, tries = [], tries + 1
            # A further coding has to be worth its time: then nothing is tried that should fail by a little.
            wanted = curve.index(_SLACK if tries < codings else 0.0)
            expected, wanted = wanted, min(max(wanted, failed + 1), passed - 1)
            if passed <= search.last:
                spares = search.cost_with(codec, passed) / curve.cost(wanted) - 1
                much, very = (spares > one for one in _MUCH)
                enough = tries >= codings * (1 + much) + (very or (much and failed >= search.first))
                if wanted <= failed or enough or expected >= passed:
                    return search.stored(codec, passed)
                if tries == 1:  # with this codec the curve may be steeper than it was predicted
                    wanted = max(wanted, passed - max(_LEAST_STEPS, (passed - wanted + 1) // 2))
            else:
                self.cost = math.inf if wanted <= failed else curve.cost(wanted)
                if self.cost > limit or math.isinf(self.cost):
                    return None
            index = wanted
