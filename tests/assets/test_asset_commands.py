"""`sr-tf assets` on the command line."""

import subprocess
import sys

import pytest

from sr_tf.assets.registry import ASSETS
from sr_tf.assets.store import is_cached, locate, place
from sr_tf.cli.main import main


def complaint(capsys, *arguments):
    assert main(["assets", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("sr-tf: error: ")
    assert error.count("\n") == 1
    return error


@pytest.fixture
def two(cache, publish):
    """Two assets in the cache."""
    cache.mkdir()
    for name in ("one", "two"):
        publish(name.encode(), name=name, file_name=f"{name}.pth")
        (cache / f"{name}.pth").write_bytes(name.encode())
    return cache


@pytest.mark.parametrize("command", [[], ["list"], ["fetch"], ["verify"]])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["assets", *command, "--help"])
    assert stop.value.code == 0
    assert "usage: sr-tf assets" in capsys.readouterr().out


def test_no_command_imports_tensorflow(two):
    program = (
        "import sys, sr_tf.cli.main\n"
        "for command in (['list'], ['verify']): assert sr_tf.cli.main.main(['assets', *command]) == 0\n"
        "assert sr_tf.cli.main.main(['assets', 'verify', 'craft_vgg16']) == 2\n"
        "assert not {'tensorflow', 'keras', 'cv2'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_list_describes_each_asset_and_says_whether_it_is_present(two, capsys):
    assert main(["assets", "list"]) == 0
    printed = capsys.readouterr().out
    for name, asset in ASSETS.items():
        for part in (name, asset.purpose, asset.source, asset.licence):
            assert part in printed
    assert printed.count("present: ") == 2
    assert f"present: {two / 'one.pth'}" in printed
    assert f"Cache folder: {two}" in printed


def test_verify_detects_a_flipped_bit(two, capsys):
    assert main(["assets", "verify"]) == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == ["one", "two"]
    (two / "two.pth").write_bytes(b"twn")
    error = complaint(capsys, "verify")
    assert str(two / "two.pth") in error and ASSETS["two"].digest in error
    assert main(["assets", "verify", "one"]) == 0
    assert capsys.readouterr().out.startswith("one: ok, ")


def test_verify_of_several_damaged_files_names_each(two, capsys):
    (two / "one.pth").write_bytes(b"")
    (two / "two.pth").write_bytes(b"tw")
    assert main(["assets", "verify"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{two / 'one.pth'}: 0 bytes")
    assert lines[1].startswith(f"{two / 'two.pth'}: 2 bytes")
    assert lines[2] == "sr-tf: error: 2 of 2 assets are not as published: one, two"


def test_verify_of_missing_assets(cache, capsys):
    assert main(["assets", "verify"]) == 0
    assert capsys.readouterr().out == f"{cache} holds no asset yet\n"
    assert "`sr-tf assets fetch craft_vgg16` gets it" in complaint(capsys, "verify", "craft_vgg16")


def test_unknown_names(two, capsys):
    for command in ("fetch", "verify"):
        assert "resnet: no such asset; expected one of" in complaint(capsys, command, "one", "resnet")


def test_fetch_prints_paths_and_continues_after_a_failure(two, server, publish, capsys):
    server.content = b"three"
    publish(b"three", name="three", source=server.url, file_name="three.pth")
    publish(b"four", name="four", file_name="four.pth")
    assert main(["assets", "fetch", "four", "one", "three"]) == 2
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(two / "one.pth"), str(two / "three.pth")]
    assert printed.err.startswith("sr-tf: error: four: cannot be fetched (http://127.0.0.1:9/tiny.pth: ")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("name", ["craft_vgg16", "efficientnet_lite0", "lpips_heads"])
def test_a_flipped_bit_of_the_real_file_is_detected(name, tmp_path, monkeypatch, capsys):
    if not is_cached(name):
        pytest.skip(f"`sr-tf assets fetch {name}` gets the file")
    content = bytearray(locate(name).read_bytes())
    content[len(content) // 2] ^= 1
    monkeypatch.setenv("SR_TF_CACHE", str(tmp_path))
    place(ASSETS[name]).write_bytes(content)
    error = complaint(capsys, "verify", name)
    assert str(place(ASSETS[name])) in error and ASSETS[name].digest in error
