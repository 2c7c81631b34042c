import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spools import A, contents, filled, refused

from sr_tf.disk import spool as module
from sr_tf.disk.spool import Spool
from sr_tf.errors import UserError

KEYS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4).map(tuple)
FEW_KEYS = st.one_of(KEYS, st.sampled_from([(0,), (0, 0), (1, 2, 3), (0, 0, 0, 0)]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.tuples(FEW_KEYS, st.binary(max_size=300))), st.integers(0, 20), st.text())
def test_get_returns_the_last_payload_now_and_after_reopening(tmp_path, puts, cut, text):
    expected = {}
    path = tmp_path / "spool"
    path.unlink(missing_ok=True)
    for part in (puts[:cut], puts[cut:]):
        with Spool(path, {text: [text, 1.5], "b": {"c": None}}) as spool:
            assert contents(spool) == expected
            for key, payload in part:
                assert (key in spool) == (key in expected)
                spool.put(key, payload)
                expected[key] = payload
            assert contents(spool) == expected
            assert len(spool) == len(expected)
    with Spool(path, {text: [text, 1.5], "b": {"c": None}}) as spool:
        assert contents(spool) == expected
        spool.remove()
    assert not path.exists()


def test_an_absent_key(tmp_path):
    with Spool(tmp_path / "spool", A) as spool:
        spool.put((1,), b"x")
        assert (1, 0) not in spool
        with pytest.raises(KeyError):
            spool.get((1, 0))


@pytest.mark.parametrize("key", [(), (1, 2, 3, 4, 5), (-1,), (2**32,), ("a",), (1.0,)])
def test_keys_that_are_not_allowed(tmp_path, key):
    with Spool(tmp_path / "spool", A) as spool:
        with pytest.raises(ValueError, match="key"):
            spool.put(key, b"x")
        assert len(spool) == 0


def test_a_last_record_cut_at_any_byte(tmp_path):
    whole = {(1, 2): b"first", (3,): b"second" * 5}
    kept = filled(tmp_path / "spool", whole).stat().st_size
    content = filled(tmp_path / "spool", {(1, 2): b"third, which replaces the first"}).read_bytes()
    for length in range(kept, len(content)):
        path = tmp_path / "cut"
        path.write_bytes(content[:length])
        with Spool(path, A) as spool:
            assert contents(spool) == whole
            assert path.stat().st_size == kept
            spool.put((9,), b"after")
        with Spool(path, A) as spool:
            assert contents(spool) == {**whole, (9,): b"after"}


def test_a_flipped_bit_in_any_byte(tmp_path):
    first = {(1, 2): b"first"}
    kept = filled(tmp_path / "spool", first).stat().st_size
    content = filled(tmp_path / "spool", {(3,): b"second", (4, 5): b""}).read_bytes()
    second = filled(tmp_path / "other", {**first, (3,): b"second"}).stat().st_size
    start = filled(tmp_path / "empty", {}).stat().st_size
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path = tmp_path / "damaged"
        path.write_bytes(damaged)
        if place < start:
            refused(path, A)
            continue
        with Spool(path, A) as spool:
            if place >= second:
                assert contents(spool) == {**first, (3,): b"second"}
            elif place >= kept:
                assert contents(spool) == first
            else:
                assert len(spool) == 0


def test_damage_while_it_is_open(tmp_path):
    path = tmp_path / "spool"
    start = filled(tmp_path / "empty", {}).stat().st_size
    with Spool(path, A) as spool:
        spool.put((1,), b"payload")
        content = path.read_bytes()
        path.write_bytes(content[:-1] + b"?")
        with pytest.raises(UserError, match=f"{path}: damaged at byte {start}"):
            spool.get((1,))
        path.write_bytes(content[:-3])
        with pytest.raises(UserError, match="damaged"):
            spool.get((1,))


def test_a_closed_spool_is_neither_read_nor_written(tmp_path):
    spool = Spool(tmp_path / "spool", A)
    spool.put((1,), b"x")
    spool.close()
    with pytest.raises(ValueError, match="closed"):
        spool.get((1,))
    with pytest.raises(ValueError, match="closed"):
        spool.put((1,), b"x")


def test_many_threads(tmp_path):
    payloads = {(n % 7, n): bytes([n % 256]) * (n % 900) for n in range(1500)}
    with Spool(tmp_path / "spool", A) as spool, ThreadPoolExecutor(8) as pool:

        def put_and_get(key):
            spool.put(key, payloads[key])
            return spool.get(key) == payloads[key]

        assert all(pool.map(put_and_get, payloads))
    with Spool(tmp_path / "spool", A) as spool:
        assert contents(spool) == payloads


