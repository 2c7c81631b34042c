"""What the commands' arguments may be: text that argparse got, to values."""

import argparse
import contextlib
import math

from sr_tf.errors import install_extra
from sr_tf.generators.engines import DEFAULT_ENGINE, ENGINES

PRICE_PER_GB_MONTH = 0.023
"""USD for 10⁹ bytes and month: Amazon S3 Standard, US East, first 50 TB, list price of 2024."""


def whole(text: str, least: int = 0) -> int:
    """A whole number from `least` on."""
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from {least} on")
    return int(text)


def share(text: str) -> float:
    """A number from 0 to 1."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 0 to 1")


def names(text: str) -> list[str]:
    """Names, separated by commas."""
    return [name for name in text.split(",") if name]


def band(text: str) -> tuple[float, float]:
    """LOW,HIGH: two numbers that rise."""
    with contextlib.suppress(ValueError):
        low, high = map(float, text.split(","))
        if 0 < low < high < math.inf:
            return low, high
    raise argparse.ArgumentTypeError(f"found {text!r}, expected two rising rates above 0, as 0.07,0.12")


def positive(text: str) -> int:
    """A whole number from 1 on."""
    return whole(text, least=1)


def percent(text: str) -> int:
    """A whole number from 1 to 100."""
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 to 100")
    return int(text)


def region(text: str) -> tuple[int, int, int, int]:
    """X,Y,W,H: a rectangle in pixels."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts) or not all(map(int, parts[2:])):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected X,Y,W,H: four whole numbers, W and H above 0")
    x, y, width, height = map(int, parts)
    return x, y, width, height


def add_engine(command: argparse.ArgumentParser) -> None:
    """Adds `--engine` to a command that runs generators."""
    command.add_argument(
        "--engine", choices=ENGINES, default=DEFAULT_ENGINE,
        help="what runs the generator; openvino is faster on CPUs, its pixels may differ by 1 of 255, and it needs "
        f"the extra `openvino`: {install_extra('openvino')} (default {DEFAULT_ENGINE})",
    )  # fmt: skip
