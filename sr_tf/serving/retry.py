"""Repeats a request while the server is unavailable or busy, with random pauses and until a deadline."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sr_tf.errors import UserError

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

Answer = TypeVar("Answer")


class UnavailableError(Exception):
    """The server cannot be reached, is starting or is overloaded: the request can be repeated later."""


class NotFoundError(Exception):
    """The server answers, but the model is not ready there."""


def ask_until(deadline: float, timeout: float, ask: Callable[[float], Answer]) -> Answer:
    """Sends a request and repeats it after an `UnavailableError`.

    The pause before a repetition is random, and its upper limit doubles each time. Clients that a server refused at the
    same moment therefore do not return at the same moment.

    Args:
        deadline: seconds from now after which no further attempt begins.
        timeout: seconds that one attempt may take.
        ask: makes one attempt. Its argument is the number of seconds that this attempt may take. It may raise an
            `UnavailableError`.

    Returns:
        The result of `ask`.

    Raises:
        UserError: the server is still unavailable at the deadline.
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
                left = end - time.monotonic()  # may be negative: a busy machine can wake the process late
            else:
                left = 0.0
            if left <= 0:
                times = "time" if attempts == 1 else "times"
                raise UserError(f"{error} (asked {attempts} {times} in {deadline:g} s)") from error
