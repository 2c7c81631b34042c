"""The report's tables as rows of formatted cells, for the template."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sr_tf.evaluation.compare import Comparison
from sr_tf.evaluation.report.columns import (
    LATTICE,
    SHIFTS,
    difference_text,
    direction,
    goodness,
    measured,
    of_quality,
    ranking,
    text,
    values,
)
from sr_tf.evaluation.report.differences import difference, interval
from sr_tf.evaluation.report.findings import SHIFT_LIMIT
from sr_tf.metrics.ladder import Ladder, rung_means
from sr_tf.metrics.scores import Score


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: the text.
        notes: lines below the text, in small print.
        best: whether the value is the best of its column.
        alarm: a word that says what is wrong; empty if nothing is.
    """

    text: str
    notes: tuple[str, ...] = ()
    best: bool = False
    alarm: str = ""


@dataclass(frozen=True)
class Table:
    """A table: the heading of each column with a note, and the rows by name."""

    headings: list[tuple[str, str]]
    rows: dict[str, list[Cell]]


_VERDICTS = {True: Cell("holds"), False: Cell("broken", alarm="!"), None: Cell("not applied")}


def results(comparison: Comparison) -> Table:
    """The means over scenes, with the best value of each score marked."""
    means = comparison.means()
    scores = of_quality(comparison)
    return _by_method(means, scores, [_marked(score, [mean[score.key] for mean in means.values()]) for score in scores])


def warnings(comparison: Comparison) -> Table:
    """The means of colour shift and lattice, if they were measured; shifts of at least the limit are marked."""
    means = comparison.means()
    scores = [score for score in measured(comparison) if score.key in (*SHIFTS, LATTICE)]
    columns = [[_warning(score, mean[score.key]) for mean in means.values()] for score in scores]
    return _by_method(means, scores, columns)


def against(comparison: Comparison, baseline: str) -> Table:
    """The mean difference of each method to a baseline, its interval, and on how many scenes the method is better."""
    scores = ranking(comparison)
    return Table(
        [(score.title, direction(score)) for score in scores],
        {
            method: [_difference_cell(comparison, score, method, baseline) for score in scores]
            for method in comparison.scores
            if method != baseline
        },
    )


def scenes(comparison: Comparison, score: Score) -> Table:
    """One score of every method on every scene."""
    methods = list(comparison.scores)
    numbers = np.array([values(comparison, method, score.key) for method in methods]).T
    return Table(
        [(method, "") for method in methods],
        {name: _marked(score, list(row)) for name, row in zip(comparison.scores[methods[0]], numbers, strict=True)},
    )


def ladder(ladders: tuple[Ladder, ...]) -> Table:
    """The means at each rung and the result of each rule of the ladder test, with a column for each score."""
    rows = {
        name: [Cell(text(ladder.score, mean)) for ladder, mean in zip(ladders, means, strict=True)]
        for name, means in rung_means(ladders).items()
    }
    for rule in ladders[0].rules:
        verdicts = [each.rules[rule] for each in ladders]
        rows[rule] = [_VERDICTS[held] for held in verdicts]
    rows["ladder test"] = [Cell("passed") if each.passed else Cell("failed", alarm="not shown") for each in ladders]
    return Table([(each.score.title, direction(each.score)) for each in ladders], rows)


def _by_method(methods: Iterable[str], scores: list[Score], columns: list[list[Cell]]) -> Table:
    rows = {method: [column[i] for column in columns] for i, method in enumerate(methods)}
    return Table([(score.title, direction(score)) for score in scores], rows)


def _marked(score: Score, numbers: list[float]) -> list[Cell]:
    """A cell for each value; all values that are displayed like the best are marked."""
    written = [text(score, number) for number in numbers]
    best = written[int(np.argmax([goodness(score, number) for number in numbers]))]
    return [Cell(each, best=each == best) for each in written]


def _warning(score: Score, value: float) -> Cell:
    beyond = score.key in SHIFTS and abs(value) >= SHIFT_LIMIT
    return Cell(text(score, value), alarm="shifted" if beyond else "")


def _difference_cell(comparison: Comparison, score: Score, method: str, baseline: str) -> Cell:
    found = difference(comparison, score, method, baseline)
    low, high = interval(comparison, score, method, baseline)
    notes = [] if np.isnan(low) else [f"{difference_text(score, low)} to {difference_text(score, high)}"]
    notes.append(f"{found.better} of {found.scenes} better")
    ratio = "" if np.isnan(found.ratio) else f" ({found.ratio:.2f}×)"
    return Cell(difference_text(score, found.mean) + ratio, tuple(notes), alarm="worse" if found.loses else "")
