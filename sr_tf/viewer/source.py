"""Opens what the viewer shows: an archive, a slide, or an archive beside its original."""

import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sr_tf import __version__
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.container import is_archive
from sr_tf.archive.native import JPEG_2000
from sr_tf.archive.original import open_original
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.errors import UserError
from sr_tf.images.libraries import require
from sr_tf.slides.info import SlideInfo
from sr_tf.slides.slide import open_slide
from sr_tf.slides.source_files import SourceFiles
from sr_tf.viewer.layers import ArchiveLayer, Layer, SlideLayer
from sr_tf.viewer.levels import Levels
from sr_tf.viewer.served import ServedGenerator, served_generators

RESTORED, INTERPOLATED, ORIGINAL = "restored", "interpolated", "original"


@dataclass
class Source:
    """An opened archive or slide; a context manager that closes it.

    Attributes:
        path: the file of the archive or slide.
        info: the slide's size and metadata.
        layers: the layers by their name; the first one is shown at first.
        version: a text that is different whenever a pixel may be different.
        archive: the archive; None for a slide.
        same_original: whether the original's files are those that were archived; None without an original, if the
            archive holds no hash of it, and if it records only one of several files, as those of sr_tf 0.2.0 do.
        associated: label, macro and thumbnail images by their name, uint8 [h, w, 3].
    """

    path: Path
    info: SlideInfo
    layers: dict[str, Layer]
    version: str
    archive: ArchiveFile | None = None
    same_original: bool | None = None
    associated: dict = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    @property
    def levels(self) -> Levels:
        """The slide's pyramid."""
        return Levels(self.info.width, self.info.height)

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def open_source(path: Path, original: Path | None, serving: str | None, models: tuple[str, ...], engine: str) -> Source:
    """Opens an archive or a slide.

    Args:
        path: the file of the archive or slide.
        original: the file of the slide that was archived, or None.
        serving: URL or host:port of a server that runs the archive's generators; None: this process runs them.
        models: see `sr_tf.archive.archived_slide.ArchivedSlide`.
        engine: likewise.

    Raises:
        UserError: a file cannot be read, the original has another size, or an option does not fit the file.
    """
    if is_archive(path):
        return _open_archive(path, original, serving, models, engine)
    for flag, value in (("--original", original), ("--serving", serving), ("--models", models)):
        if value:
            raise UserError(f"{flag}: {path} is a slide or an image, expected an archive with this flag")
    files = SourceFiles(path)
    with ExitStack() as stack:
        slide = stack.enter_context(open_slide(path))
        layer = SlideLayer(slide)
        stack.callback(layer.close)
        associated = {name: image.pixels for name, image in slide.associated().items()}
        return Source(
            path=path,
            info=slide.info,
            layers={ORIGINAL: layer},
            version=_version(files.version),
            associated=associated,
            _open=stack.pop_all(),
        )


def _open_archive(
    path: Path, original: Path | None, serving: str | None, models: tuple[str, ...], engine: str
) -> Source:
    with ExitStack() as stack:
        archive = stack.enter_context(ArchivedSlide(path, models, engine))
        if archive.header.native and archive.header.native.codec == JPEG_2000:
            require("imagecodecs")
        blocks = archive.blocks
        if serving:
            generators = served_generators(archive, serving)
            for generator in generators.values():
                if isinstance(generator, ServedGenerator):
                    stack.callback(generator.close)
            blocks = RestoredBlocks(archive.header.grid, archive.stored_image, generators, archive.cubic)
        layers: dict[str, Layer] = {RESTORED: ArchiveLayer(archive, blocks, generators=True)}
        if not archive.header.gate.lossless:
            layers[INTERPOLATED] = ArchiveLayer(archive, blocks, generators=False)
        same, states = None, [archive.comment.decode("ascii", "replace"), engine, serving]
        if original:
            files = SourceFiles(original)
            layers[ORIGINAL], same = _beside(archive, files, stack)
            states.append(files.version)
        associated = {name: archive.associated(name) for name in archive.header.associated}
        return Source(
            path=path,
            info=archive.header.slide,
            layers=layers,
            version=_version(*states),
            archive=archive,
            same_original=same,
            associated=associated,
            _open=stack.pop_all(),
        )


def _beside(archive: ArchiveFile, files: SourceFiles, stack: ExitStack) -> tuple[SlideLayer, bool | None]:
    """(the original's layer, whether its files are those that were archived; None if the archive does not say)."""
    slide = stack.enter_context(open_original(files.path, archive.header))
    wanted, found = archive.header.slide, slide.info
    if (wanted.width, wanted.height) != (found.width, found.height):
        raise UserError(
            f"{files.path}: has {found.width}×{found.height} pixels, expected the archive's "
            f"{wanted.width}×{wanted.height}"
        )
    layer = SlideLayer(slide)
    stack.callback(layer.close)
    recorded = archive.header.source
    if "sha256" not in recorded:
        return layer, None
    if files.difference(recorded):
        return layer, False
    return layer, None if files.is_partly_recorded(recorded) else True


def _version(*states: object) -> str:
    return hashlib.sha256(json.dumps([__version__, *states]).encode()).hexdigest()
