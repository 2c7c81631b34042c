"""An archive's generators, run by TF Serving instead of this process."""

from typing import Protocol

import cv2
import numpy as np

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.enlarge import BlockGenerator
from sr_tf.errors import UserError

_PATIENCE = 15.0
"""Seconds that a tile may take while the server is away or busy; then it is shown as an error."""

_TRIAL = 48
"""Side of the LR image that server and archive must agree on, in pixels."""


class Client(Protocol):
    """What is needed of `sr_tf.serving.client.connect`'s result."""

    def restore(self, lr: np.ndarray) -> np.ndarray:
        """uint8 [h, w, 3] → uint8 [scale · h, scale · w, 3]."""

    def close(self) -> None:
        """Ends the connection."""


class ServedGenerator:
    """A generator on a server; `sr_tf.archive.enlarge.BlockGenerator` to those who use it.

    Args:
        client: connected to the server.
        local: the archive's own, which says what the server's must be.
        where: the server, for messages.

    Raises:
        UserError: the server does not answer, or its model is another: an archive's scores hold for one generator only.
    """

    def __init__(self, client: Client, local: BlockGenerator, where: str):
        self._client, self._where = client, where
        self.scale, self.radius, self.record = local.scale, local.radius, local.record
        trial = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (_TRIAL, _TRIAL, 3), np.uint8), (0, 0), 1)
        off = np.abs(self(trial).astype(int) - local(trial)).max()
        if off > 1:
            raise UserError(
                f"--serving={where}: its model {self.record['name']} gives pixels that differ by up to {off} of 255 "
                "from those of the archive's generator; expected the same weights"
            )

    def __call__(self, window: np.ndarray) -> np.ndarray:
        """uint8 [h, w, 3] → uint8 [scale · h, scale · w, 3]."""
        large = self._client.restore(window)
        expected = (self.scale * window.shape[0], self.scale * window.shape[1], 3)
        if large.shape != expected or large.dtype != np.uint8:
            found = f"{large.dtype} {list(large.shape)}"
            raise UserError(f"--serving={self._where}: answered {found}, expected uint8 {list(expected)}")
        return large

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()


def served_generators(archive: ArchivedSlide, where: str) -> dict[int, ServedGenerator]:
    """The generators that an archive's blocks need, on a server, by scale.

    Args:
        archive: whose generators they are; its own are compared with the server's.
        where: the server; there each has the name that the archive gives it.

    Raises:
        UserError: see `ServedGenerator`.
    """
    from sr_tf.serving.client import connect

    names = {int(record["architecture"]["scale"]): record["name"] for record in archive.header.generators}
    generators: dict[int, ServedGenerator] = {}
    for scale, local in archive.generators.items():
        client = connect(where, names[scale], deadline=_PATIENCE)
        try:
            generators[scale] = ServedGenerator(client, local, where)
        except UserError:
            client.close()
            raise
    return generators
