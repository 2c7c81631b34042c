"""An archive whose pixels can be read."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from sr_tf.archive.embedded import scales_needed
from sr_tf.archive.enlarge import BlockGenerator
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.generators.recorded import find_recorded, missing_generator
from sr_tf.messages import tell


class ArchivedSlide(ArchiveFile):
    """An archive whose pixels are restored when they are read; thread-safe.

    Generators are loaded only if a block of the archive needs one. A warning is printed if the archive was measured
    with another engine.

    Args:
        path: the archive's file.
        models: names or paths of the archive's generators, for those that neither ship nor have shipped with sr_tf.
        engine: what runs the generators, a name in `sr_tf.generators.engines.ENGINES`.
        loaded: generators that the caller has loaded already; one is used if the archive records its weights.
        late: whether a generator is loaded when a block that needs it is first restored, not now. One that does not
            ship is then missed only there.

    Attributes:
        generators: the generators that blocks need, by their scale.
        blocks: the restored blocks.

    Raises:
        UserError: the file is not an archive or is damaged, or a generator is missing or has other weights.
    """

    def __init__(
        self,
        path: str | Path,
        models: tuple[str, ...] = (),
        engine: str = DEFAULT_ENGINE,
        loaded: Iterable[BlockGenerator] = (),
        late: bool = False,
    ):
        super().__init__(path)
        try:
            self.generators = self._find_generators(models, engine, loaded)
            if not late:
                self.generators.load_all()
            self.blocks = RestoredBlocks(self.header.grid, self.stored_image, self.generators, self.cubic)
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

    def _find_generators(
        self, models: tuple[str, ...], engine: str, loaded: Iterable[BlockGenerator]
    ) -> "GeneratorsByScale":
        records, named = needed_generators(self), list(loaded)

        def load(scale: int) -> BlockGenerator:
            if not self._own:
                self._own.extend(BlockGenerator(name, engine) for name in models)
            return self._load_generator(scale, records[scale], [*named, *self._own], engine)

        self._own: list[BlockGenerator] = []
        for measured_by in {record.get("engine", DEFAULT_ENGINE) for record in records.values()}:
            if measured_by.split()[0] != engine:
                tell(f"{self.path}: measured with {measured_by}, restored by {engine}: pixels may differ by 1 of 255")
        return GeneratorsByScale(records, load)

    def _load_generator(self, scale: int, record: dict, named: list[BlockGenerator], engine: str) -> BlockGenerator:
        """The generator of a record, from those that the user named or from those that ship or have shipped."""
        name, sha256 = record["name"], record["weights_sha256"]
        matching = [generator for generator in named if generator.record["weights_sha256"] == sha256]
        if matching:
            generator = matching[0]
        else:
            recorded = self.embedded_generator(record) or find_recorded(name, sha256)
            if recorded is None:
                raise UserError(f"{self.path}: {missing_generator(name, sha256)}")
            generator = BlockGenerator(name, engine, recorded=recorded)
        found = generator.record["weights_sha256"]
        if found != sha256 or generator.scale != scale:
            raise UserError(
                f"{self.path}: the generator {name} has other weights (SHA-256 {found[:12]}…, ×{generator.scale}) than "
                f"when the archive was made (expected {sha256[:12]}…, ×{scale}); name the right one with --models"
            )
        if record["architecture"] != generator.record["architecture"]:
            raise UserError(
                f"{self.path}: its generator {name} is stated with {_shape(record['architecture'])}, expected "
                f"{_shape(generator.record['architecture'])}, which has the recorded weights"
            )
        return generator


class GeneratorsByScale(Mapping[int, BlockGenerator]):
    """The generators that an archive needs, by their scale; each is loaded when it is first asked for. Thread-safe.

    Args:
        scales: the scales.
        load: loads the generator of a scale.
    """

    def __init__(self, scales: Iterable[int], load: Callable[[int], BlockGenerator]):
        self._scales, self._load = list(scales), load
        self._loaded: dict[int, BlockGenerator] = {}
        self._lock = threading.Lock()

    def __getitem__(self, scale: int) -> BlockGenerator:
        with self._lock:
            if scale in self._scales and scale not in self._loaded:
                self._loaded[scale] = self._load(scale)
            return self._loaded[scale]

    def __iter__(self) -> Iterator[int]:
        return iter(self._scales)

    def __len__(self) -> int:
        return len(self._scales)

    def load_all(self) -> None:
        """Loads all of them."""
        for scale in self._scales:
            self[scale]


def _shape(architecture: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in architecture.items())


def needed_generators(archive: ArchiveFile) -> dict[int, dict]:
    """The records of the generators that an archive's blocks need, by their scale.

    Raises:
        UserError: the archive does not name a generator that a block needs.
    """
    needed = scales_needed(archive.index.kinds)
    records = {int(record["architecture"]["scale"]): record for record in archive.header.generators}
    if not needed <= set(records):
        raise UserError(f"{archive.path}: is damaged (a block needs a generator that the archive does not name)")
    return {scale: records[scale] for scale in needed}
