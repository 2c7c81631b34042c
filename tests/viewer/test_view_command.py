"""The command `sr-tf view`."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from sr_tf.cli.main import main

SR_TF = Path(sys.executable).with_name("sr-tf")


def test_help_imports_no_tensorflow_and_no_server():
    code = "import sys, sr_tf.cli.main\ntry: sr_tf.cli.main.main(['view', '--help'])\nexcept SystemExit: pass\n"
    check = code + "assert not {'tensorflow', 'keras', 'starlette', 'uvicorn'} & set(sys.modules)"
    shown = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True).stdout
    assert "example: sr-tf view" in shown


def _refused(capsys, *arguments):
    assert main(["view", *map(str, arguments), "--no-browser"]) == 2
    printed = capsys.readouterr().err.strip().splitlines()
    assert len(printed) == 1
    return printed[0]


def test_bad_input_is_one_line_and_exit_code_2(capsys, tmp_path, slide_path):
    text = tmp_path / "notes.svs"
    text.write_text("not a slide")
    broken = tmp_path / "broken.sr.zip"
    broken.write_bytes(b"PK\x05\x06" + bytes(18))
    assert "no such file" in _refused(capsys, tmp_path / "nothing.sr.zip")
    assert "notes.svs" in _refused(capsys, text)
    assert "broken.sr.zip" in _refused(capsys, broken)
    assert "is a folder" in _refused(capsys, tmp_path, "--original", slide_path)
    assert "--original" in _refused(capsys, slide_path, "--original", slide_path)
    assert "cannot listen on this address" in _refused(capsys, slide_path, "--host", "no.such.host.invalid")
    assert "expected one of both" in _refused(capsys, slide_path, "--host", "127.0.0.1", "--allow-origin", "*")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}: cannot listen on this address" in _refused(capsys, slide_path, "--port", port)


def test_bad_ports_are_refused(capsys, slide_path):
    for port in ("-1", "65536", "http"):
        with pytest.raises(SystemExit) as stop:
            main(["view", str(slide_path), f"--port={port}"])
        assert stop.value.code == 2
        assert "expected a" in capsys.readouterr().err


def test_sites_are_named_as_browsers_name_them(capsys, slide_path):
    for site in ("viewer.example", "https://viewer.example/", "https://a b", "file://", "https://VIEWER.example", ""):
        with pytest.raises(SystemExit) as stop:
            main(["view", str(slide_path), f"--allow-origin={site}"])
        assert stop.value.code == 2
        assert "expected https://HOST, http://HOST:PORT or *" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("host", [None, "127.0.0.1"])
def test_it_serves_until_interrupted(slide_path, host):
    command = [SR_TF, "view", slide_path, "--no-browser", *(["--host", host] if host else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+/\S*", process.stdout.readline()).group()
        assert ("?token=" in address) == bool(host)
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.status == 200
            assert ("set-cookie" in answer.headers) == bool(host)
    finally:
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Research use only" in printed
    assert ("not encrypted" in printed) == bool(host)
    assert "Traceback" not in printed
