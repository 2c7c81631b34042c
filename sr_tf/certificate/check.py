"""`sr-tf certificate --check`: whether a certificate belongs to an archive, and whether its figures hold."""

import io
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

import sr_tf
from sr_tf.archive.cells import CELL_SCORES
from sr_tf.archive.gate import UNITS_BY_VERSION, of_tiles, worst
from sr_tf.archive.reader import ArchiveFile
from sr_tf.certificate.facts import archive_facts
from sr_tf.certificate.page import pictures_of, record_of, to_html
from sr_tf.certificate.record import MADE_BY, CellFacts, Certificate, Pictures
from sr_tf.disk.files import read_at_most
from sr_tf.errors import UserError, reason

EXPECTED = "expected a page of `sr-tf certificate`"
_MOST_BYTES = 1 << 26
_LEVELS = 2
"""How far pixels may differ that another machine restored, in 8-bit levels."""
_PICTURES = ("original tile", "restored tile", "difference")
_SAME = 2e-3
"""How far a figure may be from the one that is measured again, relative to it."""
_STEPS = 2
"""How far a score may be from the archive's record, in units of the record."""


def read_certificate(path: Path) -> tuple[Certificate, Pictures, str]:
    """Reads a page.

    Returns:
        (the record in it, the pictures in it, the page).

    Raises:
        UserError: the file is not a certificate, or its record cannot be read.
    """
    content = read_at_most(path, _MOST_BYTES, EXPECTED)
    try:
        page = content.decode("utf-8")
        record = record_of(page)
        if record is None:
            raise UserError(f"{path}: has no record of a certificate in it, {EXPECTED}")
        return msgspec.json.decode(record, type=Certificate), pictures_of(page), page
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise UserError(f"{path}: {EXPECTED} ({reason(error)})") from error


def page_findings(path: Path, certificate: Certificate, pictures: Pictures, page: str) -> list[str]:
    """What a page shows that its record does not say, a line each.

    Raises:
        UserError: another version of sr_tf made the page, so it cannot be set again.
    """
    if certificate.made_by != f"{MADE_BY}, sr_tf {sr_tf.__version__}":
        raise UserError(
            f"{path}: was made by {certificate.made_by[:80]}, expected sr_tf {sr_tf.__version__}; only the version "
            "that made a page can tell whether it shows what its record says"
        )
    try:
        same = to_html(certificate, pictures) == page
    except KeyError:
        return [f"{path}: a picture is missing or was changed after the page was made"]
    except (ValueError, ArithmeticError, TypeError) as error:
        return [f"{path}: its record cannot be shown ({reason(error)})"]
    if same:
        return []
    return [
        f"{path}: is not the page that sr_tf {sr_tf.__version__} makes of its record: it was changed, or another state "
        "of the program made it"
    ]


def archive_findings(path: Path, certificate: Certificate, archive: ArchiveFile) -> list[str]:
    """How a certificate differs from what the archive's file says, a line each."""
    facts = archive_facts(archive)
    if certificate.archive.sha256 != facts.sha256:
        return [
            f"{path}: belongs to an archive of SHA-256 {certificate.archive.sha256[:12]}…, but {archive.path} has "
            f"{facts.sha256[:12]}…"
        ]
    found = [f"{path}: {line}" for line in differences(certificate.archive, facts, "archive")]
    recorded = {name: of_tiles(name, values) for name, values in archive.scores().items()}
    units = UNITS_BY_VERSION[archive.header.version]  # scores of cells are stated as they are kept
    stated = {one.name: one for one in certificate.scores}
    expected_names = dict.fromkeys([*recorded, *CELL_SCORES])
    if set(stated) != set(expected_names):
        return [*found, f"{path}: has the scores {', '.join(stated)}, expected {', '.join(expected_names)}"]
    for name, values in recorded.items():
        for which, expected in (("worst", worst(name, values)), ("median", float(np.median(values)))):
            given = getattr(stated[name], which)
            if not _near(math.inf if given is None else given, expected, _STEPS * units.get(name, 0.0)):
                found.append(f"{path}: {which} {name} is {given}, but the archive records {expected:g}")
    return found


def cell_findings(path: Path, certificate: Certificate, cells: CellFacts) -> list[str]:
    """How the counts of cells on a certificate differ from those that `sr-tf validate` found, a line each."""
    return [f"{path}: {line}" for line in differences(certificate.cells, cells, "cells")]


def measured_findings(
    path: Path, first: tuple[Certificate, Pictures], again: tuple[Certificate, Pictures]
) -> list[str]:
    """How a certificate differs from one that was made now, a line each.

    Args:
        path: the certificate's file.
        first: the certificate and its pictures.
        again: what is measured now.
    """
    (old, old_pictures), (new, new_pictures) = first, again
    found = list(differences(_comparable(old), _comparable(new), "certificate"))
    for one, other in zip([*old.shown, *old.detail.shown], [*new.shown, *new.detail.shown], strict=False):
        at = f"at {other.place[0]}, {other.place[1]}"
        for name, given, expected in zip(_PICTURES, one.pictures, other.pictures, strict=True):
            levels = _LEVELS * (new.factor if name == _PICTURES[-1] else 1)
            if not _alike(old_pictures.get(given), new_pictures[expected], levels):
                found.append(f"the picture of the {name} {at} is another one")
    return [f"{path}: {line}" for line in found]


def _comparable(certificate: Certificate) -> Certificate:
    """Without what may differ: date, names, hashes of pictures, and counts of cells, which need the finder."""
    shown, patches = (
        [msgspec.structs.replace(one, pictures=("", "", "")) for one in tiles]
        for tiles in (certificate.shown, certificate.detail.shown)
    )
    detail = msgspec.structs.replace(certificate.detail, shown=patches)
    return msgspec.structs.replace(
        certificate,
        made="",
        made_by="",
        archive_name="",
        shown=shown,
        detail=detail,
        cells=None,
        not_measured=[],
        red_cells=None,
    )


def differences(found: object, expected: object, where: str) -> Iterator[str]:
    """The places where two records differ, in words; numbers that are nearly equal do not."""
    if isinstance(expected, msgspec.Struct) and type(found) is type(expected):
        for name in expected.__struct_fields__:
            yield from differences(getattr(found, name), getattr(expected, name), f"{where}.{name}")
    elif isinstance(expected, dict) and isinstance(found, dict) and set(found) == set(expected):
        for name in expected:
            yield from differences(found[name], expected[name], f"{where}.{name}")
    elif isinstance(expected, list | tuple) and isinstance(found, list | tuple) and len(found) == len(expected):
        for index, pair in enumerate(zip(found, expected, strict=True)):
            yield from differences(*pair, f"{where}[{index}]")
    elif isinstance(expected, float) and isinstance(found, float):
        if not _near(found, expected, _SAME * max(1.0, abs(expected))):
            yield f"{where} is {found:g}, expected {expected:g}"
    elif found != expected:
        yield f"{where} is {str(found)[:60]!r}, expected {str(expected)[:60]!r}"


def _near(found: float, expected: float, tolerance: float) -> bool:
    return found == expected or abs(found - expected) <= tolerance


def _alike(png: bytes | None, other: bytes, levels: int) -> bool:
    """Whether two pictures have the same pixels but for some 8-bit levels."""
    if png is None:
        return False
    try:
        first, second = (Image.open(io.BytesIO(one), formats=["PNG"]) for one in (png, other))
        if (first.size, first.mode) != (second.size, second.mode):
            return False
        return int(np.abs(np.asarray(first, int) - np.asarray(second, int)).max(initial=0)) <= levels
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
