"""`sr_tf.archive`, `restore`, `verify` and `upscale`: results, progress and errors."""

import numpy as np
import pytest
from PIL import Image

import sr_tf
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.images.degradation import reduce


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A drawn scene of 2 × 2 blocks as a PNG."""
    path = tmp_path_factory.mktemp("field") / "field.png"
    Image.fromarray(render_smear(4, 520, 560)).save(path)
    return path


@pytest.fixture(scope="module")
def made(field):
    return sr_tf.archive(str(field), field.with_name("field.sr.zip"), "lossless")


def counted(calls):
    """Checks what a progress function was called with: growing steps up to one total; returns the total."""
    dones, (total,) = [done for done, _ in calls], {total for _, total in calls}
    assert dones == sorted(set(dones)) and dones[0] >= 1 and dones[-1] == total
    return total


def test_every_function_tells_its_progress_and_draws_no_bar(field, tmp_path, capfd):
    target, calls = tmp_path / "a.sr.zip", {name: [] for name in ("archive", "restore", "verify", "against")}

    def told(name):
        return lambda done, total: calls[name].append((done, total))

    assert sr_tf.archive(field, target, "lossless", progress=told("archive")) == target
    assert sr_tf.restore(target, tmp_path / "a.ome.tif", progress=told("restore")) == tmp_path / "a.ome.tif"
    assert sr_tf.verify(target, progress=told("verify")) == {"psnr": np.inf, "ssim": 1.0, "shift": 0.0}
    scores = sr_tf.verify(target, against=field, progress=told("against"))
    assert scores == {"psnr": np.inf, "ssim": 1.0, "shift": 0.0}
    assert counted(calls["archive"]) >= 8
    assert (counted(calls["restore"]), counted(calls["verify"]), counted(calls["against"])) == (4, 4, 8)
    assert capfd.readouterr().out == ""


def test_the_functions_do_what_the_commands_do(made, field, tmp_path):
    from sr_tf.cli.main import main

    assert main(["archive", str(field), str(tmp_path / "b.sr.zip"), "--quality", "lossless"]) == 0
    assert (tmp_path / "b.sr.zip").read_bytes() == made.read_bytes()
    assert main(["restore", str(made), str(tmp_path / "b.ome.tif")]) == 0
    assert sr_tf.restore(made, tmp_path / "c.ome.tif").read_bytes() == (tmp_path / "b.ome.tif").read_bytes()
    part = sr_tf.restore(made, tmp_path / "c.png", region=(500, 500, 40, 20))
    with sr_tf.open(made) as slide, Image.open(part) as image:
        np.testing.assert_array_equal(np.asarray(image), slide.read_level(0, 500, 500, 40, 20))


def test_an_exception_of_the_callers_stops_the_work_and_the_next_call_goes_on(field, made, tmp_path):
    target = tmp_path / "stopped.sr.zip"

    class StopError(Exception):
        pass

    def stop(done, total):
        if done == 3:
            raise StopError

    with pytest.raises(StopError):
        sr_tf.archive(field, target, "lossless", workers=1, progress=stop)
    assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == [".stopped.sr.zip.journal"]
    assert sr_tf.archive(field, target, "lossless").read_bytes() == made.read_bytes()


def test_verify_raises_what_it_finds(made, tmp_path):
    from sr_tf.archive.reader import ArchiveFile

    content = bytearray(made.read_bytes())
    with ArchiveFile(made) as archive:
        content[int(archive._offsets[0]) + 20] ^= 255
    path = tmp_path / "damaged.sr.zip"
    path.write_bytes(content)
    with pytest.raises(UserError, match="findings, expected an archive as it was written") as caught:
        sr_tf.verify(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert any("block 0,0 is damaged" in finding for finding in caught.value.__notes__)


def test_wrong_arguments_are_errors_of_one_line(made, field, tmp_path):
    calls = {
        "quality=fine: expected one of visual": lambda: sr_tf.archive(field, tmp_path / "x.zip", "fine"),
        "expected dB above 0": lambda: sr_tf.archive(field, tmp_path / "x.zip", min_psnr=99),
        "expected a list of names": lambda: sr_tf.archive(field, tmp_path / "x.zip", models="archive4"),
        "exists, expected a new name": lambda: sr_tf.archive(field, made, "lossless"),
        "ends in .tif": lambda: sr_tf.restore(made, tmp_path / "x.jpg"),
        "expected 1 to 100": lambda: sr_tf.restore(made, tmp_path / "x.tif", jpeg_quality=0),
        "is not inside the slide": lambda: sr_tf.restore(made, tmp_path / "x.png", region=(0, 0, 9000, 9)),
        "reads the original": lambda: sr_tf.verify(made, second_reader=True),
        "is not a ZIP file": lambda: sr_tf.verify(field),
        "expected one of tensorflow, openvino": lambda: sr_tf.upscale(field, engine="abacus"),
        r"found float64 \[3, 3\], expected uint8": lambda: sr_tf.upscale(np.zeros((3, 3))),
        "tile=0": lambda: sr_tf.upscale(np.zeros((3, 3, 3), np.uint8), tile=0),
        "no such file": lambda: sr_tf.upscale(tmp_path / "none.png"),
    }
    for message, call in calls.items():
        with pytest.raises(UserError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_upscale_restores_an_array_and_a_file(tmp_path):
    hr = render_smear(5, 120, 160)
    lr, calls = reduce(hr, 4, "study"), []
    Image.fromarray(lr).save(tmp_path / "lr.png")
    sr = sr_tf.upscale(lr, "archive4", tile=16, progress=lambda *step: calls.append(step))
    assert (sr.shape, sr.dtype) == ((120, 160, 3), np.uint8)
    assert np.abs(sr.astype(int) - hr).mean() < 12
    assert counted(calls) == 6
    np.testing.assert_array_equal(sr_tf.upscale(tmp_path / "lr.png", "archive4"), sr)
