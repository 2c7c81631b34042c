"""The pauses and the deadline of repeated requests."""

from types import SimpleNamespace

import pytest

from sr_tf.errors import UserError
from sr_tf.serving import retry


def test_the_limit_of_the_random_pauses_doubles_up_to_five_seconds(monkeypatch):
    bounds, pauses, now = [], [], [0.0]

    def draw(low, high):
        bounds.append((low, high))
        return high / 2

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(retry, "random", SimpleNamespace(uniform=draw))
    monkeypatch.setattr(retry, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    timeouts = []

    def ask(timeout):
        timeouts.append(timeout)
        raise retry.UnavailableError("away")

    with pytest.raises(UserError, match=r"away \(asked 12 times in 20 s\)"):
        retry.ask_until(20, 8, ask)
    assert bounds == [(0, high) for high in (0.2, 0.4, 0.8, 1.6, 3.2, *7 * [5.0])]
    assert sum(pauses) < 20
    # An attempt never lasts beyond the deadline.
    assert timeouts[:6] == [8] * 6
    assert timeouts[-1] == pytest.approx(20 - sum(pauses))


def test_every_attempt_has_time_even_if_sleep_returns_late(monkeypatch):
    clock, given = [0.0], []

    def ask(timeout):
        given.append(timeout)
        raise retry.UnavailableError("away")

    def sleep(seconds):
        clock[0] += seconds + 0.7

    monkeypatch.setattr(retry, "random", SimpleNamespace(uniform=lambda low, high: 0.01))
    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    with pytest.raises(UserError, match=r"away \(asked \d+ times? in 1 s\)"):
        retry.ask_until(1, 60, ask)
    assert given
    assert all(0 < timeout <= 1 for timeout in given)
