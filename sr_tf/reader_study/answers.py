"""Reading the answers of readers from CSV files: those that the page saves, and forms that were filled in."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from sr_tf.disk.files import read_at_most
from sr_tf.errors import UserError, reason
from sr_tf.reader_study.key import SESSIONS, Key

COLUMNS = ("session", "number", "image", "finding", "confidence", "quality", "read_on", "reader")
_HEADER = ",".join(COLUMNS)
_GRADES = range(1, 6)
_MOST_BYTES = 1 << 24


@dataclass(frozen=True)
class Answer:
    """What a reader said about one image.

    Attributes:
        reader: the reader's name or sign.
        image: the image's name.
        session: 1 or 2.
        finding: one of the study's categories.
        confidence: 1 to 5.
        quality: of the image, 1 to 5.
        read_on: the day.
        place: file and row, for errors.
    """

    reader: str
    image: str
    session: int
    finding: str
    confidence: int
    quality: int
    read_on: date
    place: str


def read_answers(paths: Iterable[Path], key: Key) -> list[Answer]:
    """Reads answers. Rows without finding, confidence and quality are images that were not read.

    Args:
        paths: CSV files; columns are separated by commas, semicolons or tabs.
        key: the study's key.

    Raises:
        UserError: a file cannot be read, a row is not an answer to an image of the study, or a reader gave two
            different answers to one image.
    """
    session_of = {image: number for number, images in zip(SESSIONS, key.sessions, strict=True) for image in images}
    found: dict[tuple[str, str], Answer] = {}
    for path in paths:
        for number, row in _rows(path):
            place = f"{path}: row {number}"
            if not any(row[column] for column in ("finding", "confidence", "quality")):
                continue
            answer = _answer(place, row, key, session_of)
            before = found.setdefault((answer.reader, answer.image), answer)
            if replace(before, place=answer.place) != answer:
                raise UserError(
                    f"{place}: {answer.reader} answers image {answer.image} otherwise than in {before.place}, expected "
                    "one answer to each image"
                )
    return list(found.values())


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """(row's number in the file, cell by column); the header is row 1."""
    expected = f"expected a CSV file with the columns {_HEADER}"
    content = read_at_most(path, _MOST_BYTES, expected)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 ({reason(error)}), {expected}") from error
    header = text.split("\n", 1)[0].strip()
    separator = next((mark for mark in ",;\t" if mark in header), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows = []
    try:
        for cells in reader:
            rows.append((reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise UserError(f"{path}: row {reader.line_num}: {reason(error)}, {expected}") from error
    if not rows or tuple(rows[0][1]) != COLUMNS:
        raise UserError(f"{path}: row 1: found {header[:120]!r}, {expected}")
    for number, cells in rows[1:]:
        if any(cells) and len(cells) != len(COLUMNS):
            raise UserError(f"{path}: row {number}: found {len(cells)} columns, expected {len(COLUMNS)}: {_HEADER}")
    return [(number, dict(zip(COLUMNS, cells, strict=True))) for number, cells in rows[1:] if any(cells)]


def _answer(place: str, row: dict[str, str], key: Key, session_of: dict[str, int]) -> Answer:
    image = row["image"].removesuffix(".png")
    if image not in session_of:
        raise UserError(f"{place}: found image {row['image']!r}, expected an image of study {key.study}")
    if row["session"] != str(session_of[image]):
        raise UserError(f"{place}: found session {row['session']!r}, expected {session_of[image]} for image {image}")
    if not row["reader"]:
        raise UserError(f"{place}: found no reader, expected a name or sign")
    spelled = {category.casefold(): category for category in key.categories}
    if row["finding"].casefold() not in spelled:
        raise UserError(f"{place}: found finding {row['finding']!r}, expected one of: {', '.join(key.categories)}")
    return Answer(
        row["reader"],
        image,
        session_of[image],
        spelled[row["finding"].casefold()],
        _grade(place, row, "confidence"),
        _grade(place, row, "quality"),
        _day(place, row["read_on"]),
        place,
    )


def _grade(place: str, row: dict[str, str], column: str) -> int:
    if row[column] not in map(str, _GRADES):
        raise UserError(f"{place}: found {column} {row[column]!r}, expected a whole number from 1 to 5")
    return int(row[column])


def _day(place: str, text: str) -> date:
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise UserError(f"{place}: found read_on {text!r}, expected a day as YYYY-MM-DD")
