"""Whether an archive that exists is the one that a fleet would make."""

from pathlib import Path
from typing import Any

from sr_tf.archive.container import COMMENT, hash_before_comment
from sr_tf.archive.original import factor_of
from sr_tf.archive.reader import ArchiveFile
from sr_tf.errors import UserError
from sr_tf.fleet.find import Job
from sr_tf.fleet.record import Record, fingerprint, record_of, words_of
from sr_tf.slides.reduced import factor_for
from sr_tf.slides.slide import open_slide
from sr_tf.slides.source_files import SourceFiles

_KEPT = "it is left as it is; move it away, or use another folder"


def is_done(job: Job, record: Record | None, options: dict[str, Any]) -> bool:
    """Whether the state says that a slide's archive is complete, and no file has changed since; reads no file.

    Args:
        job: the slide.
        record: what the state says of it.
        options: the call's options in words.
    """
    return (
        record is not None
        and record.state == "done"
        and record.options == options
        and record.archive == fingerprint([job.target])
        and record.slide == fingerprint(SourceFiles(job.source).paths)
    )


def check_existing(source: Path, target: Path, record: Record | None, options: dict[str, Any]) -> Record:
    """Checks an existing archive against its slide and the options of a call.

    Reads the archive's index and, unless the state knows both files as they are now, every byte of the archive and of
    the slide.

    Args:
        source: the slide's file.
        target: the archive's file.
        record: what the state says of it.
        options: the call's options in words.

    Returns:
        The archive's record.

    Raises:
        UserError: the archive is damaged, or is of another slide or of other options.
    """
    files = SourceFiles(source)
    before = fingerprint(files.paths)
    # A failed try says nothing of an archive that appeared later.
    known = record if record and record.state != "failed" else None
    if known:
        _require_equal(target, known.options, options)
    with ArchiveFile(target) as archive:
        _require_equal(target, words_of(archive.header), options)
        if not known:
            _require_associated(source, target, bool(archive.header.associated), options)
            _require_reduction(source, target, factor_of(archive.header), options)
        if not known or known.archive != fingerprint([target]):
            _require_whole(archive)
        if not known or known.slide != before:
            _require_slide(files, archive, known)
        found = record_of(archive, files, options, before)
    if known:
        found.identity = found.identity or known.identity
    return found


def _require_equal(target: Path, found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in found.items():
        if value != expected.get(name):
            raise UserError(
                f"{target}: exists and was made with another option ({name} {_text(value)}, expected "
                f"{_text(expected.get(name))}); {_KEPT}"
            )


def _require_associated(source: Path, target: Path, found: bool, options: dict[str, Any]) -> None:
    with open_slide(source) as slide:
        expected = options["associated images"] and bool(slide.associated_names())
    if found != expected:
        raise UserError(
            f"{target}: exists with{'' if found else 'out'} associated images, expected it with"
            f"{'' if expected else 'out'} them; {_KEPT}"
        )


def _require_reduction(source: Path, target: Path, found: int, options: dict[str, Any]) -> None:
    with open_slide(source) as slide:
        expected = factor_for(source, slide.info.objective_power, options.get("highest magnification"))
    if found != expected:
        raise UserError(f"{target}: exists and is reduced {found} times, expected {expected} times; {_KEPT}")


def _require_whole(archive: ArchiveFile) -> None:
    if archive.comment != (COMMENT + hash_before_comment(archive.path)).encode():
        raise UserError(f"{archive.path}: exists, but its bytes are not those that were written; {_KEPT}")


def _require_slide(files: SourceFiles, archive: ArchiveFile, known: Record | None) -> None:
    source = archive.header.source
    recorded = source if "sha256" in source else known.identity if known else {}
    if "sha256" not in recorded:
        raise UserError(
            f"{archive.path}: exists, is de-identified and does not record its slide, expected one that fleet.json "
            f"knows; {_KEPT}"
        )
    if difference := files.difference(recorded):
        raise UserError(f"{archive.path}: exists and is of another slide than {files.path}: {difference}; {_KEPT}")


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return {None: "none", True: "on", False: "off"}[value] if value is None or isinstance(value, bool) else str(value)
