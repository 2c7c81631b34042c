"""What the command line named, opened: an archive, a slide, or an archive beside its original."""

import hashlib
import json
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sr_tf import __version__
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.disk.hashing import sha256_of_file
from sr_tf.errors import UserError
from sr_tf.slides.info import SlideInfo
from sr_tf.slides.slide import open_slide
from sr_tf.viewer.layers import ArchiveLayer, Layer, SlideLayer
from sr_tf.viewer.levels import Levels
from sr_tf.viewer.served import served_generators

RESTORED, INTERPOLATED, ORIGINAL = "restored", "interpolated", "original"


@dataclass
class Source:
    """What is looked at; a context manager that closes it.

    Attributes:
        path: of the archive or slide.
        info: of the slide.
        layers: by name, the one of interest first.
        version: changes whenever a pixel may.
        archive: None where a slide is looked at.
        same_original: whether the original has the bytes that were archived; None without one.
        labels: label, macro and the like by name, uint8 [h, w, 3].
    """

    path: Path
    info: SlideInfo
    layers: dict[str, Layer]
    version: str
    archive: ArchiveFile | None = None
    same_original: bool | None = None
    labels: dict = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    @property
    def levels(self) -> Levels:
        """Of the slide."""
        return Levels(self.info.width, self.info.height)

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def open_source(path: Path, original: Path | None, serving: str | None, models: tuple[str, ...], engine: str) -> Source:
    """Opens what is to be looked at.

    Args:
        path: of an archive or a slide.
        original: the archive's slide.
        serving: host:port or a URL of a server that runs the archive's generators.
        models: names or paths of the generators, where they are not those that ship.
        engine: that runs generators in this process.

    Raises:
        UserError: unreadable, or the original is of another slide.
    """
    if path.is_file() and zipfile.is_zipfile(path):
        return _open_archive(path, original, serving, models, engine)
    for flag, value in (("--original", original), ("--serving", serving), ("--models", models)):
        if value:
            raise UserError(f"{flag}: {path} is a slide or an image; expected an archive with this flag")
    with ExitStack() as stack:
        slide = stack.enter_context(open_slide(path))
        layer = SlideLayer(slide)
        stack.callback(layer.close)
        labels = {name: image.pixels for name, image in slide.associated().items()}
        return Source(
            path, slide.info, {ORIGINAL: layer}, _version(_file_state(path)), labels=labels, _open=stack.pop_all()
        )


def _open_archive(
    path: Path, original: Path | None, serving: str | None, models: tuple[str, ...], engine: str
) -> Source:
    with ExitStack() as stack:
        archive = stack.enter_context(ArchivedSlide(path, models, engine))
        blocks = archive.blocks
        if serving:
            generators = served_generators(archive, serving)
            for generator in generators.values():
                stack.callback(generator.close)
            blocks = RestoredBlocks(archive.header.grid, archive.stored_image, generators)
        layers: dict[str, Layer] = {RESTORED: ArchiveLayer(archive, blocks, generators=True)}
        if not archive.header.gate.lossless:
            layers[INTERPOLATED] = ArchiveLayer(archive, blocks, generators=False)
        same, states = None, [archive.comment.decode("ascii", "replace"), engine, serving]
        if original:
            layers[ORIGINAL], same = _beside(archive, original, stack)
            states.append(_file_state(original))
        labels = {name: archive.associated(name) for name in archive.header.associated}
        return Source(
            path, archive.header.slide, layers, _version(*states), archive, same, labels, stack.pop_all()
        )  # fmt: skip


def _beside(archive: ArchiveFile, path: Path, stack: ExitStack) -> tuple[SlideLayer, bool]:
    """The original, and whether its file is the one that was archived."""
    slide = stack.enter_context(open_slide(path))
    wanted, found = archive.header.slide, slide.info
    if (wanted.width, wanted.height) != (found.width, found.height):
        raise UserError(
            f"{path}: {found.width}×{found.height} pixels, expected the archive's {wanted.width}×{wanted.height}"
        )
    layer = SlideLayer(slide)
    stack.callback(layer.close)
    source = archive.header.source
    same = path.stat().st_size == source["bytes"] and sha256_of_file(path) == source["sha256"]
    return layer, same


def _file_state(path: Path) -> list:
    state = path.stat()
    return [str(path.resolve()), state.st_size, state.st_mtime_ns]


def _version(*states: object) -> str:
    return hashlib.sha256(json.dumps([__version__, *states]).encode()).hexdigest()
