"""Fleets on Ray: a cluster of two nodes on this machine, and workers that die."""

import contextlib
import importlib.util
import os
import signal
from pathlib import Path

import pytest
from fleets import begin, draw, fleet, journals, table, wait_until

from sr_tf.archive.integrity import check_integrity

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra `ray`"),
]


@pytest.fixture(scope="module")
def cluster():
    """The address of two nodes with one core each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    both = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    both.add_node(num_cpus=1)
    yield both.address
    both.shutdown()


def ray_workers():
    """The processes on this machine that archive a slide as a Ray task."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if command.read_bytes().startswith(b"ray::attempt"):
                found.append(int(command.parent.name))
    return found


def test_a_cluster_archives_the_slides_and_skips_them_later(cluster, tmp_path):
    for seed in range(4):
        draw(tmp_path / "slides" / f"{seed}.png", seed)
    (tmp_path / "slides" / "damaged.svs").write_bytes(b"II*\0 no TIFF")
    out = tmp_path / "out"
    done = fleet(tmp_path / "slides", "--out", out, "--ray", cluster)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith(f"{tmp_path / 'slides' / 'damaged.svs'}: ")
    assert {name: row["state"] for name, row in table(out).items()} == {
        "0.sr.zip": "done", "1.sr.zip": "done", "2.sr.zip": "done", "3.sr.zip": "done", "damaged.sr.zip": "failed",
    }  # fmt: skip
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.sr.zip")}
    assert all(check_integrity(path) == [] for path in before)
    # Either engine goes on with what the other one did.
    (tmp_path / "slides" / "damaged.svs").unlink()
    for engine in (["--ray", cluster], []):
        done = fleet(tmp_path / "slides", "--out", out, *engine)
        assert (done.returncode, "complete before  4" in done.stdout) == (0, True), done.stderr
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.sr.zip")} == before


def test_a_killed_task_is_tried_again(cluster, tmp_path):
    large, out = draw(tmp_path / "large.png", 1, 1024, 1024), tmp_path / "out"
    process = begin(large, "--out", out, "--ray", cluster)
    wait_until(lambda: journals(out) and ray_workers())
    os.kill(ray_workers()[0], signal.SIGKILL)
    said, err = process.communicate(timeout=300)
    assert (process.returncode, "begun again      1" in said) == (0, True), err
    assert check_integrity(out / "large.sr.zip") == []


def test_ray_is_started_on_this_machine_and_ended(tmp_path):
    out = tmp_path / "out"
    process = begin(draw(tmp_path / "large.png", 1, 1024, 1024), "--out", out, "--ray")
    wait_until(lambda: journals(out) and ray_workers())
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    wait_until(lambda: not ray_workers(), 30)
    process.communicate()
    done = fleet(tmp_path / "large.png", "--out", out, "--ray")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not ray_workers(), 30)


def test_a_cluster_that_does_not_answer_is_an_error(tmp_path):
    done = fleet(draw(tmp_path / "one.png", 1), "--out", tmp_path / "out", "--ray", "127.0.0.1:9")
    assert done.returncode == 2
    assert "--ray 127.0.0.1:9: Ray cannot be used" in done.stderr.splitlines()[-1]


def test_more_threads_than_a_node_has_are_an_error(cluster, tmp_path):
    done = fleet(draw(tmp_path / "one.png", 1), "--out", tmp_path / "out", "--ray", cluster, "--workers", "2")
    assert done.returncode == 2
    assert "--workers=2: no node has as many cores, expected at most 1" in done.stderr
