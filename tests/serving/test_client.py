"""The client with a server that conforms to the protocol: pixels, sizes, imports."""

import subprocess
import sys

import numpy as np
import pytest
from model_servers import Enlarging, grpc_server

from sr_tf.cli.main import main
from sr_tf.generators.upscale import upscale
from sr_tf.images.reading import encode_png, read_rgb, write_png
from sr_tf.serving.client import connect

RNG = np.random.default_rng(6)


@pytest.mark.parametrize("scheme", ["grpc", "http"])
@pytest.mark.parametrize("png", [False, True])
def test_restore_gives_the_pixels_of_upscale_with_the_same_tiles(generator, targets, scheme, png):
    lr = RNG.integers(0, 256, (75, 53, 3), np.uint8)
    seen = []
    with connect(targets[scheme], "small", png=png) as served:
        assert (served.scale, served.receptive_radius) == (4, generator.receptive_radius)
        sr = served.restore(lr, tile=30, progress=lambda: seen.append(1))
    assert len(seen) == 6
    np.testing.assert_array_equal(sr, upscale(generator, lr, tile=30))
    # One pass adds in another order, so that a value between two levels may be rounded to the other one.
    whole = upscale(generator, lr, tile=75)
    assert np.abs(sr.astype(int) - whole).max() <= 1
    assert (sr != whole).mean() < 1e-3


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_an_image_smaller_than_the_halo_is_restored(generator, targets, scheme):
    lr = RNG.integers(0, 256, (1, 7, 3), np.uint8)
    with connect(targets[scheme], "small") as served:
        np.testing.assert_array_equal(served.restore(lr), upscale(generator, lr))


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_restore_file_gives_a_png_of_the_pixels_of_upscale(generator, targets, tmp_path, scheme):
    lr = RNG.integers(0, 256, (33, 40, 3), np.uint8)
    with connect(targets[scheme], "small") as served:
        (tmp_path / "sr.png").write_bytes(served.restore_file(encode_png(lr)))
    np.testing.assert_array_equal(read_rgb(tmp_path / "sr.png"), upscale(generator, lr))


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_status_names_the_versions(targets, scheme):
    with connect(targets[scheme], "small") as served:
        assert served.status() == {1: "AVAILABLE"}


def test_answers_larger_than_grpcs_default_limit_are_received():
    lr = RNG.integers(0, 256, (175, 175, 3), np.uint8)
    with grpc_server(Enlarging()) as target, connect(target, "any") as served:
        np.testing.assert_array_equal(served.restore(lr), lr.repeat(4, 0).repeat(4, 1))


def test_arrays_that_are_not_rgb_are_refused_before_a_request(targets):
    with connect(targets["grpc"], "small") as served:
        for bad in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)):
            with pytest.raises(ValueError, match="expected uint8"):
                served.restore(bad)


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_sr_tf_upscale_writes_the_same_files_with_a_server_as_without(targets, tmp_path, capsys, scheme):
    for number, size in enumerate(((40, 60), (23, 9))):
        write_png(tmp_path / "lr" / f"{number}.png", RNG.integers(0, 256, (*size, 3), np.uint8))
    how = ["--model", "small", "--tile", "32"]
    assert main(["upscale", str(tmp_path / "lr"), str(tmp_path / "here"), *how]) == 0
    assert main(["upscale", str(tmp_path / "lr"), str(tmp_path / "there"), *how, "--serving", targets[scheme]]) == 0
    for number in range(2):
        here, there = (tmp_path / place / f"{number}.png" for place in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()
        assert str(there) in capsys.readouterr().out or number


def test_restoring_over_http_imports_neither_tensorflow_nor_grpc(targets, tmp_path):
    write_png(tmp_path / "lr.png", RNG.integers(0, 256, (9, 8, 3), np.uint8))
    code = (
        "import sys, sr_tf.cli.main\n"
        f"assert sr_tf.cli.main.main(['upscale', {str(tmp_path / 'lr.png')!r}, {str(tmp_path / 'sr.png')!r}, "
        f"'--model', 'small', '--serving', {targets['http']!r}]) == 0\n"
        "assert not {'tensorflow', 'keras', 'grpc', 'ray'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
    assert read_rgb(tmp_path / "sr.png").shape == (36, 32, 3)


def test_alpha_and_engine_are_refused_with_serving(tmp_path, capsys):
    write_png(tmp_path / "lr.png", RNG.integers(0, 256, (9, 8, 3), np.uint8))
    arguments = ["upscale", str(tmp_path / "lr.png"), str(tmp_path / "out"), "--serving", "grpc://localhost:1"]
    assert main([*arguments, "--alpha", "0.5"]) == 2
    assert "leave out --alpha and --engine" in capsys.readouterr().err
    assert main([*arguments, "--engine", "openvino"]) == 2
    assert "leave out --alpha and --engine" in capsys.readouterr().err
