"""Figures that may be undefined, in words and for JSON."""

import math


def finite(value: float) -> float | None:
    """A number for JSON: None for infinity and NaN."""
    return float(value) if math.isfinite(value) else None


def number(value: float, form: str) -> str:
    """A number in a format, as `format` takes it; a dash for infinity and NaN."""
    return format(value, form) if math.isfinite(value) else "–"


def interval(low: float, high: float, form: str) -> str:
    """Two numbers in a format; a dash if one of them is infinite or NaN."""
    return f"{low:{form}} to {high:{form}}" if math.isfinite(low) and math.isfinite(high) else "–"
