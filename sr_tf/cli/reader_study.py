"""`sr-tf reader-kit` and `reader-results`: arguments, help and actions."""

import argparse
import os
import secrets
from datetime import date, timedelta
from pathlib import Path

from sr_tf.cli import arguments
from sr_tf.cli.arguments import Commands, add_command
from sr_tf.disk.outputs import OutputKind, check_outputs
from sr_tf.errors import UserError
from sr_tf.messages import tell, text_table

_CATEGORIES = ("normal", "abnormal", "cannot say")
_CASES, _FIELD, _WASHOUT = 60, 1024, 14
_SMALLEST_FIELD, _LARGEST_FIELD = 128, 4096
_PAGE = OutputKind("a page of `sr-tf reader-results`", (b"<!doctype html>",), b"sr-tf reader-results")
_RECORD = OutputKind("a record of `sr-tf reader-results`", (b"{",), b"sr-tf reader-results")
_GUIDELINE = (
    "the guideline of the College of American Pathologists for whole-slide imaging (Evans et al. 2022: 60 cases, "
    "two weeks, 95 %)"
)


def add_commands(commands: Commands) -> None:
    """Adds `reader-kit` and `reader-results`."""
    _add_kit(commands)
    _add_results(commands)


def _add_kit(commands: Commands) -> None:
    command = add_command(
        commands,
        "reader-kit",
        _kit,
        "prepare a blinded study: do readers find the same in original and restored fields?",
        "Draws fields with tissue or cells at random from slides and their archives, and writes a folder: reader/ for "
        "the readers, with a page that needs no server, the images, and CSV forms for those who prefer a table; and "
        "key.json, which says what each image is. Readers must not get the key. Each case is shown once in each of two "
        "sessions, in one as the original and in the other restored, in orders of their own. The page opens the second "
        f"session after the washout. Numbers follow {_GUIDELINE}. Research use only.",
        "sr-tf reader-kit a.sr.zip b.sr.zip --against a.svs b.svs --out study",
        notes="Fields do not overlap and come from all slides as evenly as these allow. Nothing that readers get names "
        "a slide; key.json does.",
    )
    command.add_argument("archives", type=Path, nargs="+", metavar="ARCHIVE", help="files that `sr-tf archive` wrote")
    command.add_argument(
        "--against", type=Path, nargs="+", required=True, metavar="SLIDE", help="the slide of each, in the same order"
    )
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder for the study")
    command.add_argument(
        "--cases", type=_at_least_two, default=_CASES, metavar="N", help=f"number of fields (default {_CASES})"
    )
    command.add_argument(
        "--field",
        type=_field,
        default=_FIELD,
        metavar="PIXELS",
        help=f"side of a field, {_SMALLEST_FIELD} to {_LARGEST_FIELD} (default {_FIELD})",
    )
    command.add_argument(
        "--categories",
        type=_categories,
        default=_CATEGORIES,
        metavar="NAMES",
        help=f"findings to choose from, two to nine, separated by commas (default {','.join(_CATEGORIES)})",
    )
    command.add_argument(
        "--washout",
        type=arguments.whole,
        default=_WASHOUT,
        metavar="DAYS",
        help=f"days between the sessions (default {_WASHOUT})",
    )
    command.add_argument(
        "--seed",
        type=arguments.whole,
        metavar="N",
        help="of everything that is drawn; who knows it can compute the key (default: drawn, and kept in the key)",
    )
    arguments.add_own_models(command)
    arguments.add_engine(command)


