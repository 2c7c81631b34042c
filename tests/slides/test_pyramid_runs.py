"""Threads, failures and killed runs of the pyramid writer."""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tifffile
from pyramid_files import assert_equal, by_openslide, cut, levels_of, names, smooth, write

from sr_tf.errors import UserError
from sr_tf.slides import pyramid, pyramid_file
from sr_tf.slides.copied_tiles import JpegPage
from sr_tf.slides.pyramid import PyramidInfo, write_pyramid
from sr_tf.slides.tile_codecs import Jpeg


def test_progress_is_called_in_the_calling_thread_for_each_tile(tmp_path):
    threads = []
    image = smooth(300, 1300)
    write(tmp_path / "slide.tif", image, 128, progress=lambda: threads.append(threading.get_ident()), workers=3)
    assert threads == [threading.get_ident()] * 3 * 11
    # Only one level.
    threads.clear()
    write(tmp_path / "slide.tif", image[:, :300], 128, progress=lambda: threads.append(threading.get_ident()))
    assert len(threads) == 3 * 3


def test_few_tiles_are_in_progress_at_a_time(tmp_path):
    called, done, most = [], [], []
    image = smooth(600, 2000)

    def pixels(column, row):
        called.append((column, row))
        most.append(len(called) - len(done))
        return cut(image, 64)(column, row)

    info = PyramidInfo(2000, 600, 64)
    write_pyramid(
        tmp_path / "slide.tif",
        info,
        pixels,
        settings={"image": "x"},
        workers=2,
        progress=lambda: (time.sleep(1e-3), done.append(1)),
    )
    # Five tiles of level 1 with four tiles of level 0 each, and one more during the call of `progress`.
    assert max(most) <= 6 * 4
    assert len(set(called)) == len(called) == 10 * 32


@pytest.mark.parametrize("raised", [RuntimeError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("where", ["pixels", "progress"])
def test_after_a_failure_finished_tiles_are_reused(tmp_path, raised, where):
    image = smooth(700, 900)
    calls = []

    def failing(*_):
        calls.append(1)
        if len(calls) == 20:
            raise raised("no")

    def pixels(column, row):
        if where == "pixels":
            failing()
        return cut(image, 64)(column, row)

    info = PyramidInfo(900, 700, 64)
    path = tmp_path / "slide.tif"
    threads = threading.active_count()
    with pytest.raises(raised, match="no"):
        write_pyramid(path, info, pixels, settings={"image": "x"}, progress=failing if where == "progress" else None)
    assert names(tmp_path) == [".slide.tif.partial"]
    assert threading.active_count() == threads
    again = []

    def counted(column, row):
        again.append((column, row))
        return cut(image, 64)(column, row)

    write_pyramid(path, info, counted, settings={"image": "x"})
    assert len(again) <= 11 * 15 - (19 - 2 if where == "pixels" else 20)
    assert names(tmp_path) == ["slide.tif"]
    assert_equal(by_openslide(path), levels_of(image))


@pytest.mark.parametrize("pixels", [np.zeros((64, 64, 3), "uint8"), np.zeros((64, 50, 3), "uint16")])
def test_pixels_of_another_shape_or_type(tmp_path, pixels):
    with pytest.raises(ValueError, match=r"tile \(0, 0\): uint.*, expected uint8 \(64, 50, 3\)"):
        write_pyramid(tmp_path / "a.tif", PyramidInfo(50, 90, 64), lambda *_: pixels, settings={"image": "x"})


def test_arguments_out_of_range(tmp_path):
    with pytest.raises(ValueError, match="tile 100: expected multiples of 16"):
        PyramidInfo(5, 5, 100)
    with pytest.raises(ValueError, match="size 0 × 5"):
        PyramidInfo(0, 5)
    with pytest.raises(ValueError, match="µm per pixel"):
        PyramidInfo(5, 5, mpp=(0.0, 0.25))
    with pytest.raises(ValueError, match="photometric interpretation 1"):
        JpegPage(None, 1, None)
    with pytest.raises(ValueError, match="chroma subsampling"):
        JpegPage(None, 6, (4, 1))
    with pytest.raises(ValueError, match="both or neither"):
        write(tmp_path / "a.tif", smooth(5, 5), page=JpegPage(None, 6, None))
    with pytest.raises(ValueError, match="JPEG quality 101"):
        write(tmp_path / "a.tif", smooth(5, 5), codec=Jpeg(101))
    assert names(tmp_path) == []


def test_targets_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file, expected a folder"):
        write(tmp_path / "file" / "slide.tif", smooth(5, 5))
    (tmp_path / "slide.tif").mkdir()
    with pytest.raises(UserError, match=rf"{tmp_path / 'slide.tif'}: cannot be written \(Is a directory\)"):
        write(tmp_path / "slide.tif", smooth(5, 5))


def test_a_full_disk_keeps_the_old_file_and_the_tiles(tmp_path, monkeypatch):
    image = smooth(700, 900)
    path = tmp_path / "slide.tif"
    path.write_text("earlier")

    def full(temporary, *_, **__):
        temporary.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pyramid, "write_pyramid_file", full)
    with pytest.raises(UserError, match=r"cannot be written .No space left on device"):
        write(path, image)
    assert path.read_text() == "earlier"
    assert names(tmp_path) == [".slide.tif.partial", "slide.tif"]
    monkeypatch.undo()
    info = PyramidInfo(900, 700, 128)
    # All tiles are in the spool.
    write_pyramid(path, info, lambda *_: pytest.fail("called again"), settings={})
    assert_equal(by_openslide(path), levels_of(image))


def test_tiles_of_other_settings_or_another_geometry_are_neither_used_nor_lost(tmp_path):
    first, second = smooth(300, 300, 1), smooth(300, 300, 2)
    path, partial = tmp_path / "slide.tif", tmp_path / ".slide.tif.partial"

    def run(image, text, tile=128, **options):
        write_pyramid(path, PyramidInfo(300, 300, tile), cut(image, tile), settings={"image": text}, **options)

    def interrupted(*args, **options):
        def progress():
            raise RuntimeError

        with pytest.raises(RuntimeError):
            run(*args, **options, progress=progress)

    interrupted(first, "first")
    kept = partial.read_bytes()
    with pytest.raises(
        UserError, match=rf"{partial}: holds .* another call \(image first, expected second\); repeat that"
    ):
        run(second, "second")
    with pytest.raises(
        UserError, match=r"another call \(tile 128×128, expected 64×64\); repeat .* or delete this file"
    ):
        run(first, "first", tile=64)
    with pytest.raises(UserError, match=r"another call \(coding zstd, expected JPEG 90\)"):
        run(first, "first", codec=Jpeg(90))
    assert partial.read_bytes() == kept
    assert not path.exists()
    run(first, "first")
    assert_equal(by_openslide(path), [first])
    interrupted(second, "second", tile=64)
    partial.unlink()
    run(second, "second")
    assert_equal(by_openslide(path), [second])


def test_linking_does_not_change_files_of_another_structure(tmp_path):
    path = tmp_path / "plain.tif"
    image = smooth(64, 64)
    tifffile.imwrite(path, image, photometric="rgb", bigtiff=True, byteorder="<")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="SubIFDs at"):
        pyramid_file.link_levels(path)
    assert path.read_bytes() == before
    # A file that is linked already.
    path = write(tmp_path / "slide.tif", smooth(600, 600))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="SubIFDs at"):
        pyramid_file.link_levels(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("bigtiff", "order"), [(False, "<"), (True, ">")])
