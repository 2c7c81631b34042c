"""Asking again when a server is away or busy, but not for ever and not all at once."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sr_tf.errors import UserError

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

Answer = TypeVar("Answer")


class UnavailableError(Exception):
    """The server is not there, still starting, or has more to do than it takes: ask again later."""


class NotFoundError(Exception):
    """The server answers, but has no such model ready."""


def ask_until(deadline: float, timeout: float, ask: Callable[[float], Answer]) -> Answer:
    """Asks, and asks again after `UnavailableError`, with pauses that double and are drawn at random up to that.

    Random, so that clients which a server turned away together do not come back together.

    Args:
        deadline: seconds from now after which no further attempt begins.
        timeout: seconds that one attempt may take.
        ask: called with the seconds that this attempt may take; may raise `UnavailableError`.

    Returns:
        What `ask` returned.

    Raises:
        UserError: still unavailable at the deadline.
    """
    end = time.monotonic() + deadline
    attempts, left = 0, deadline
    while True:
        attempts += 1
        try:
            return ask(min(timeout, left))
        except UnavailableError as error:
            pause = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts, 10)))
            if pause < end - time.monotonic():
                time.sleep(pause)
                left = end - time.monotonic()  # a busy machine may wake it too late
            else:
                left = 0.0
            if left <= 0:
                times = "time" if attempts == 1 else "times"
                raise UserError(f"{error} (asked {attempts} {times} in {deadline:g} s)") from error
