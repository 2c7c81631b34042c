"""One try to archive one slide: what a worker process or a Ray task does."""

import os
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from sr_tf.archive.allocator import keep_freed_memory
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.write import Options, write_archive
from sr_tf.errors import UserError, reason
from sr_tf.fleet.existing import check_existing
from sr_tf.fleet.record import Record, fingerprint, record_of, words
from sr_tf.slides.source_files import SourceFiles


@dataclass(frozen=True)
class Task:
    """What a worker needs to know.

    Attributes:
        name: the archive's name relative to the fleet's folder.
        source: the slide's file, absolute.
        target: the archive's file, absolute.
        options: how to archive it.
        record: what the state says of the slide.
    """

    name: str
    source: str
    target: str
    options: Options
    record: Record | None


@dataclass(frozen=True)
class Outcome:
    """How a try ended.

    Attributes:
        record: of the complete archive; None if there is none.
        reason: why there is none, in one line.
        final: whether another try would end in the same way.
        existed: whether the archive existed before the try, so that the state keeps what it says of it.
        seconds: how long the try took.
    """

    record: Record | None
    reason: str = ""
    final: bool = True
    existed: bool = False
    seconds: float = 0.0


def attempt(task: Task) -> Outcome:
    """Archives a slide, or checks the archive that exists. Raises no exception."""
    start = time.monotonic()
    existed = os.path.lexists(task.target)
    record, why, final = None, "", True
    try:
        record = _existing(task) if existed else _new(task)
    except UserError as error:
        why = " ".join(str(error).split())
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{task.source}: {type(error).__name__} at {Path(last.filename).name}:{last.lineno} ({reason(error)})"
        final = False
    return Outcome(record, why, final, existed, time.monotonic() - start)


def _existing(task: Task) -> Record:
    return check_existing(Path(task.source), Path(task.target), task.record, words(task.options))


def _new(task: Task) -> Record:
    source, target, options = Path(task.source), Path(task.target), task.options
    files = SourceFiles(source)
    before = fingerprint(files.paths)
    keep_freed_memory()  # this process archives slides and nothing else
    write_archive(source, target, options)
    with ArchiveFile(target) as archive:
        record = record_of(archive, files, words(options), before)
    if options.deidentify:
        record.identity = files.identity.record
    return record
