"""The command lines of `sr-tf`, `train.py` and `evaluate.py`."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.generators.load import load_generator, shipped
from sr_tf.generators.names import DEFAULT_GENERATOR
from sr_tf.generators.upscale import upscale
from sr_tf.images.degradation import reduce
from sr_tf.images.reading import read_rgb, write_png

ROOT = Path(__file__).parents[2]
SR_TF = Path(sys.executable).with_name("sr-tf")


def test_help_is_quick_and_imports_no_tensorflow():
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([SR_TF, "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5
    imported = "import sys, sr_tf.cli.main\ntry: sr_tf.cli.main.main(['--help'])\nexcept SystemExit: pass\n"
    check = imported + "assert not {'tensorflow', 'keras', 'cv2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, capture_output=True)


@pytest.mark.parametrize("program", ["train.py", "evaluate.py"])
def test_programs_help(program):
    result = subprocess.run([sys.executable, program, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"python {program}" in result.stdout
    assert "Research use only" in result.stdout


def test_every_command_has_help(capsys):
    for command in ("upscale", "reduce", "export", "smear", "models", "rate-distortion", "assets"):
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
        assert "usage: sr-tf" in capsys.readouterr().out


@pytest.fixture
def scene(tmp_path):
    hr = render_smear(5, 99, 130)
    write_png(tmp_path / "hr" / "ward" / "scene.png", hr)
    return hr


def test_reduce_then_upscale_gives_the_scenes_size_back(scene, tmp_path, capsys):
    assert main(["reduce", str(tmp_path / "hr"), str(tmp_path / "lr")]) == 0
    lr = read_rgb(tmp_path / "lr" / "ward" / "scene.png")
    np.testing.assert_array_equal(lr, reduce(scene, 4))
    assert main(["upscale", str(tmp_path / "lr"), str(tmp_path / "sr"), "--tile", "20"]) == 0
    sr = read_rgb(tmp_path / "sr" / "ward" / "scene.png")
    expected = upscale(load_generator(DEFAULT_GENERATOR), lr)[:99, :130]
    assert np.abs(sr.astype(int) - expected).max() <= 1
    assert str(tmp_path / "sr" / "ward" / "scene.png") in capsys.readouterr().out


def test_upscale_of_a_plain_image_is_four_times_the_size_and_has_a_description(tmp_path):
    profile = b"\x00" * 128
    Image.fromarray(render_smear(1, 21, 34)).save(tmp_path / "field.jpg", icc_profile=profile)
    assert main(["upscale", str(tmp_path / "field.jpg"), str(tmp_path / "out")]) == 0
    with Image.open(tmp_path / "out" / "field.png") as result:
        assert result.size == (136, 84)
        assert "Research use only" in result.info["Description"]
        assert result.info["icc_profile"] == profile


def test_upscale_by_openvino_gives_the_same_pixels(tmp_path):
    pytest.importorskip("sr_tf.generators.openvino")
    write_png(tmp_path / "lr.png", reduce(render_smear(5, 160, 128), 4))
    for engine in ("tensorflow", "openvino"):
        assert main(["upscale", str(tmp_path / "lr.png"), str(tmp_path / f"{engine}.png"), "--engine", engine]) == 0
    expected, found = (read_rgb(tmp_path / f"{engine}.png").astype(int) for engine in ("tensorflow", "openvino"))
    assert np.abs(found - expected).max() <= 1


def test_an_unreadable_image_is_skipped_with_a_warning_or_an_error_when_strict(tmp_path, capsys, caplog):
    write_png(tmp_path / "in" / "good.png", render_smear(1, 16, 16))
    whole = (tmp_path / "in" / "good.png").read_bytes()
    (tmp_path / "in" / "cut.png").write_bytes(whole[: len(whole) // 2])
    assert main(["upscale", str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]
    assert "cut.png" in caplog.text
    assert "skipped 1 of 2" in caplog.text
    assert main(["upscale", str(tmp_path / "in"), str(tmp_path / "out2"), "--strict"]) == 2
    assert "cut.png" in capsys.readouterr().err


def test_alpha_goes_from_the_mse_generator_to_the_fine_tuned_one(tmp_path):
    lr = reduce(render_smear(5, 64, 64), 4)
    write_png(tmp_path / "lr.png", lr)
    results = {}
    for alpha in ("0", "0.5", "1"):
        out = tmp_path / f"{alpha}.png"
        assert main(["upscale", str(tmp_path / "lr.png"), str(out), "--model", "m3", "--alpha", alpha]) == 0
        results[alpha] = read_rgb(out)
    np.testing.assert_array_equal(results["0"], upscale(load_generator("mixed"), lr))
    np.testing.assert_array_equal(results["0.5"], upscale(load_generator("m3@0.5"), lr))
    np.testing.assert_array_equal(results["1"], upscale(load_generator("m3"), lr))
    assert len({image.tobytes() for image in results.values()}) == 3


def test_alpha_is_a_number_from_0_to_1(tmp_path, capsys):
    for alpha in ("1.5", "-1", "much", "nan"):
        with pytest.raises(SystemExit) as stop:
            main(["upscale", str(tmp_path), str(tmp_path), f"--alpha={alpha}"])
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("sr-tf upscale: error: argument --alpha: ")
        assert "expected a number from 0 to 1" in error
        assert error.count("\n") == 1


def _complaint(capsys, *arguments):
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("sr-tf: error: ")
    assert error.count("\n") == 1
    return error


def test_bad_input_is_one_line_and_code_2(tmp_path, capsys):
    write_png(tmp_path / "a.png", render_smear(1, 16, 16))
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.keras").write_bytes(b"PK\x03\x04 no model")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "deep.png")
    out = tmp_path / "out"
    assert "no such file" in _complaint(capsys, "upscale", tmp_path / "nothing", out)
    assert "no images found" in _complaint(capsys, "upscale", tmp_path / "empty", out)
    assert "16-bit" in _complaint(capsys, "upscale", tmp_path / "deep.png", out)
    assert "is empty" in _complaint(capsys, "upscale", tmp_path / "empty.png", out)
    assert "would replace" in _complaint(capsys, "upscale", tmp_path / "a.png", tmp_path)
    assert "no such generator" in _complaint(capsys, "upscale", tmp_path / "a.png", out, "--model", "nobody")
    assert "broken.keras" in _complaint(
        capsys, "upscale", tmp_path / "a.png", out, "--model", tmp_path / "broken.keras"
    )
    assert "run" in _complaint(capsys, "export", out, "--model", tmp_path / "empty")
    assert "cannot create this folder" in _complaint(capsys, "reduce", tmp_path / "a.png", tmp_path / "a.png" / "b")
    assert not list(tmp_path.glob("out/*"))


def test_two_inputs_with_one_result_are_refused(tmp_path, capsys):
    for name in ("a.png", "a.bmp"):
        Image.fromarray(render_smear(1, 16, 16)).save(tmp_path / name)
    assert "also that of" in _complaint(capsys, "reduce", tmp_path, tmp_path / "out")


def test_shipped_models_are_small_and_carry_a_card(capsys):
    assert main(["models"]) == 0
    printed = capsys.readouterr().out
    for name, card in shipped().items():
        assert name in printed
        assert {"command", "data", "steps", "hours", "architecture"} <= set(card)
        assert {"scores", "rate_distortion"} & set(card)  # measured on uncompressed LRs, or on those of archives
        # Nothing but float16 weights; only the study's full-size network has more than a million of them.
        size = (ROOT / "sr_tf" / "zoo" / name / "weights.npz").stat().st_size
        assert size <= (5.2e6 if name == "paper" else 2e6)
