"""`sr-tf doctor`: arguments, help and printing."""

import argparse
import json
import textwrap

from sr_tf.cli.arguments import Commands, add_command
from sr_tf.errors import UserError

_Rows = list[tuple[str, ...]]
_COLUMNS = 18, 12
_TEXT_WIDTH = 70


def add_commands(commands: Commands) -> None:
    """Adds `doctor`."""
    command = add_command(
        commands,
        "doctor",
        _doctor,
        "say what is installed, what is missing and what the machine has",
        "Says which extras are installed, for which commands they are needed and how to install them; the versions of "
        "engines and image libraries; and the machine's processor cores, memory and free disk. Exit code 2 if "
        "something is missing that verify, info or view needs for archives without networks. Research use only.",
        "sr-tf doctor",
    )
    command.add_argument("--json", action="store_true", help="print the same as JSON, sizes in bytes")


def _doctor(options: argparse.Namespace) -> None:
    from sr_tf.cli.doctor_report import examine, problems

    report = examine()
    print(json.dumps(report, indent=2) if options.json else _in_words(report))
    if found := problems(report):
        raise UserError("; ".join(found))


def _in_words(report: dict) -> str:
    versions: _Rows = [("sr_tf", report["sr_tf"]), ("Python", report["python"])]
    engines = [(name, version or "missing") for name, version in report["engines"].items()]
    libraries = [
        (name, library["version"] or f"missing: {library['error']}") for name, library in report["libraries"].items()
    ]
    blocks: tuple[_Rows, ...] = versions, _extras(report), [*engines, *libraries], _machine(report)
    return "\n\n".join(["\n".join(map(_line, block)) for block in blocks] + ["Research use only."])


def _line(cells: tuple[str, ...]) -> str:
    """Cells in columns of equal width in all blocks; the last is as long as it is."""
    return "".join(cell.ljust(width) for cell, width in zip(cells[:-1], _COLUMNS, strict=False)) + cells[-1]


def _extras(report: dict) -> _Rows:
    lacking = report["required"]["missing"]
    rows: _Rows = [("extra", "", "needed for")]
    rows.append(("(always needed)", "missing" if lacking else "installed", "all commands"))
    if lacking:
        rows += _remedy(lacking, report["required"]["install"])
    for name, extra in report["extras"].items():
        uses, *more = _wrapped(extra["needed_for"])
        rows.append((name, "installed" if extra["installed"] else "missing", uses))
        rows += [("", "", line) for line in more]
        if extra["install"]:
            rows += _remedy(extra["missing"], extra["install"])
    return rows


def _remedy(lacking: list[str], install: str) -> _Rows:
    return [("", "", line) for line in (*_wrapped(f"lacks {', '.join(lacking)}"), install)]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _TEXT_WIDTH, break_on_hyphens=False)


def _machine(report: dict) -> _Rows:
    present = [name for name, is_present in report["assets"].items() if is_present]
    memory, disk = report["memory"], report["disk"]
    return [
        ("NVIDIA GPU", f"seen ({report['nvidia_gpu']})" if report["nvidia_gpu"] else "none seen"),
        ("CPU cores", f"{report['cpu_cores']} usable"),
        ("memory", f"{_size(memory['total'])}, of which {_size(memory['available'])} available"),
        ("cache folder", f"{_size(disk['cache']['free'])} free in {disk['cache']['folder']}"),
        ("temporary folder", f"{_size(disk['temporary']['free'])} free in {disk['temporary']['folder']}"),
        ("fetched assets", f"{len(present)} of {len(report['assets'])} (see `sr-tf assets list`)"),
        ("generators", f"{report['shipped_generators']} shipped (see `sr-tf models`)"),
    ]


def _size(count: int | None) -> str:
    from sr_tf.disk.space import in_words

    return "not known" if count is None else in_words(count)
