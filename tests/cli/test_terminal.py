"""`sr-tf` on unusual terminals, with unusual files, and when it is interrupted."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.images.reading import write_png

SR_TF = [sys.executable, "-m", "sr_tf.cli.main"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_help_is_printed_in_any_encoding(encoding):
    given = {**os.environ, "PYTHONIOENCODING": encoding}
    result = subprocess.run([*SR_TF, "archive", "--help"], env=given, capture_output=True)
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"PSNR ? 34 dB" in result.stdout


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "| true"])
@pytest.mark.parametrize("arguments", ["archive --help", "models"])
def test_an_output_that_is_full_or_closed_is_one_line_and_code_2(redirection, arguments):
    python = " ".join(SR_TF)
    script = f"(sleep 0.2; {python} {arguments}; echo $? >&2) {redirection}"
    if redirection == ">&-":
        script = f"{python} {arguments} >&-; echo $? >&2"
    error = subprocess.run(["bash", "-c", script], capture_output=True, text=True).stderr.splitlines()
    assert error[0].startswith("sr-tf: error: standard output: cannot be written (")
    assert error[1:] == ["2"]


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_messages_that_cannot_be_written_do_not_change_the_exit_code(redirection):
    command = " ".join(SR_TF)
    assert subprocess.run(["bash", "-c", f"{command} models {redirection}"], capture_output=True).returncode == 0
    assert subprocess.run(["bash", "-c", f"{command} info nothing {redirection}"]).returncode == 2


@pytest.mark.parametrize(
    "arguments", [("archive", "pipe", "out.zip"), ("upscale", "pipe", "out.png"), ("view", "pipe"), ("info", "pipe"),
                  ("verify", "a.png", "--against", "pipe"), ("upscale", "a.png", "/dev/full")]
)  # fmt: skip
def test_named_pipes_and_devices_are_refused_at_once(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    write_png(tmp_path / "a.png", render_smear(1, 16, 16))
    assert main(arguments) == 2
    assert "expected a file or a folder" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["a.png", "pipe"]


def test_a_named_pipe_in_a_folder_of_images_is_refused_at_once(tmp_path, capsys):
    write_png(tmp_path / "in" / "a.png", render_smear(1, 16, 16))
    os.mkfifo(tmp_path / "in" / "pipe.png")
    assert main(["reduce", str(tmp_path / "in"), str(tmp_path / "out")]) == 2
    assert "pipe.png: is a named pipe, expected a file or a folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_not_utf_8_is_refused_before_the_work(tmp_path, capsys):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/Pr\xe4parat.png")
    write_png(tmp_path / "a.png", render_smear(1, 16, 16))
    os.rename(tmp_path / "a.png", path)
    assert main(["archive", path, str(tmp_path / "out.zip"), "--models", ""]) == 2
    assert capsys.readouterr().err.endswith(
        "Pr\\xe4parat.png: the name is not UTF-8, expected one that is; rename the file\n"
    )
    assert len(os.listdir(tmp_path)) == 1


def check_ctrl_c(command, delay, program, folder=None):
    """Sends Ctrl-C after a delay: exit code 130 within two seconds, one line, no traceback."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    error = process.communicate(timeout=30)[1]
    assert time.monotonic() - start < 2
    assert process.returncode == 130
    assert error.strip().endswith(f"{program}: stopped")
    assert "Traceback" not in error


def test_ctrl_c_says_so_while_a_framework_is_imported():
    """The import silences stderr, and Python hears of the signal only when native code returns."""
    script = (
        "import hashlib, sr_tf.messages as messages\n"
        "from sr_tf.cli.interrupt import prompt_stop\n"
        "with prompt_stop(True), messages._native_stderr_muted():\n"
        "    hashlib.pbkdf2_hmac('sha256', b'', b'', 10**8)\n"
    )
    check_ctrl_c([sys.executable, "-c", script], 1.5, "sr-tf")


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.3, 1.0, 8.0])
@pytest.mark.parametrize("program", ["train.py", "evaluate.py"])
def test_ctrl_c_ends_training_and_evaluation_too(tmp_path, program, delay):
    for index in range(10):
        write_png(tmp_path / "in" / f"{index}.png", render_smear(index, 200, 200))
    write_png(tmp_path / "large" / "a.png", render_smear(1, 1200, 1200))
    data = [
        "--dataset=scene_folder",
        f"--data_dir={tmp_path}/in",
        "--group_by=([0-9]+)[.]png",
        f"--tfds_dir={tmp_path}/t",
    ]
    folders = {
        "train.py": ["--preset=smoke", "--steps=100000", *data, f"--run_dir={tmp_path}/run"],
        "evaluate.py": [f"--images={tmp_path}/large", f"--out={tmp_path}/out"],
    }
    root = Path(__file__).parents[2]
    command = [sys.executable, root / program, *folders[program]]
    check_ctrl_c(command, delay, program, tmp_path)


@pytest.mark.parametrize("delay", [0.3, 1.0, 3.0])
def test_ctrl_c_ends_with_130_within_two_seconds(tmp_path, delay):
    write_png(tmp_path / "in.png", render_smear(1, 3000, 3000))
    arguments = ["upscale", tmp_path / "in.png", tmp_path / "out.png"]
    check_ctrl_c([*SR_TF, *arguments], delay, "sr-tf")
    assert os.listdir(tmp_path) == ["in.png"]
