"""The one exception of the second reader that is not a fault of the file."""


class NoSecondReader(Exception):  # noqa: N818 - it is an answer, not an error
    """There is no second decoder for a slide; the text says why."""
