"""A slide whose sampled tiles are right, but another one is not."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sr_tf.archive.native import Segments


@contextmanager
def wrong_tile(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Segments that begin at 512,0 are read with other pixels."""
    read = Segments.read

    def wrong(self, standalone, x, y, width, height):
        pixels = read(self, standalone, x, y, width, height)
        return pixels if (x, y) != (512, 0) else pixels ^ 1

    with monkeypatch.context() as patch:
        patch.setattr(Segments, "read", wrong)
        yield
