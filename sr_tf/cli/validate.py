"""`sr-tf validate`: arguments, help and action."""

import argparse
from pathlib import Path

from sr_tf.cells.names import AUTO, CHOICES
from sr_tf.cli import arguments
from sr_tf.cli.arguments import Commands, add_command
from sr_tf.disk.outputs import OutputKind, check_outputs
from sr_tf.generators.names import model_files
from sr_tf.messages import text_table

_PAGE = OutputKind("a page of `sr-tf validate`", (b"<!doctype html>",), b"sr-tf validate")
_RECORD = OutputKind("a record of `sr-tf validate`", (b"{",), b"sr-tf validate")


def add_commands(commands: Commands) -> None:
    """Adds `validate`."""
    command = add_command(
        commands,
        "validate",
        _validate,
        "count red cells or nuclei in a slide and in its archive",
        "Finds the red cells of a blood smear, or the nuclei of tissue in H&E, in the slide and in its archive, and "
        "compares counts (bias, limits of agreement), types of red cells (Cohen's κ) and each of them; the same for "
        "the slide coded as JPEG, and as AVIF and by bicubic interpolation at the archive's bytes. For each, says up "
        "to which frequency detail is kept (local Fourier ring correlation with the original), and what is lost and "
        "invented beyond. Writes a page with a picture of every one that differs, and a JSON file of the same name. "
        "Red cells are found by a small network that expects smears at 1000×, with cells 35 to 50 pixels wide; nuclei "
        "by colour deconvolution and watershed. Research use only.",
        "sr-tf validate slide.sr.zip --against slide.svs",
    )
    command.add_argument("archive", type=Path, metavar="ARCHIVE", help="a file that `sr-tf archive` wrote")
    command.add_argument("--against", type=Path, metavar="SLIDE", required=True, help="the original slide")
    command.add_argument(
        "--out", type=Path, metavar="HTML", help="the page to write (default: the archive's name with .cells.html)"
    )
    command.add_argument(
        "--cells",
        choices=CHOICES,
        default=AUTO,
        help="what to count: red cells, nuclei, or by the slide's resolution: nuclei if it states 0.22 to 1.1 µm per "
        f"pixel, otherwise red cells (default {AUTO})",
    )
    arguments.add_overwrite(command, "HTML and JSON files")
    arguments.add_own_models(command)
    arguments.add_engine(command)


def _validate(options: argparse.Namespace) -> None:
    page = options.out or options.archive.with_name(f"{options.archive.name}.cells.html")
    record = page.with_suffix(".json")
    inputs = {"archive": options.archive, "slide": options.against, "generator": model_files(options.models)}
    check_outputs([page], _PAGE, inputs, options.overwrite)
    check_outputs([record], _RECORD, inputs, options.overwrite)

    from sr_tf.disk.files import write_atomically
    from sr_tf.validation import detail
    from sr_tf.validation.page import to_html
    from sr_tf.validation.table import RESEARCH_ONLY, headings, row, to_json
    from sr_tf.validation.validate import validate

    result = validate(options.archive, options.against, tuple(options.models), options.engine, options.cells)
    rows = [row(method.name, method.rate, method.tally, result.typed) for method in result.methods]
    print(text_table([headings(result.typed), *rows]))
    print(text_table([detail.HEADINGS, *(detail.row(one.name, one.detail(), result.mpp) for one in result.methods)]))
    write_atomically(page, to_html(result))
    write_atomically(record, to_json(result))
    print(f"{page}: the {result.counted} that differ, with pictures\n{record}: the same in numbers")
    print(RESEARCH_ONLY)
