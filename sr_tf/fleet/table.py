"""The table of a fleet: one row a slide, the totals of all rows, and the CSV file."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from sr_tf.fleet.record import Record
from sr_tf.messages import printable

COLUMNS = ("name", "state", "pixels", "megapixels", "source bytes", "archive bytes", "ratio", "quality",
           "worst tile PSNR (dB)", "worst tile SSIM", "seconds", "megapixels/s", "reason")  # fmt: skip
EXACT = "exact"
"""Stands for the PSNR of equal pixels, which is infinite."""
_GB = 1e9


@dataclass(frozen=True)
class Totals:
    """Sums over the slides of a table whose archives are complete.

    Attributes:
        done: number of these slides.
        failed: number of the others.
        pixels: number of their pixels.
        source_bytes: bytes of their files.
        archive_bytes: bytes of their archives.
        seconds: time spent on them, added over slides that ran at the same time.
        saved: what a year of storage costs less than that of their files.
    """

    done: int
    failed: int
    pixels: int
    source_bytes: int
    archive_bytes: int
    seconds: float
    saved: float

    @property
    def ratio(self) -> float:
        """How many times smaller the archives are; NaN without any."""
        return self.source_bytes / self.archive_bytes if self.archive_bytes else float("nan")


def totals(records: Mapping[str, Record], price: float) -> Totals:
    """Adds up a table.

    Args:
        records: the slides by the names of their archives.
        price: of 10⁹ bytes per month.
    """
    done = [record for record in records.values() if record.state == "done"]
    source, archive = sum(record.source_bytes for record in done), sum(record.archive_bytes for record in done)
    return Totals(
        done=len(done),
        failed=len(records) - len(done),
        pixels=sum(record.pixels for record in done),
        source_bytes=source,
        archive_bytes=archive,
        seconds=sum(record.seconds for record in done),
        saved=12 * price * (source - archive) / _GB,
    )


def row(name: str, record: Record) -> list[str]:
    """A slide's cells, one for each of `COLUMNS`; what is not known is empty."""
    name = printable(name).replace("\n", "\\n")
    if record.state != "done":
        return [name, record.state, *[""] * 8, f"{record.seconds:.1f}", "", printable(record.reason)]
    # Without a time, the archive is of a try whose end nobody saw, or of another command.
    timed = bool(record.seconds)
    return [
        name,
        record.state,
        str(record.pixels),
        f"{record.pixels / 1e6:.3f}",
        str(record.source_bytes),
        str(record.archive_bytes),
        f"{record.source_bytes / record.archive_bytes:.2f}",
        record.quality,
        EXACT if record.psnr is None else f"{record.psnr:.2f}",
        "" if record.ssim is None else f"{record.ssim:.4f}",
        f"{record.seconds:.1f}" if timed else "",
        f"{record.pixels / 1e6 / record.seconds:.3f}" if timed else "",
        "",
    ]


def to_csv(records: Mapping[str, Record]) -> str:
    """The table as CSV (RFC 4180) with headings."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(row(name, record) for name, record in records.items())
    return text.getvalue()
