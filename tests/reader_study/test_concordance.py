"""The statistics of a reader study beside independent references."""

import math

import numpy as np
import pytest
from readers import answer_file, by_parity, one_differs
from scipy.stats import binomtest

from sr_tf.reader_study.answers import Answer, read_answers
from sr_tf.reader_study.concordance import TOGETHER, Pair, all_concordances, concordance, pair_answers, wilson
from sr_tf.reader_study.key import Case


@pytest.mark.parametrize(("same", "all_"), [(57, 60), (60, 60), (0, 60), (1, 3), (95, 120)])
def test_the_interval_is_scipys(same, all_):
    expected = binomtest(same, all_).proportion_ci(0.95, method="wilson")
    assert wilson(same / all_, all_) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_nothing_read_has_no_interval():
    assert all(map(math.isnan, wilson(0.0, 0)))
    empty = concordance("AB", [], 0, ("a", "b"))
    assert (empty.pairs, empty.gap) == (0, None)
    assert math.isnan(empty.share) and math.isnan(empty.kappa) and math.isnan(empty.quality[0])


def pairs_of(table, categories, day):
    """Pairs of answers with a given table of findings."""
    pairs = []
    for (row, column), count in np.ndenumerate(np.array(table)):
        for _ in range(count):
            case = Case(len(pairs) + 1, "a", "", "s", 0, 0, None, "0" * 12, "1" * 12)
            answers = [
                Answer("AB", "", 1 + restored, categories[found], 5, 5 - restored, day, "")
                for restored, found in enumerate((row, column))
            ]
            pairs.append(Pair(case, *answers))
    return pairs


def test_kappa_is_that_of_a_computed_example():
    """Two raters of 50 proposals, 20 5 / 10 15: observed 0.7, by chance 0.5, so κ = 0.4."""
    from datetime import date

    pairs = pairs_of([[20, 5], [10, 15]], ("yes", "no"), date(2026, 1, 1))
    found = concordance("AB", pairs, 0, ("yes", "no"))
    assert (found.pairs, found.same, found.table.tolist()) == (50, 35, [[20, 5], [10, 15]])
    assert found.kappa == pytest.approx(0.4)
    assert found.quality == (5.0, 4.0)
    # Another bootstrap: draws pairs one by one.
    rng, kappas = np.random.default_rng(9), []
    first, second = (
        np.array([getattr(pair, form).finding == "yes" for pair in pairs]) for form in ("original", "restored")
    )
    for _ in range(4000):
        drawn = rng.integers(0, 50, 50)
        one, two = first[drawn], second[drawn]
        chance = one.mean() * two.mean() + (1 - one.mean()) * (1 - two.mean())
        kappas.append(((one == two).mean() - chance) / (1 - chance))
    assert (found.kappa_low, found.kappa_high) == pytest.approx(np.percentile(kappas, (2.5, 97.5)), abs=0.03)


def test_readers_alone_and_together(study, tmp_path):
    _, key = study
    files = [
        answer_file(tmp_path / "1.csv", key, "Zoe", by_parity, gap=20),
        answer_file(tmp_path / "2.csv", key, "Ann", one_differs, gap=9),
        answer_file(tmp_path / "3.csv", key, "Half", by_parity, sessions=(1,)),
    ]
    pairs, unread = pair_answers(read_answers(files, key), key)
    ann, half, zoe, together = all_concordances(pairs, unread, key)
    assert [one.reader for one in (ann, half, zoe, together)] == ["Ann", "Half", "Zoe", TOGETHER]
    assert (zoe.same, zoe.pairs, zoe.kappa, zoe.gap) == (12, 12, 1.0, 20)
    assert (ann.same, ann.pairs, ann.gap) == (11, 12, 9)
    assert (half.pairs, half.unread, half.gap) == (0, 12, None)
    assert (together.same, together.pairs, together.cases, together.gap) == (23, 24, 12, 9)
    assert together.quality == (5.0, 3.0)
    # The interval is as wide as that of twelve answers, not of twenty-four.
    assert together.low == pytest.approx(wilson(23 / 24, 12)[0]) and together.low < wilson(23 / 24, 24)[0]
    assert together.table.sum() == 24 and np.trace(together.table) == 23
    # In the original one case could not be judged: row 3, restored abnormal: column 2.
    assert together.table[2, 1] == 1


def test_one_reader_stands_alone(study, tmp_path):
    _, key = study
    pairs, unread = pair_answers(read_answers([answer_file(tmp_path / "1.csv", key, "Zoe", by_parity)], key), key)
    assert [one.reader for one in all_concordances(pairs, unread, key)] == ["Zoe"]