def test_linking_requires_little_endian_bigtiff(tmp_path, bigtiff, order):
    path = tmp_path / "other.tif"
    with tifffile.TiffWriter(path, bigtiff=bigtiff, byteorder=order) as writer:
        writer.write(smooth(64, 64), photometric="rgb", subifds=1)
        writer.write(smooth(32, 32), photometric="rgb")
    with pytest.raises(ValueError, match="expected a little-endian BigTIFF file"):
        pyramid_file.link_levels(path)


# Kills.

WRITER = """
import os, signal, sys, time
import numpy as np
from sr_tf.slides import pyramid, pyramid_file
from sr_tf.slides.pyramid import PyramidInfo, write_pyramid
from sr_tf.slides.tile_codecs import Jpeg

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

path, quality, pause, stage = sys.argv[1], int(sys.argv[2]) or None, float(sys.argv[3]), sys.argv[4]
if stage == "linking":
    pyramid_file.link_levels = die
if stage == "syncing":
    os.fsync = die
if stage == "removing":
    pyramid.Spool.remove = die

def pixels(column, row):
    time.sleep(pause)
    tile = np.add.outer(np.arange(128) * (row + 3), np.arange(128) * (column + 5))[..., None] // [7, 9, 11]
    return (tile % 256).astype(np.uint8)[: 900 - row * 128, : 1100 - column * 128]

print("starts", flush=True)
info = PyramidInfo(1100, 900, 128, (0.25, 0.25), 40.0, name="slide")
write_pyramid(path, info, pixels, settings={"image": "x"}, codec=quality and Jpeg(quality))
"""


def writer(path, quality=0, pause=0.0, stage=""):
    command = [sys.executable, "-c", WRITER, path, str(quality), str(pause), stage]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module", params=[0, 80], ids=["lossless", "jpeg"])
def uninterrupted(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "slide.tif"
    with writer(path, request.param) as child:
        assert child.wait() == 0
    assert len(by_openslide(path)) == 3
    return request.param, path.read_bytes()


@pytest.mark.parametrize("stage", ["linking", "syncing", "removing"])
def test_a_run_killed_at_the_end_is_continued(tmp_path, uninterrupted, stage):
    quality, whole = uninterrupted
    path = tmp_path / "slide.tif"
    with writer(path, quality, stage=stage) as child:
        assert child.wait() == -signal.SIGKILL
    assert path.exists() == (stage == "removing")
    assert not path.exists() or path.read_bytes() == whole
    with writer(path, quality) as child:
        assert child.wait() == 0
    assert path.read_bytes() == whole
    assert names(tmp_path) == ["slide.tif"]


@pytest.mark.slow
def test_runs_killed_at_any_moment_are_continued(tmp_path, uninterrupted):
    quality, whole = uninterrupted
    path = tmp_path / "slide.tif"
    chance = random.Random(quality)
    killed = 0
    for attempt in range(1, 7):
        with writer(path, quality, pause=0.02) as child:
            assert child.stdout.readline() == "starts\n"
            time.sleep(chance.uniform(0, 0.1 * attempt))
            child.kill()
            killed += child.wait() == -signal.SIGKILL
        assert not path.exists() or path.read_bytes() == whole
    assert killed > 1
    with writer(path, quality) as child:
        assert child.wait() == 0
    assert path.read_bytes() == whole
    assert names(tmp_path) == ["slide.tif"]


def test_two_processes_cannot_write_the_same_file(tmp_path):
    path = tmp_path / "slide.tif"
    with writer(path, pause=0.3) as child:
        assert child.stdout.readline() == "starts\n"
        while not names(tmp_path):
            time.sleep(0.01)
        time.sleep(0.1)
        with pytest.raises(UserError, match="is being written by another process"):
            write(path, smooth(5, 5))
        os.kill(child.pid, signal.SIGKILL)
