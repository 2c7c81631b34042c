"""Makes a reader study: draws fields, blinds and shuffles them, and writes what readers get and the sealed key."""

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from tqdm import tqdm

import sr_tf
from sr_tf.disk.files import make_folder
from sr_tf.errors import UserError, unwritable
from sr_tf.metrics.fast import fast_psnr
from sr_tf.reader_study.answers import COLUMNS
from sr_tf.reader_study.blinding import publish, save
from sr_tf.reader_study.fields import Field, draw_fields
from sr_tf.reader_study.key import KEY_NAME, READER_FOLDER, SEAL_NAME, SESSIONS, Case, Key, encode_key, seal
from sr_tf.reader_study.reading_page import to_html

_INSTRUCTIONS = """Reader study {study}, made on {made}

Research use only. Not a medical device.

Open index.html in a browser. It needs no network; answers stay in this browser until you save them as a CSV file.

If you prefer a table: fill in answers-session-1.csv, and {washout} days or more after its last image
answers-session-2.csv (if you finish session 1 on {made}: from {opens}). Look at the images in the order of
the table; images/NAME.png is the image NAME. Each row needs
  finding     one of: {categories}
  confidence  1 (guess) to 5 (certain)
  quality     1 (unusable) to 5 (excellent), of the image
  read_on     the day, as YYYY-MM-DD
  reader      your name or sign, the same in all rows and in both sessions
Do not look at the images of session 2 before, and do not compare files.
"""


@dataclass(frozen=True)
class Settings:
    """What a study asks.

    Attributes:
        cases: number of fields.
        side: of a field in pixels, at least 32.
        categories: two to nine findings to choose from.
        washout: days between the sessions.
        seed: of everything that is drawn.
    """

    cases: int
    side: int
    categories: tuple[str, ...]
    washout: int
    seed: int


def make_kit(
    archives: Sequence[Path],
    slides: Sequence[Path],
    folder: Path,
    settings: Settings,
    models: tuple[str, ...] = (),
    engine: str = "tensorflow",
) -> Key:
    """Writes a study into a new folder, which appears when it is complete.

    Args:
        archives: the archives.
        slides: the slide of each, in the same order.
        folder: a folder that does not exist or is empty.
        settings: what the study asks.
        models: see `sr_tf.archive.archived_slide.ArchivedSlide`.
        engine: likewise.

    Returns:
        The key.

    Raises:
        UserError: the folder is in use or cannot be written, or see `sr_tf.reader_study.fields.draw_fields`.
    """
    if len(archives) != len(slides):
        raise UserError(
            f"--against: {len(slides)} slides for {len(archives)} archives, expected one for each, in the same order"
        )
    parent = make_folder(folder.absolute().parent)
    draft = Path(tempfile.mkdtemp(dir=parent, prefix=f".{folder.name}."))
    try:
        require_new(folder)
        key = _write(draft, archives, slides, settings, models, engine)
        draft.chmod(0o755)
        draft.rename(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return key


def require_new(folder: Path) -> None:
    """Raises a `UserError` if a folder has contents, or if there is a file of that name."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UserError(f"{folder}: is no folder, expected a new name")
    if folder.is_dir() and any(os.scandir(folder)):
        raise UserError(f"{folder}: has contents, expected a new name or an empty folder; no study is ever replaced")


def _write(
    draft: Path,
    archives: Sequence[Path],
    slides: Sequence[Path],
    settings: Settings,
    models: tuple[str, ...],
    engine: str,
) -> Key:
    rng = np.random.default_rng(settings.seed)
    study = rng.bytes(6).hex()
    reader = make_folder(draft / READER_FOLDER)
    drafts, images = make_folder(draft / "images"), make_folder(reader / "images")
    with tqdm(total=settings.cases, desc="cases", unit="case", disable=None) as bar:
        fields = draw_fields(archives, slides, settings.cases, settings.side, rng, models, engine, bar.update)
        cases = [_write_case(number, drawn, drafts, rng) for number, drawn in enumerate(fields, 1)]
    key = Key(
        made_by=f"sr-tf reader-kit, sr_tf {sr_tf.__version__}",
        study=study,
        made=date.today().isoformat(),
        seed=settings.seed,
        side=settings.side,
        washout=settings.washout,
        categories=list(settings.categories),
        cases=cases,
        sessions=_sessions(cases, rng),
    )
    publish(drafts, images, rng)
    drafts.rmdir()
    content = encode_key(key)
    (draft / KEY_NAME).write_bytes(content)
    (draft / KEY_NAME).chmod(0o600)
    (reader / SEAL_NAME).write_text(f"{seal(content)}  {KEY_NAME}\n", "utf-8")
    (reader / "index.html").write_text(to_html(key, seal(content)), "utf-8")
    for number, session in zip(SESSIONS, key.sessions, strict=True):
        (reader / f"answers-session-{number}.csv").write_text(empty_form(number, session), "utf-8")
    (reader / "instructions.txt").write_text(_instructions(key), "utf-8")
    return key


def _write_case(number: int, drawn: Field, drafts: Path, rng: np.random.Generator) -> Case:
    names = rng.bytes(6).hex(), rng.bytes(6).hex()
    for name, pixels in zip(names, (drawn.original, drawn.restored), strict=True):
        save(drafts / f"{name}.png", pixels, drawn.icc)
    psnr = fast_psnr(drawn.original, drawn.restored)
    return Case(
        number=number,
        archive=drawn.archive.name,
        archive_sha256=drawn.archive_sha256,
        slide=drawn.slide.name,
        x=drawn.x,
        y=drawn.y,
        psnr=round(psnr, 3) if np.isfinite(psnr) else None,
        original=names[0],
        restored=names[1],
    )


def _sessions(cases: Sequence[Case], rng: np.random.Generator) -> list[list[str]]:
    """Half of the cases are shown as originals first; each session has an order of its own."""
    restored_first = rng.permutation(len(cases)) < len(cases) // 2
    first = [case.restored if swap else case.original for case, swap in zip(cases, restored_first, strict=True)]
    second = [case.original if swap else case.restored for case, swap in zip(cases, restored_first, strict=True)]
    return [[session[index] for index in rng.permutation(len(cases))] for session in (first, second)]


def empty_form(number: int, session: Sequence[str]) -> str:
    """The CSV form of a session, in the order of reading, with empty answers."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows([number, place, image, "", "", "", "", ""] for place, image in enumerate(session, 1))
    return text.getvalue()


def _instructions(key: Key) -> str:
    return _INSTRUCTIONS.format(
        study=key.study,
        made=key.made,
        washout=key.washout,
        opens=date.fromisoformat(key.made) + timedelta(key.washout),
        categories=", ".join(key.categories),
    )
