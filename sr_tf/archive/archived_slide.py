"""An archive whose pixels can be read."""

import re
from pathlib import Path

import numpy as np

from sr_tf.archive.enlarge import BlockGenerator
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.generators.load import shipped
from sr_tf.generators.names import ModelName
from sr_tf.messages import tell

_SHIPPED = re.compile(r"(?P<where>[a-z0-9_-]{1,64})(@(?P<alpha>0|0?\.[0-9]{1,12}|1))?")
"""The name of a shipped generator, as an archive records it: `NAME` or `NAME@ALPHA`."""


class ArchivedSlide(ArchiveFile):
    """An archive whose pixels are restored when they are read; thread-safe.

    Generators are loaded only if a block of the archive needs one. A warning is printed if the archive was measured
    with another engine.

    Args:
        path: the archive's file.
        models: names or paths of the archive's generators, for those that do not ship under the names that the archive
            records. They are found by the hash of their weights. A path that an archive records is never opened.
        engine: what runs the generators, a name in `sr_tf.generators.engines.ENGINES`.

    Attributes:
        generators: the generators that blocks need, by their scale.
        blocks: the restored blocks.

    Raises:
        UserError: the file is not an archive or is damaged, or a generator is missing or has other weights.
    """

    def __init__(self, path: str | Path, models: tuple[str, ...] = (), engine: str = DEFAULT_ENGINE):
        super().__init__(path)
        try:
            self.generators = self._load_generators(models, engine)
            self.blocks = RestoredBlocks(self.header.grid, self.stored_image, self.generators)
        except UserError:
            self.close()
            raise

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Restores a rectangle.

        Args:
            x: left edge in pixels of full size.
            y: upper edge, likewise.
            width: in pixels.
            height: in pixels.

        Returns:
            uint8 [height, width, 3], RGB.

        Raises:
            UserError: the rectangle does not lie inside the slide, or a block under it is damaged.
        """
        self.header.slide.require_inside(self.path, x, y, width, height)
        return self.blocks.read(x, y, width, height)

    def _load_generators(self, models: tuple[str, ...], engine: str) -> dict[int, BlockGenerator]:
        needed = {self.kind(*place).scale for place in self.header.grid.blocks() if self.kind(*place).generator}
        if not needed:
            return {}
        records = {record["architecture"]["scale"]: record for record in self.header.generators}
        if not needed <= set(records):
            raise UserError(f"{self.path}: is damaged (a block needs a generator that the archive does not name)")
        named = [BlockGenerator(name, engine) for name in models]
        generators = {scale: self._load_generator(scale, records[scale], named, engine) for scale in needed}
        for measured_by in {records[scale].get("engine", DEFAULT_ENGINE) for scale in needed}:
            if measured_by.split()[0] != engine:
                tell(f"{self.path}: measured with {measured_by}, restored by {engine}: pixels may differ by 1 of 255")
        return generators

    def _load_generator(self, scale: int, record: dict, named: list[BlockGenerator], engine: str) -> BlockGenerator:
        """The generator of a record, from those that the user named or from those that ship."""
        sha256 = record["weights_sha256"]
        matching = [generator for generator in named if generator.record["weights_sha256"] == sha256]
        generator = matching[0] if matching else BlockGenerator(self._shipped_name(record), engine)
        found = generator.record["weights_sha256"]
        if found != sha256 or generator.scale != scale:
            raise UserError(
                f"{self.path}: the generator {record['name']} has other weights (SHA-256 {found[:12]}…) than when the "
                f"archive was made (expected {sha256[:12]}…); name the right one with --models"
            )
        return generator

    def _shipped_name(self, record: dict) -> ModelName:
        """The shipped generator of a record's name.

        Whoever made the archive chose the name, so it is never taken as a path, and no file that it names is opened.

        Raises:
            UserError: no generator of that name ships, or it has another architecture than the archive states.
        """
        found, cards = _SHIPPED.fullmatch(record["name"]), shipped()
        where = found and found["where"]
        if where not in cards:
            raise UserError(
                f"{self.path}: its generator {record['name']} is none of those that ship ({', '.join(cards)}); name "
                f"the file with the weights {record['weights_sha256'][:12]}… with --models"
            )
        if record["architecture"] != cards[where]["architecture"]:
            raise UserError(
                f"{self.path}: its generator {where} is stated with {_shape(record['architecture'])}, expected "
                f"{_shape(cards[where]['architecture'])}; name the right one with --models"
            )
        return ModelName(where, float(found["alpha"] or 1))


def _shape(architecture: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in architecture.items())
