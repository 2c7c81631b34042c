"""Readers that answer as a test says."""

from datetime import date, timedelta
from pathlib import Path

from sr_tf.reader_study.answers import COLUMNS
from sr_tf.reader_study.key import Case, Key

SIDE, CASES = 128, 12
FIRST = date(2026, 1, 5)


def answer_file(path: Path, key: Key, reader: str, find, gap: int = 14, sessions=(1, 2)) -> Path:
    """Writes a reader's answers; `find(case, restored)` gives the finding, or None for an image that was not read."""
    lines = [",".join(COLUMNS)]
    shown = key.of_image()
    for session in sessions:
        day = FIRST + timedelta(gap * (session - 1))
        for number, image in enumerate(key.sessions[session - 1], 1):
            finding = find(*shown[image])
            rest = [finding, "4", "5" if not shown[image][1] else "3", day.isoformat(), reader] if finding else [""] * 5
            lines.append(",".join([str(session), str(number), image, *rest]))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def by_parity(case: Case, restored: bool) -> str:
    """The same finding in both forms."""
    return ("normal", "abnormal")[case.number % 2]


def one_differs(case: Case, restored: bool) -> str:
    """The first case is abnormal when restored and cannot be judged in the original."""
    return by_parity(case, restored) if case.number > 1 or restored else "cannot say"
