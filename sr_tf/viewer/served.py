"""An archive's generators on a TF Serving server instead of in this process.

Servers run generators that need nothing but an image. Those that are told the codec's quality run in this process.
"""

from typing import Protocol

import numpy as np

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.enlarge import BlockGenerator
from sr_tf.errors import UserError
from sr_tf.images.libraries import cv2

_PATIENCE = 15.0
"""Seconds that a tile may take if the server is busy or does not answer. After that the tile is an error."""

_TRIAL = 48
"""Side in pixels of the middle of the LR image with which the server's generator is compared with the archive's."""


class Client(Protocol):
    """The part of the result of `sr_tf.serving.client.connect` that is used here."""

    def restore(self, lr: np.ndarray) -> np.ndarray:
        """uint8 [h, w, 3] → uint8 [scale · h, scale · w, 3]."""

    def close(self) -> None:
        """Closes the connection."""


class ServedGenerator:
    """A generator on a server, with the interface of `sr_tf.archive.enlarge.BlockGenerator`.

    Args:
        client: a connection to the server.
        local: the archive's generator. The server's must give the same pixels, because an archive's scores hold for one
            generator only.
        where: the server's address, for messages.

    Raises:
        UserError: the server does not answer, or its model is another one.
    """

    def __init__(self, client: Client, local: BlockGenerator, where: str):
        self._client, self._where = client, where
        self.scale, self.radius, self.record = local.scale, local.radius, local.record
        side = _TRIAL + 2 * self.radius
        trial = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8), (0, 0), 1)
        difference = np.abs(self(trial, 0).astype(int) - local(trial, 0)).max()
        if difference > 1:
            raise UserError(
                f"--serving={where}: its model {self.record['name']} gives pixels that differ by up to "
                f"{difference} of 255 from those of the archive's generator; expected the same weights"
            )

    def __call__(self, window: np.ndarray, level: float) -> np.ndarray:
        """uint8 [h, w, 3] → uint8 [scale · (h − 2 · radius), scale · (w − 2 · radius), 3]; `level` is not used."""
        large = self._client.restore(window)
        expected = (self.scale * window.shape[0], self.scale * window.shape[1], 3)
        if large.shape != expected or large.dtype != np.uint8:
            found = f"{large.dtype} {list(large.shape)}"
            raise UserError(f"--serving={self._where}: answered {found}, expected uint8 {list(expected)}")
        cut = self.scale * self.radius
        return large[cut:-cut, cut:-cut]

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()


def served_generators(archive: ArchivedSlide, where: str) -> dict[int, ServedGenerator | BlockGenerator]:
    """Connects to the generators of an archive on a server, except those that are told the codec's quality.

    Args:
        archive: the archive. Its own generators are compared with the server's.
        where: the server's address. Its models have the names that the archive records.

    Returns:
        The generators that the archive's blocks need, by their scale. Each `ServedGenerator` must be closed.

    Raises:
        UserError: see `ServedGenerator`; no server is asked for a generator that is told the quality.
    """
    from sr_tf.serving.client import connect

    names = {int(record["architecture"]["scale"]): record["name"] for record in archive.header.generators}
    generators: dict[int, ServedGenerator | BlockGenerator] = {}
    for scale, local in archive.generators.items():
        if local.told:
            generators[scale] = local
            continue
        client = connect(where, names[scale], deadline=_PATIENCE)
        try:
            generators[scale] = ServedGenerator(client, local, where)
        except UserError:
            client.close()
            raise
    return generators
