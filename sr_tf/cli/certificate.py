"""`sr-tf certificate`: arguments, help and action."""

import argparse
from pathlib import Path

from sr_tf.cells.names import CHOICES
from sr_tf.cli import arguments
from sr_tf.cli.arguments import Commands, add_command
from sr_tf.disk.outputs import OutputKind, check_outputs
from sr_tf.errors import UserError, missing_extra
from sr_tf.generators.names import model_files
from sr_tf.messages import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sr_tf.certificate.record import CellFacts

_PAGE = OutputKind("a page of `sr-tf certificate`", (b"<!doctype html>",), b"sr-tf certificate")
_PDF = OutputKind("a PDF of `sr-tf certificate`", (b"%PDF-",), b"sr-tf certificate")
_TOLD = 20


def add_commands(commands: Commands) -> None:
    """Adds `certificate`."""
    command = add_command(
        commands,
        "certificate",
        _certificate,
        "write down what an archive keeps of its slide, on one page that can be checked",
        "Checks every byte of an archive, restores every block, compares all tiles with the original and writes one "
        "HTML page: identity and hashes, the gate, scores, how blocks are stored, the worst tiles at 1:1, and what was "
        "not measured. An archive that `sr-tf verify --against` would refuse gets none. With --check, says whether a "
        "page belongs to an archive, shows what its record says, and agrees with the scores in the archive; with "
        "--against too, everything is measured again. Research use only.",
        "sr-tf certificate slide.sr.zip --against slide.svs --out slide.html",
    )
    command.add_argument("archive", type=Path, metavar="ARCHIVE", help="a file that `sr-tf archive` wrote")
    command.add_argument("--against", type=Path, metavar="SLIDE", help="the original slide; not needed with --check")
    command.add_argument(
        "--out",
        type=Path,
        metavar="HTML",
        help="the page to write (default: the archive's name with .certificate.html)",
    )
    command.add_argument(
        "--pdf", action="store_true", help="write a PDF of the same name too; needs the extra evaluate"
    )
    given = command.add_mutually_exclusive_group()
    given.add_argument(
        "--cells",
        choices=CHOICES,
        help="count red cells or nuclei as `sr-tf validate --cells` does, and put the counts on the page",
    )
    given.add_argument(
        "--validation",
        type=Path,
        metavar="JSON",
        help="put these results of `sr-tf validate` on the page; with --check, compare the page with them",
    )
    command.add_argument("--check", type=Path, metavar="HTML", help="check this certificate instead of writing one")
    arguments.add_overwrite(command, "HTML and PDF files")
    arguments.add_own_models(command)
    arguments.add_engine(command)
    arguments.add_workers(command)


def _certificate(options: argparse.Namespace) -> None:
    if options.check:
        for name in ("out", "pdf", "cells"):
            if getattr(options, name):
                raise UserError(f"--check: writes nothing, expected no --{name} with it")
        _check(options)
    elif not options.against:
        raise UserError("--against: is missing, expected the original slide, or --check with a certificate")
    else:
        _write(options)


def _write(options: argparse.Namespace) -> None:
    page = options.out or options.archive.with_name(f"{options.archive.name}.certificate.html")
    pdf = page.with_suffix(".pdf")
    inputs = {"archive": options.archive, "slide": options.against, "generator": model_files(options.models)}
    if options.validation:
        inputs["record of `sr-tf validate`"] = options.validation
    check_outputs([page], _PAGE, inputs, options.overwrite)
    to_pdf = None
    if options.pdf:
        check_outputs([pdf], _PDF, inputs, options.overwrite)
        try:
            from sr_tf.certificate.pdf import to_pdf
        except ModuleNotFoundError as error:
            raise missing_extra("evaluate", error) from error

    from sr_tf.certificate.certify import certify
    from sr_tf.certificate.content import verdict
    from sr_tf.certificate.page import to_html
    from sr_tf.certificate.record import NOTE
    from sr_tf.disk.files import write_atomically

    models, cells = tuple(options.models), _cells(options)
    made = certify(options.archive, options.against, models, options.engine, options.workers, cells)
    write_atomically(page, to_html(*made))
    if to_pdf:
        write_atomically(pdf, to_pdf(*made))
    print(verdict(made[0]))
    print(*(f"{path}: the certificate" for path in (page, *([pdf] if to_pdf else []))), sep="\n")
    print(NOTE)


def _cells(options: argparse.Namespace) -> "CellFacts | None":
    """The results of `sr-tf validate` that the user gave, or asked for."""
    if not options.validation and not options.cells:
        return None
    from sr_tf.archive.reader import ArchiveFile
    from sr_tf.certificate.cells import count_cells, read_cells

    if options.cells:
        return count_cells(options.archive, options.against, tuple(options.models), options.engine, options.cells)
    with ArchiveFile(options.archive) as archive:
        return read_cells(options.validation, archive.sha256())


def _check(options: argparse.Namespace) -> None:
    from sr_tf.archive.reader import ArchiveFile
    from sr_tf.certificate.certify import certify
    from sr_tf.certificate.check import (
        archive_findings,
        cell_findings,
        measured_findings,
        page_findings,
        read_certificate,
    )

    path, cells = options.check, _cells(options)
    certificate, pictures, page = read_certificate(path)
    with ArchiveFile(options.archive) as archive:
        findings = archive_findings(path, certificate, archive)
    if not findings:
        print(f"{path}: belongs to {options.archive}; its scores are those that the archive records")
        findings = page_findings(path, certificate, pictures, page)
    if not findings and cells:
        findings = cell_findings(path, certificate, cells)
    if not findings:
        print(f"{path}: shows what its record says")
        if certificate.cells and not cells:
            print(
                f"{path}: its counts of {certificate.cells.counted} were not checked; --validation compares them with "
                "`sr-tf validate`'s"
            )
        if options.against:
            models = tuple(options.models)
            again = certify(options.archive, options.against, models, options.engine, options.workers)
            findings = measured_findings(path, (certificate, pictures), again)
            if not findings:
                print(f"{path}: measured again against {options.against}, with the same results")
    for finding in findings[:_TOLD]:
        tell(finding)
    if findings:
        raise UserError(f"{path}: {len(findings)} findings; expected the certificate of {options.archive}")
