"""Archives slides of many formats without loss, verifies and restores them, and prints sizes and what differs.

    python benchmarks/formats.py [--to=svs] FILE ...

A row is a slide: its bytes, those of its archive and of what is restored, all files of a series together; how level 0
is kept; whether the archive passes `verify --against`; whether the restored pixels are the slide's, and which fields of
its metadata differ. Those of the archive are compared as they are; what is restored is read again.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import app, flags

from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.header import Header
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restore import restore_slide
from sr_tf.archive.restore_dicom import restore_dicom
from sr_tf.archive.restore_plan import RestoreOptions
from sr_tf.archive.verify import measure_again
from sr_tf.archive.write import Options, write_archive
from sr_tf.errors import UserError
from sr_tf.slides.slide import Slide, open_slide
from sr_tf.slides.source_files import SourceFiles

flags.DEFINE_enum("to", "ome-tiff", ["ome-tiff", "svs", "dicom"], "What is restored.")

_SAME = 1e-6
"""Relative difference below which two µm per pixel are the same; TIFF stores them as fractions."""


def main(arguments: list[str]) -> None:
    """Prints the table."""
    print("| slide | format | source | archive | archive / source | kept as | verify | restored | pixels | differs |")
    print("| --- | --- | ---: | ---: | ---: | --- | --- | ---: | --- | --- |")
    for name in map(Path, arguments[1:]):
        try:
            print(f"| {name.name} | {' | '.join(_row(name, flags.FLAGS.to))} |", flush=True)
        except UserError as error:
            print(f"| {name.name} | {str(error).replace(f'{name.parent}/', '')[:150]} | | | | | | | | |", flush=True)


def _row(path: Path, to: str) -> Iterator[str]:
    source = SourceFiles(path).identity.size
    with tempfile.TemporaryDirectory() as folder:
        archive, restored = Path(folder) / "slide.sr.zip", Path(folder) / ("series" if to == "dicom" else "slide.tif")
        header = write_archive(path, archive, Options(QUALITIES["lossless"], ()))
        size = archive.stat().st_size
        yield header.slide.format
        yield f"{source:,}"
        yield f"{size:,}"
        yield f"{size / source:.2f}"
        with ArchiveFile(archive) as opened:
            segments = (opened.index.kinds == NATIVE.code).mean()
        codec = getattr(header.native, "codec", "jpeg")
        yield f"{codec} tiles" if segments == 1 else f"{segments:.0%} {codec} tiles" if segments else "pixels"
        problems = check_integrity(archive) + measure_again(archive, path, ())[0]
        yield problems[0] if problems else "passes"
        (restore_dicom if to == "dicom" else restore_slide)(archive, restored, options=RestoreOptions(to))
        yield f"{SourceFiles(restored).identity.size:,}"
        with open_slide(path) as one, open_slide(restored) as other, ArchiveFile(archive) as opened:
            equal = all(
                np.array_equal(one.read(*place), other.read(*place))
                for place in map(lambda block: header.grid.rectangle(*block), header.grid.blocks())
            )
            yield "equal" if equal else "**differ**"
            yield "; ".join([*_in_archive(one, header, opened), *_in_restored(one, other)]) or "nothing"


def _in_archive(slide: Slide, header: Header, archive: ArchiveFile) -> Iterator[str]:
    """The fields that an archive does not have as the slide has them."""
    for field in ("width", "height", "mpp", "objective_power", "icc", "properties"):
        if getattr(archive.header.slide, field) != getattr(slide.info, field):
            yield f"archive: {field}"
    yield from (f"archive: {name}" for name in _other_images(slide.associated(), archive.associated, header.associated))


def _in_restored(slide: Slide, restored: Slide) -> Iterator[str]:
    """The fields that the restored file does not have as the slide has them."""
    one, other = slide.info, restored.info
    if (one.mpp is None) != (other.mpp is None) or not np.allclose(one.mpp or 1, other.mpp or 1, rtol=_SAME):
        yield f"restored: mpp {other.mpp}"
    for field in ("width", "height", "objective_power", "icc"):
        if getattr(one, field) != getattr(other, field):
            yield f"restored: {field}"
    images = restored.associated()
    yield from (f"restored: {name}" for name in _other_images(slide.associated(), lambda n: images[n].pixels, images))


def _other_images(expected, read, names) -> Iterator[str]:
    for name, image in expected.items():
        if name not in names or not np.array_equal(read(name), image.pixels):
            yield f"image {name}"


if __name__ == "__main__":
    app.run(main)
