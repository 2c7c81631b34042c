"""Killed processes, flipped bytes, and unsuitable files."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from archived_slides import MODELS, archived
from PIL import Image

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.integrity import check_integrity
from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError

SR_TF = Path(sys.executable).with_name("sr-tf")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """An archive with all kinds of members, small enough to be read a hundred times."""
    folder = tmp_path_factory.mktemp("tiny")
    pixels = cv2.GaussianBlur(render_smear(7, 300, 620), (0, 0), 2)
    Image.fromarray(pixels).save(folder / "field.png", icc_profile=bytes(range(200)))
    return archived(folder / "field.png", folder, "visual", models=())


def flipped(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def outcome_of_reading(path: Path, expected: np.ndarray) -> str:
    """Returns `right` or `refused`. Wrong pixels fail the test."""
    try:
        with ArchivedSlide(path) as archive:
            height, width = expected.shape[:2]
            restored = archive.read(0, 0, width, height)
    except UserError as error:
        assert str(path) in str(error)
        return "refused"
    np.testing.assert_array_equal(restored, expected)
    return "right"


def test_every_flipped_byte_is_found_and_none_gives_wrong_pixels(tiny, tmp_path):
    content = tiny.archive.read_bytes()
    with ArchivedSlide(tiny.archive) as archive:
        expected = archive.read(0, 0, 620, 300)
    draw = random.Random(1)
    outcomes = []
    for number in range(120):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(flipped(content, draw.randrange(len(content)), draw.randrange(8)))
        try:
            assert check_integrity(path), "verify finds it"
        except UserError as error:
            assert str(path) in str(error)
        outcomes.append(outcome_of_reading(path, expected))
    assert {"right", "refused"} == set(outcomes)


def test_a_truncated_archive_is_refused(tiny, tmp_path):
    content = tiny.archive.read_bytes()
    for length in (0, 1, 100, len(content) // 2, len(content) - 200, len(content) - 1):
        path = tmp_path / f"{length}.zip"
        path.write_bytes(content[:length])
        for action in (ArchivedSlide, check_integrity):
            with pytest.raises(UserError, match=str(path)):
                action(path)


def test_other_files_than_archives_are_refused_in_one_line(tiny, slide_file, tmp_path, capsys):
    out = tmp_path / "out.tif"
    (tmp_path / "text.zip").write_text("hello")
    other = tmp_path / "other.zip"
    subprocess.run([sys.executable, "-m", "zipfile", "-c", other, SR_TF], check=True)
    for path, found in (
        (tmp_path / "absent.zip", "no such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "text.zip", "not a ZIP file"),
        (other, "not an archive of this version"),
        (slide_file, "not a ZIP file"),
    ):
        for command in (["restore", path, out], ["verify", path], ["info", path]):
            assert main([str(part) for part in command]) == 2
            error = capsys.readouterr().err
            assert error.startswith("sr-tf: error: ")
            assert found in error
            assert error.count("\n") == 1
    assert main(["restore", str(tiny.archive), str(tmp_path / "out.jpg")]) == 2
    assert "expected a name that ends in .tif" in capsys.readouterr().err
    for region in ("600,0,30,30", "0,0,99999,1"):
        assert main(["restore", str(tiny.archive), str(tmp_path / "out.png"), "--region", region]) == 2
        assert "is not inside the slide of 620×300" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["restore", str(tiny.archive), str(tmp_path / "out.png"), "--region", "1,2,0,4"])
    assert stop.value.code == 2
    assert not out.exists()


def test_bad_slides_are_refused_in_one_line_and_leave_no_file(slide_file, tmp_path, capsys):
    target = tmp_path / "out" / "slide.sr.zip"
    (tmp_path / "text.svs").write_text("not a slide")
    (tmp_path / "empty.svs").write_bytes(b"")
    (tmp_path / "cut.tif").write_bytes(slide_file.read_bytes()[:-4000])
    tifffile.imwrite(tmp_path / "deep.tif", np.zeros((300, 300, 3), np.uint16), tile=(128, 128), photometric="rgb")
    stack = np.zeros((3, 300, 300, 3), np.uint8)
    tifffile.imwrite(tmp_path / "stack.ome.tif", stack, tile=(128, 128), photometric="rgb", metadata={"axes": "ZYXS"})
    for name in ("text.svs", "empty.svs", "cut.tif", "deep.tif", "stack.ome.tif", "absent.svs"):
        assert main(["archive", str(tmp_path / name), str(target)]) == 2, name
        error = capsys.readouterr().err.splitlines()
        assert error[-1].startswith(f"sr-tf: error: {tmp_path / name}")
        assert not target.exists()
    assert main(["archive", str(slide_file), str(slide_file)]) == 2
    assert "is the slide itself" in capsys.readouterr().err
    assert main(["archive", str(slide_file), str(target), "--models", "small,m1"]) == 2
    assert "one generator for each scale" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "absent.zip"), "--against", str(slide_file)]) == 2


def test_verify_refuses_another_slide_than_the_archived_one(tiny, slide_file, capsys):
    assert main(["verify", str(tiny.archive), "--against", str(slide_file)]) == 2
    assert "not the slide of" in capsys.readouterr().err


def test_a_generator_of_other_weights_is_refused(visual, monkeypatch):
    with ArchivedSlide(visual.archive) as archive:
        needed = {2, 4} & set(archive.index.kinds.ravel())
    assert needed, "a block needs a generator"
    monkeypatch.setattr("sr_tf.archive.enlarge.Recorded.sha256", "0" * 64)
    with pytest.raises(UserError, match="has other weights"):
        ArchivedSlide(visual.archive, models=("archive4", "archive2"))


def run_and_kill(command: list, seconds: float, journal: Path) -> bool:
    """Kills a command `seconds` after its journal appears; returns whether it was still running."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not journal.exists():
        time.sleep(0.01)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


@pytest.mark.long
def test_killed_archiving_and_restoring_resume_to_the_same_files(visual, slide_file, tmp_path):
    target = tmp_path / "slide.sr.zip"
    command = [SR_TF, "archive", slide_file, target, "--models", ",".join(MODELS)]
    killed = 0
    for seconds in (0.5, 4.0):
        killed += run_and_kill(command, seconds, target.with_name(f".{target.name}.journal"))
        assert not target.exists() or check_integrity(target) == []
    assert killed
    # The killed calls may have been complete already.
    subprocess.run([*(str(part) for part in command), "--overwrite"], check=True, capture_output=True)
    assert target.read_bytes() == visual.archive.read_bytes()

    restored, whole = tmp_path / "restored.tif", tmp_path / "whole.tif"
    subprocess.run([SR_TF, "restore", target, whole], check=True, capture_output=True)
    run_and_kill([SR_TF, "restore", target, restored], 0.2, restored.with_name(f".{restored.name}.partial"))
    if restored.exists():
        assert restored.read_bytes() == whole.read_bytes()
    subprocess.run([SR_TF, "restore", target, restored, "--overwrite"], check=True, capture_output=True)
    assert restored.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["restored.tif", "slide.sr.zip", "whole.tif"]
