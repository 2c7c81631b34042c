"""How often readers say the same of the original and of the restored image."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sr_tf.cells.agreement import confusion, type_agreement
from sr_tf.reader_study.answers import Answer
from sr_tf.reader_study.key import Case, Key

TOGETHER = "together"
_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Pair:
    """The two answers of one reader to one case."""

    case: Case
    original: Answer
    restored: Answer

    @property
    def same(self) -> bool:
        """Whether the findings are equal."""
        return self.original.finding == self.restored.finding

    @property
    def gap(self) -> int:
        """Days from the reading in session 1 to that in session 2."""
        first, second = sorted((self.original, self.restored), key=lambda answer: answer.session)
        return (second.read_on - first.read_on).days


@dataclass(frozen=True)
class Concordance:
    """Intra-reader agreement.

    Attributes:
        reader: the reader's name, or `TOGETHER`.
        cases: number of different cases that were read in both forms.
        pairs: pairs of answers; more than cases where readers stand together.
        same: pairs with equal findings.
        low: lower end of the 95 % interval of the share (Wilson); nan without pairs. For readers together it is that of
            as many answers as there are cases, since readers tend to stumble over the same cases.
        high: upper end.
        kappa: Cohen's κ without weights; nan where it is not defined.
        kappa_low: lower end of its 95 % interval, by bootstrap over cases; nan likewise.
        kappa_high: upper end.
        quality: mean image quality of originals and of restored images.
        confidence: mean confidence likewise.
        gap: fewest days between the two readings of a case; None without pairs.
        unread: cases that were read in one form only.
        table: pairs by finding in the original and in the restored image, int [categories, categories].
    """

    reader: str
    cases: int
    pairs: int
    same: int
    low: float
    high: float
    kappa: float
    kappa_low: float
    kappa_high: float
    quality: tuple[float, float]
    confidence: tuple[float, float]
    gap: int | None
    unread: int
    table: np.ndarray

    @property
    def share(self) -> float:
        """Share of equal findings; nan without pairs."""
        return self.same / self.pairs if self.pairs else math.nan


def wilson(share: float, trials: float) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, JASA 22:209), without continuity correction; nan without trials.

    Args:
        share: observed, 0 to 1.
        trials: number of independent trials.
    """
    if not trials:
        return math.nan, math.nan
    z2 = _NORMAL_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _NORMAL_95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    # At 0 and 1 the ends are exact; rounding would miss them by 1e-17.
    return (0.0 if share == 0 else middle - half), (1.0 if share == 1 else middle + half)


def pair_answers(answers: Iterable[Answer], key: Key) -> tuple[dict[str, list[Pair]], dict[str, int]]:
    """Puts the two answers of each reader to each case together.

    Returns:
        The pairs by reader, and by reader the number of cases that were read in one form only. Readers stand in
        alphabetical order, cases in that of their numbers.
    """
    shown = key.of_image()
    read: dict[str, dict[int, dict[bool, Answer]]] = defaultdict(lambda: defaultdict(dict))
    for answer in answers:
        case, restored = shown[answer.image]
        read[answer.reader][case.number][restored] = answer
    by_number = {case.number: case for case in key.cases}
    pairs, unread = {}, {}
    for reader in sorted(read):
        forms = sorted(read[reader].items())
        pairs[reader] = [Pair(by_number[number], two[False], two[True]) for number, two in forms if len(two) == 2]
        unread[reader] = len(forms) - len(pairs[reader])
    return pairs, unread


def concordance(reader: str, pairs: Sequence[Pair], unread: int, categories: Sequence[str]) -> Concordance:
    """Computes the agreement of pairs of answers, of one reader or of several."""
    number = {category: index for index, category in enumerate(categories)}
    by_case = defaultdict(list)
    for pair in pairs:
        by_case[pair.case.number].append((number[pair.original.finding], number[pair.restored.finding]))
    # One table for each case: cases are drawn by the bootstrap, with the answers of all readers.
    tables = np.zeros((len(by_case), len(categories), len(categories)), int)
    for table, found in zip(tables, by_case.values(), strict=True):
        table += confusion(*np.array(found).T, len(categories))
    types = type_agreement(tables)
    same = sum(pair.same for pair in pairs)
    low, high = wilson(same / max(1, len(pairs)), len(by_case))
    return Concordance(
        reader, len(by_case), len(pairs), same, low, high, types.kappa, types.low, types.high,
        _means(pairs, "quality"), _means(pairs, "confidence"), min((pair.gap for pair in pairs), default=None), unread,
        tables.sum(0),
    )  # fmt: skip


def all_concordances(pairs: dict[str, list[Pair]], unread: dict[str, int], key: Key) -> list[Concordance]:
    """The agreement of each reader, and of all together if there are several."""
    found = [concordance(reader, own, unread[reader], key.categories) for reader, own in pairs.items()]
    if len(found) > 1:
        everything = [pair for own in pairs.values() for pair in own]
        found.append(concordance(TOGETHER, everything, sum(unread.values()), key.categories))
    return found


def _means(pairs: Sequence[Pair], what: str) -> tuple[float, float]:
    values = [(getattr(pair.original, what), getattr(pair.restored, what)) for pair in pairs]
    return tuple(np.mean(values, 0).tolist()) if values else (math.nan, math.nan)
