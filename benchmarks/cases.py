"""Runs the reported cases (inputs that once failed) and prints what they give now.

    python benchmarks/cases.py --cases=FOLDER [--only=NAME,NAME]

FOLDER holds one folder a case, with its `case.md` and its files, and `forge.py`, which rebuilds archives with every
hash right. Each case runs `sr-tf` as a user does, in a scratch folder, with its time and memory watched. The exit code
is 1 if a case does not give what it should.
"""

import sys
import tempfile
import time
from pathlib import Path

from absl import app, flags
from reported import archives, others, outputs, reading, servers  # noqa: F401  they register their checks
from reported.case import CHECKS, Case, CaseError

flags.DEFINE_string("cases", None, "The folder of the cases.", required=True)
flags.DEFINE_list("only", [], "Names of cases, separated by commas; empty: all.")


def main(_) -> None:
    """Runs the checks and prints a table."""
    folder = Path(flags.FLAGS.cases).resolve()
    names = sorted(path.parent.name for path in folder.glob("*/case.md"))
    chosen = [name for name in names if not flags.FLAGS.only or name in flags.FLAGS.only]
    failed = 0
    print("| case | as expected | found | seconds |\n| --- | --- | --- | ---: |")
    for name in chosen:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as work:
            try:
                found, good = CHECKS[name](Case(folder / name, Path(work).resolve())), "yes"
            except (CaseError, KeyError, OSError, ValueError, TypeError, AttributeError, ImportError) as error:
                found, good = f"{type(error).__name__}: {error}", "**no**"
                failed += 1
            found = found.replace(str(Path(work).resolve()) + "/", "").replace("\n", " ").replace("|", "/")
        print(f"| {name} | {good} | {found[:300]} | {time.monotonic() - start:.0f} |", flush=True)
    print(f"\n{len(chosen) - failed} of {len(chosen)} cases as expected")
    sys.exit(failed > 0)


if __name__ == "__main__":
    app.run(main)
