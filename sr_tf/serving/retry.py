"""Repeats a request while the server is unavailable or busy, with random pauses and until a deadline."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sr_tf.errors import UserError

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

CONNECTING = 3.0
"""Seconds in which the first connection to a server must be opened: enough for one that is about to listen."""
_CONNECTING_PAUSE = 0.3

Answer = TypeVar("Answer")


class UnavailableError(Exception):
    """The server cannot be reached, is starting or is overloaded: the request can be repeated later."""


class UnreachableError(UnavailableError):
    """No connection to the server can be opened."""


class NotFoundError(Exception):
    """The server answers, but the model is not ready there."""


def ask_until(
    deadline: float, timeout: float, ask: Callable[[float], Answer], connecting: float | None = None
) -> Answer:
    """Sends a request and repeats it after an `UnavailableError`.

    The pause before a repetition is random, and its upper limit doubles each time. Clients that a server refused at the
    same moment therefore do not return at the same moment.

    Args:
        deadline: seconds from now after which no further attempt begins.
        timeout: seconds that one attempt may take.
        ask: makes one attempt. Its argument is the number of seconds that this attempt may take. It may raise an
            `UnavailableError`.
        connecting: seconds after which a server that cannot be reached is given up, if this is before the deadline.
            None: it is asked until the deadline, like a server that is busy.

    Returns:
        The result of `ask`.

    Raises:
        UserError: the server is still unavailable at the deadline.
    """
    start = time.monotonic()
    attempts, left = 0, deadline
    while True:
        attempts += 1
        try:
            return ask(min(timeout, left))
        except UnavailableError as error:
            limit, longest = deadline, LONGEST_PAUSE
            if connecting is not None and isinstance(error, UnreachableError):
                # Nothing listens there, so that short pauses burden nobody.
                limit, longest = min(deadline, connecting), _CONNECTING_PAUSE
            end = start + limit
            pause = random.uniform(0, min(longest, FIRST_PAUSE * 2 ** min(attempts, 10)))
            if pause < end - time.monotonic():
                time.sleep(pause)
                left = end - time.monotonic()  # may be negative: a busy machine can wake the process late
            else:
                left = 0.0
            if left <= 0:
                times = "time" if attempts == 1 else "times"
                raise UserError(f"{error} (asked {attempts} {times} in {limit:g} s)") from error
            left = max(left, start + deadline - time.monotonic())
