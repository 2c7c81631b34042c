"""How much time archiving spends to save bytes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """What a search may do for each block.

    Settings of AVIF are the ends of names in `sr_tf.images.codecs.CODECS`: "" is speed 4, "-fast" speed 6, "-quick"
    speed 9.

    Attributes:
        predicts: whether levels are predicted, see `sr_tf.archive.outlook`. Otherwise every representation is searched.
        full: the setting that stores blocks at full size, if they are rich in detail.
        reduced: the setting that stores other blocks.
        joined: the setting that stores pieces of several blocks, which takes most reduced blocks' place.
        looks: codings at a faster setting from which a level is predicted, for each representation.
        codings: codings at the setting that stores, for each block, to come closer to the lowest level that passes.
        asks: the same for a network, which was already asked once to predict its level; 0: no network.
        spares_rich: whether little is tried on blocks that are rich in detail, those that promise to take many bytes:
            one coding at the setting that stores, and no network.
        pieces: levels at which a piece of several blocks is tried.
    """

    predicts: bool = True
    full: str = "-fast"
    reduced: str = ""
    joined: str = ""
    looks: int = 5
    codings: int = 2
    asks: int = 2
    spares_rich: bool = True
    pieces: int = 1

    @property
    def networks(self) -> bool:
        """Whether networks are used."""
        return self.asks > 0 or not self.predicts


EFFORTS: dict[int, Effort] = {
    1: Effort(full="-quick", reduced="-fast", joined="-fast", looks=2, codings=1, asks=0),
    2: Effort(reduced="-fast", joined="-fast", looks=2, codings=1, asks=0),
    3: Effort(reduced="-fast", asks=0),
    4: Effort(asks=0),
    5: Effort(),
    6: Effort(codings=3, asks=3, spares_rich=False, pieces=2),
    7: Effort(full="", codings=3, asks=3, spares_rich=False, pieces=3),
    8: Effort(full="", looks=8, codings=5, asks=5, spares_rich=False, pieces=3),
    9: Effort(predicts=False, pieces=3),
}
"""By the number that `sr-tf archive --effort` takes."""

DEFAULT_EFFORT, HIGHEST_EFFORT = 5, 9
