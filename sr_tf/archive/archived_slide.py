"""An archive's slide, restored on demand."""

from pathlib import Path

import numpy as np

from sr_tf.archive.enlarge import BlockGenerator
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.messages import tell


class ArchivedSlide(ArchiveFile):
    """An archive whose pixels can be read; thread-safe.

    Args:
        path: of the archive.
        models: names or paths of the generators, where they are not those that ship under the names in the archive.
        engine: that runs them, see `sr_tf.generators.engines`; a warning is printed if another one measured it.

    Raises:
        UserError: not an archive, damaged, or a generator that it needs is not there or is another.
    """

    def __init__(self, path: str | Path, models: tuple[str, ...] = (), engine: str = DEFAULT_ENGINE):
        super().__init__(path)
        try:
            self.generators = self._load(models, engine)
            self.blocks = RestoredBlocks(self.header.grid, self.stored_image, self.generators)
        except UserError:
            self.close()
            raise

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """A rectangle of restored pixels, uint8 [height, width, 3] RGB.

        Raises:
            UserError: it does not lie inside the slide, or what is stored of it is damaged.
        """
        grid = self.header.grid
        if not (0 <= x < x + width <= grid.width and 0 <= y < y + height <= grid.height):
            raise UserError(
                f"{self.path}: region {x},{y},{width},{height} does not lie inside {grid.width}×{grid.height} pixels"
            )
        return self.blocks.read(x, y, width, height)

    def _load(self, models: tuple[str, ...], engine: str) -> dict[int, BlockGenerator]:
        needed = {self.kind(*place).scale for place in self.header.grid.blocks() if self.kind(*place).generator}
        wanted = {int(record["architecture"]["scale"]): record for record in self.header.generators}
        if not needed <= set(wanted):
            raise UserError(f"{self.path}: damaged (a generator is used that is not named)")
        given = [BlockGenerator(name, engine) for name in models]
        generators = {}
        for scale in needed:
            record = wanted[scale]
            same = [one for one in given if one.record["weights_sha256"] == record["weights_sha256"]]
            try:
                generator = same[0] if same else BlockGenerator(record["name"], engine)
            except UserError as error:
                raise UserError(f"{self.path}: its generator {record['name']}: {error}; name it by --models") from error
            if generator.record["weights_sha256"] != record["weights_sha256"] or generator.scale != scale:
                raise UserError(
                    f"{self.path}: made with a generator {record['name']} of other weights (SHA-256 "
                    f"{record['weights_sha256'][:12]}…, found {generator.record['weights_sha256'][:12]}…); name it "
                    "by --models"
                )
            generators[scale] = generator
        for measured_by in {wanted[scale].get("engine", DEFAULT_ENGINE) for scale in needed}:
            if measured_by.split()[0] != engine:
                tell(f"{self.path}: measured with {measured_by}, restored by {engine}: pixels may differ by 1 of 255")
        return generators
