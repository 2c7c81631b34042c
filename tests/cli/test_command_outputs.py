"""Every command refuses outputs that would destroy something, before any work starts."""

import os
import stat

import numpy as np
import pytest
import tifffile

from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.images.reading import write_png


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A slide, another one, and the first one's archive."""
    folder = tmp_path_factory.mktemp("files")
    for name, seed in (("a.tif", 1), ("b.tif", 2)):
        tifffile.imwrite(folder / name, render_smear(seed, 64, 80), tile=(64, 64), photometric="rgb", metadata=None)
    assert main(["archive", str(folder / "a.tif"), str(folder / "a.sr.zip"), "--quality", "lossless"]) == 0
    return folder


@pytest.fixture
def refused(capsys):
    """Runs a command that must stop in one line and change none of the files in a folder."""

    def run(folder, *arguments):
        before = {path: (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in folder.rglob("*")}
        assert main([str(part) for part in arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("sr-tf: error: ")
        assert error.count("\n") == 1
        assert {path: (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in folder.rglob("*")} == before
        return error

    return run


def test_two_slides_from_a_wildcard_destroy_neither(files, refused):
    for more in ([], ["--overwrite"]):
        command = ["archive", files / "a.tif", files / "b.tif", "--quality", "lossless", *more]
        assert "b.tif: exists and is not an archive" in refused(files, *command)


def test_an_archive_is_not_replaced_by_what_is_made_from_it(files, refused):
    archive = files / "a.sr.zip"
    link, hard = files / "link.png", files / "hard.tif"
    link.symlink_to(archive)
    os.link(archive, hard)
    for more in ([], ["--overwrite"]):
        assert "is the archive itself" in refused(files, "info", archive, "--map", archive, *more)
        assert "is the archive itself" in refused(files, "info", archive, "--map", link, *more)
        assert "is the archive itself" in refused(files, "restore", hard, hard, *more)
        assert "is the archive itself" in refused(files, "restore", archive, hard, *more)
        region = ["--region", "0,0,9,9"]
        assert "is the archive itself" in refused(files, "restore", archive, link, *region, *more)
        assert "exists and is not a PNG file" in refused(files, "info", archive, "--map", files / "b.tif", *more)
    link.unlink()
    hard.unlink()


def test_a_repeated_command_replaces_its_own_result_only_with_overwrite(files, tmp_path, refused, capsys):
    slide, archive = files / "b.tif", tmp_path / "b.sr.zip"
    write_png(tmp_path / "lr" / "field.png", render_smear(1, 16, 16))
    for command, target in (
        (["archive", slide, archive, "--quality", "lossless"], archive),
        (["restore", archive, tmp_path / "b.tif"], tmp_path / "b.tif"),
        (["restore", archive, tmp_path / "b.png", "--region", "0,0,9,9"], tmp_path / "b.png"),
        (["info", archive, "--map", tmp_path / "map.png"], tmp_path / "map.png"),
        (["reduce", tmp_path / "lr", tmp_path / "out"], tmp_path / "out" / "field.png"),
        (["smear", tmp_path / "smears"], tmp_path / "smears" / "smear-0.png"),
        (["pack", tmp_path / "lr", tmp_path / "lr.npz"], tmp_path / "lr.npz"),
    ):
        assert main([str(part) for part in command]) == 0
        capsys.readouterr()
        content = target.read_bytes()
        error = refused(tmp_path, *command)
        assert f"{target}: exists, expected a new name, or --overwrite to replace it" in error
        assert main([*map(str, command), "--overwrite"]) == 0
        assert target.read_bytes() == content
        target.write_text("another file")
        assert f"{target}: exists and is not a" in refused(tmp_path, *command, "--overwrite")
        target.write_bytes(content)


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_pipes_and_devices_remain(kind, files, tmp_path, refused):
    target = tmp_path / "target.tif"
    if kind == "fifo":
        os.mkfifo(target)
    else:
        try:
            os.mknod(target, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        except OSError:
            pytest.skip("only root can make a device")
    archive = files / "a.sr.zip"
    for command in (
        ["archive", files / "a.tif", target], ["info", archive, "--map", target], ["restore", archive, target],
    ):  # fmt: skip
        found = {"fifo": "is a named pipe", "device": "is a device"}[kind]
        assert f"target.tif: {found}, expected a file" in refused(tmp_path, *command, "--overwrite")


def test_an_input_image_is_not_replaced_by_another_ones_result(tmp_path, refused):
    write_png(tmp_path / "in" / "a.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "out").mkdir()
    os.link(tmp_path / "in" / "a.png", tmp_path / "out" / "a.png")
    assert "is the input image itself" in refused(tmp_path, "reduce", tmp_path / "in", tmp_path / "out", "--overwrite")
