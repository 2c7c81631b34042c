"""Workers and drivers that die: slides are tried again, and none is archived twice."""

import os
import signal
import time

import pytest
from fleets import alive, begin, draw, fleet, journals, table, wait_until, workers

from sr_tf.archive.integrity import check_integrity

pytestmark = pytest.mark.long


@pytest.fixture
def large(tmp_path):
    """A slide of four blocks, which takes some seconds."""
    return draw(tmp_path / "slides" / "large.png", 1, 1024, 1024)


def finish(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def test_a_killed_worker_is_tried_again(large, tmp_path):
    draw(large.with_name("small.png"), 2)
    out = tmp_path / "out"
    process = begin(large.parent, "--out", out)
    wait_until(lambda: (out / "small.sr.zip").exists() and journals(out) and len(workers(process.pid)) == 1)
    os.kill(workers(process.pid)[0], signal.SIGKILL)
    code, said, err = finish(process)
    assert (code, err) == (0, "")
    assert "begun again      1" in said
    assert check_integrity(out / "large.sr.zip") == []
    assert table(out)["large.sr.zip"]["state"] == "done"


def test_a_slide_whose_worker_always_dies_fails_and_can_be_tried_again(large, tmp_path):
    out = tmp_path / "out"
    process = begin(large, "--out", out, "--tries", "2")
    killed = set()
    while process.poll() is None:
        for worker in set(workers(process.pid)) - killed:
            os.kill(worker, signal.SIGKILL)
            killed.add(worker)
        time.sleep(0.01)
    code, said, err = finish(process)
    assert (code, len(killed)) == (2, 2)
    assert "large.sr.zip: its process was ended by SIGKILL" in err
    assert "in the last of 2 tries" in err
    assert "begun again      1" in said
    assert fleet(large, "--out", out).returncode == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_fleet_goes_on(large, tmp_path, how):
    for seed in range(3):
        draw(large.with_name(f"small-{seed}.png"), seed)
    out = tmp_path / "out"
    process = begin(large.parent, "--out", out)
    wait_until(lambda: journals(out) and (out / "small-0.sr.zip").exists())
    running = workers(process.pid)
    process.send_signal(how)
    start = time.monotonic()
    assert process.wait(timeout=60) == (130 if how == signal.SIGINT else -how)
    assert time.monotonic() - start < 10
    wait_until(lambda: not any(map(alive, running)), 10)
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.glob("*.sr.zip")}
    assert before
    done = fleet(large.parent, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    after = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.glob("*.sr.zip")}
    assert len(after) == 4
    assert before.items() <= after.items()
    assert f"complete before  {len(before)}" in done.stdout
    process.communicate()


def test_an_archive_that_a_killed_driver_did_not_note_is_kept(large, tmp_path):
    """The state says that it was begun; the archive is complete."""
    out = tmp_path / "out"
    source = draw(large.with_name("small.png"), 2)
    assert fleet(source, "--out", out, "--deidentify").returncode == 0
    state = out / "fleet.json"
    state.write_text(state.read_text().replace('"state": "done"', '"state": "running"'))
    before = (out / "small.sr.zip").stat()
    done = fleet(source, "--out", out, "--deidentify")
    assert (done.returncode, done.stderr) == (0, "")
    after = (out / "small.sr.zip").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert '"state": "done"' in state.read_text()


def test_a_slide_that_changes_fails_and_the_others_do_not(large, tmp_path):
    """A slide that is replaced while it is archived fails by name."""
    draw(large.with_name("small.png"), 2)
    out = tmp_path / "out"
    process = begin(large.parent, "--out", out)
    wait_until(lambda: journals(out))
    draw(large, 3, 1024, 1024)
    code, _, err = finish(process)
    assert code == 2
    assert f"{large}: changed while it was read" in err
    assert check_integrity(out / "small.sr.zip") == []


def test_it_runs_without_a_framework(large, tmp_path):
    """Neither the driver nor its workers import one."""
    source = draw(large.with_name("small.png"), 2)
    hidden = tmp_path / "hidden"
    for name in ("tensorflow", "keras"):
        (hidden / name).mkdir(parents=True)
        (hidden / name / "__init__.py").write_text("raise ImportError('hidden')")
    paths = os.pathsep.join([str(hidden), os.environ.get("PYTHONPATH", "")])
    for quality in ("visual", "lossless"):
        done = fleet(source, "--out", tmp_path / quality, "--quality", quality, env=os.environ | {"PYTHONPATH": paths})
        assert (done.returncode, done.stderr) == (0, ""), done