def _add_results(commands: Commands) -> None:
    command = add_command(
        commands,
        "reader-results",
        _results,
        "evaluate the answers of such a study",
        "Compares what each reader said of the original and of the restored image of each case: concordance with its "
        "95 % interval (Wilson), Cohen's κ with a bootstrap interval, image quality and confidence; for each reader "
        f"and for all together, beside {_GUIDELINE}. Writes a page with every case in which the findings differ, and "
        "a JSON file of the same name. Research use only.",
        "sr-tf reader-results study answers-session-1-AB.csv answers-session-2-AB.csv",
    )
    command.add_argument("folder", type=Path, metavar="FOLDER", help="what `sr-tf reader-kit` wrote")
    command.add_argument("answers", type=Path, nargs="+", metavar="CSV", help="answers of one or several readers")
    command.add_argument("--out", type=Path, metavar="HTML", help="the page to write (default: FOLDER/results.html)")
    arguments.add_overwrite(command, "HTML and JSON files")


def _kit(options: argparse.Namespace) -> None:
    from sr_tf.reader_study.key import GUIDELINE_CASES, GUIDELINE_WASHOUT
    from sr_tf.reader_study.kit import Settings, make_kit, require_new

    require_new(options.out)
    seed = secrets.randbits(40) if options.seed is None else options.seed
    settings = Settings(options.cases, options.field, tuple(options.categories), options.washout, seed)
    key = make_kit(options.archives, options.against, options.out, settings, tuple(options.models), options.engine)
    if options.cases < GUIDELINE_CASES or options.washout < GUIDELINE_WASHOUT:
        tell(f"{options.out}: {options.cases} cases, {options.washout} days; fewer than {_GUIDELINE} asks for")
    opens = date.fromisoformat(key.made) + timedelta(key.washout)
    print(f"{options.out / 'reader'}: for the readers; the whole folder, to open index.html in a browser")
    print(f"{options.out / 'key.json'}: keep it from them; its SHA-256 is in their folder")
    print(f"session 1 from today, session 2 after {key.washout} days: from {opens} for who finishes session 1 today")
    print(f"then: sr-tf reader-results {options.out} ANSWERS.csv …")


def _results(options: argparse.Namespace) -> None:
    from sr_tf.disk.files import write_atomically
    from sr_tf.reader_study.answers import read_answers
    from sr_tf.reader_study.concordance import all_concordances, pair_answers
    from sr_tf.reader_study.key import KEY_NAME, read_key
    from sr_tf.reader_study.results import HEADINGS, RESEARCH_ONLY, row, shortfalls, to_json
    from sr_tf.reader_study.results_page import to_html

    page = options.out or options.folder / "results.html"
    record = page.with_suffix(".json")
    inputs = {"file of answers": options.answers, "key": options.folder / KEY_NAME}
    check_outputs([page], _PAGE, inputs, options.overwrite)
    check_outputs([record], _RECORD, inputs, options.overwrite)
    key, sealed = read_key(options.folder)
    pairs, unread = pair_answers(read_answers(options.answers, key), key)
    if not any(pairs.values()):
        raise UserError(
            f"{options.answers[0]}: no reader answered a case in both sessions, expected the answers of both"
        )
    found = all_concordances(pairs, unread, key)
    print(text_table([HEADINGS, *(row(one, key) for one in found)]))
    for line in shortfalls(found):
        tell(line)
    relative = os.path.relpath(options.folder, page.absolute().parent)
    write_atomically(page, to_html(key, sealed, found, pairs, "" if relative == "." else f"{relative}/"))
    write_atomically(record, to_json(key, sealed, found, pairs))
    print(f"{page}: every case in which the findings differ, with pictures\n{record}: the same in numbers")
    print(RESEARCH_ONLY)


def _at_least_two(text: str) -> int:
    return arguments.whole(text, least=2)


def _field(text: str) -> int:
    if not text.isdecimal() or not _SMALLEST_FIELD <= int(text) <= _LARGEST_FIELD:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, expected a whole number from {_SMALLEST_FIELD} to {_LARGEST_FIELD}"
        )
    return int(text)


def _categories(text: str) -> tuple[str, ...]:
    """Splits a text at commas into two to nine different names."""
    found = tuple(" ".join(name.split()) for name in text.split(","))
    if not 2 <= len(found) <= 9 or not all(found) or len({name.casefold() for name in found}) < len(found):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected two to nine different names, separated by commas")
    return found