def test_partial_writes_and_reads_are_continued(tmp_path, monkeypatch):
    whole_pwrite, whole_pread = os.pwrite, os.pread
    monkeypatch.setattr(module.os, "pwrite", lambda fd, data, offset: whole_pwrite(fd, data[:5], offset))
    monkeypatch.setattr(module.os, "pread", lambda fd, size, offset: whole_pread(fd, min(size, 7), offset))
    path = filled(tmp_path / "spool", {(1,): bytes(range(100)), (2,): b"x"})
    with Spool(path, A) as spool:
        assert contents(spool) == {(1,): bytes(range(100)), (2,): b"x"}


def test_a_disk_that_becomes_full(tmp_path, monkeypatch):
    path = tmp_path / "spool"
    with Spool(path, A) as spool:
        spool.put((1,), b"kept")
        pwrite = os.pwrite

        def full(descriptor, data, offset):
            if len(data) < 20:
                raise OSError(errno.ENOSPC, "No space left on device")
            return pwrite(descriptor, data[:20], offset)

        monkeypatch.setattr(module.os, "pwrite", full)
        with pytest.raises(UserError, match=rf"{path}: cannot be written \(No space left on device\)"):
            spool.put((2,), b"lost" * 20)
        monkeypatch.undo()
        assert contents(spool) == {(1,): b"kept"}
        spool.put((3,), b"room again")
    with Spool(path, A) as spool:
        assert contents(spool) == {(1,): b"kept", (3,): b"room again"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_was_full_from_the_start(monkeypatch):
    monkeypatch.setattr(module.os, "ftruncate", lambda *_: None)
    with pytest.raises(UserError, match=r"/dev/full: cannot be written .No space left on device"):
        Spool("/dev/full", A)


def test_paths_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=f"{tmp_path / 'file'}: is a file, expected a folder"):
        Spool(tmp_path / "file" / "spool", A)
    with pytest.raises(UserError, match=f"{tmp_path}: cannot be opened for writing"):
        Spool(tmp_path, A)


def test_only_one_process_can_open_a_spool(tmp_path):
    path = tmp_path / "spool"
    with Spool(path, A) as spool:
        spool.put((1,), b"x")
        code = f"from sr_tf.disk.spool import Spool\nSpool({str(path)!r}, {{}})"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"UserError: {path}: is being written by another process" in other.stderr
        with pytest.raises(UserError, match="another process"):
            Spool(path, A)
        assert contents(spool) == {(1,): b"x"}
    with Spool(path, A) as spool:
        assert contents(spool) == {(1,): b"x"}


def test_a_file_deleted_between_opening_and_locking_is_not_used(tmp_path, monkeypatch):
    path = tmp_path / "spool"
    flock, first = module.fcntl.flock, Spool(path, A)
    calls = []

    def late(*args):
        if not calls:
            first.remove()
        calls.append(args)
        flock(*args)

    monkeypatch.setattr(module.fcntl, "flock", late)
    with Spool(path, A) as spool:
        spool.put((1,), b"x")
    assert len(calls) == 2
    with Spool(path, A) as spool:
        assert contents(spool) == {(1,): b"x"}


WRITER = """
import random, sys
from sr_tf.disk.spool import Spool
with Spool(sys.argv[1], {"quality": "visual"}) as spool:
    for n in range(len(spool), 10**9):
        spool.put((n, n % 3), random.Random(n).randbytes(n * 37 % 5000))
        print(n, flush=True)
"""


def test_a_killed_writer_loses_no_finished_put(tmp_path):
    path = tmp_path / "spool"
    chance = random.Random(1)
    reported = -1
    for _ in range(6):
        child = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True)
        lines = []
        reader = threading.Thread(target=lambda child=child, lines=lines: lines.extend(child.stdout))
        reader.start()
        while not lines:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.05))
        child.send_signal(signal.SIGKILL)
        child.wait()
        reader.join()
        child.stdout.close()
        assert int(lines[0]) > reported
        reported = max(int(line) for line in lines if line.endswith("\n"))
        with Spool(path, A) as spool:
            assert len(spool) in (reported + 1, reported + 2)
            for n, key in enumerate(spool.keys()):
                assert key == (n, n % 3)
                assert spool.get(key) == random.Random(n).randbytes(n * 37 % 5000)
            reported = len(spool) - 1
