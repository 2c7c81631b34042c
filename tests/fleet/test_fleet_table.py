"""The totals of a table, and how many slides run at once."""

import pytest

from sr_tf.fleet import processes
from sr_tf.fleet.page import facts
from sr_tf.fleet.record import Record
from sr_tf.fleet.table import COLUMNS, row, to_csv, totals

LARGE = Record(
    "done", "/s/large.svs", {}, seconds=50.0, width=10_000, height=5_000, source_bytes=3 * 10**9,
    archive_bytes=10**9, quality="visual", psnr=34.2, ssim=0.91,
)  # fmt: skip
EXACT = Record(
    "done", "/s/exact.svs", {}, width=100, height=100, source_bytes=10**6, archive_bytes=5 * 10**5,
    quality="lossless", ssim=1.0,
)  # fmt: skip
FAILED = Record("failed", "/s/bad.svs", {}, seconds=1.0, reason="/s/bad.svs: is empty")
ALL = {"large.sr.zip": LARGE, "exact.sr.zip": EXACT, "bad.sr.zip": FAILED}


def test_totals_are_those_of_complete_archives():
    all_ = totals(ALL, price=0.02)
    assert (all_.done, all_.failed, all_.pixels) == (2, 1, 50_010_000)
    assert (all_.source_bytes, all_.archive_bytes, all_.seconds) == (3_001_000_000, 1_000_500_000, 50.0)
    assert all_.ratio == pytest.approx(2.9995, abs=1e-4)
    assert all_.saved == pytest.approx(12 * 0.02 * 2.0005)
    assert ("saved a year", "0.48") in facts(ALL, 0.02)
    assert ("ratio", "–") in facts({"bad.sr.zip": FAILED}, 0.02)


def test_rows_leave_out_what_is_not_known():
    cells = {name: dict(zip(COLUMNS, row(name, record), strict=True)) for name, record in ALL.items()}
    assert cells["large.sr.zip"]["megapixels/s"] == "1.000"
    assert (cells["exact.sr.zip"]["worst tile PSNR (dB)"], cells["exact.sr.zip"]["seconds"]) == ("exact", "")
    failed = {column: cell for column, cell in cells["bad.sr.zip"].items() if cell}
    assert failed == {"name": "bad.sr.zip", "state": "failed", "seconds": "1.0", "reason": "/s/bad.svs: is empty"}
    assert to_csv(ALL).splitlines()[0] == ",".join(COLUMNS)


@pytest.mark.parametrize(
    ("cores", "gigabytes", "workers", "slides"), [(8, 100, 2, 4), (8, 5, 2, 2), (8, 1, 2, 1), (2, 100, 4, 1)]
)
def test_cores_and_memory_decide_how_many_slides_run_at_once(monkeypatch, cores, gigabytes, workers, slides):
    monkeypatch.setattr(processes, "usable_cores", lambda: cores)
    monkeypatch.setattr(processes, "free_memory", lambda: gigabytes * 10**9)
    assert processes.default_slides_at_once(workers) == slides


def test_free_memory_is_that_of_this_machine():
    assert 10**7 < processes.free_memory() < 10**14
