"""Tests of `sr-tf pack`."""

import cv2
import numpy as np

from sr_tf.cli.main import main
from sr_tf.data.packed import PackedScenes
from sr_tf.data.smear import render_smear
from sr_tf.generators.load import load_generator, load_reducer
from sr_tf.generators.reduction import reduce_for
from sr_tf.images.codecs import coded_variants
from sr_tf.images.degradation import reduce
from sr_tf.images.reading import write_png


def test_a_folder_is_packed(tmp_path, capsys):
    write_png(tmp_path / "hr" / "a.png", render_smear(1, 64, 48))
    write_png(tmp_path / "hr" / "b.png", render_smear(2, 50, 61))
    assert main(["pack", str(tmp_path / "hr"), str(tmp_path / "out.npz"), "--scale", "2"]) == 0
    assert "out.npz: 2 scenes" in capsys.readouterr().out
    packed = PackedScenes(tmp_path / "out.npz")
    assert (packed.scale, packed.degradation, packed.qualities) == (2, "study", "")
    for index, (_, hr) in enumerate(packed):
        np.testing.assert_array_equal(packed.lr(index, 0, hr), reduce(hr, 2))
    assert packed.read(1).shape == (50, 61, 3)
    expected = cv2.resize(render_smear(1, 64, 48), (24, 32), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(packed.lr(0, 0, packed.read(0)), expected)


def test_scenes_are_reduced_by_the_generators_reducer(tmp_path, capsys):
    hr = render_smear(1, 66, 61)
    write_png(tmp_path / "hr" / "a.png", hr)
    command = ["pack", str(tmp_path / "hr"), str(tmp_path / "out.npz"), "--reducer", "archive4"]
    assert main([*command, "--lr-qualities", "60,90"]) == 0
    lr = reduce_for(load_generator("archive4"), load_reducer("archive4"), hr)
    packed = PackedScenes(tmp_path / "out.npz")
    for variant, expected in enumerate(coded_variants(lr, (60, 90))):
        np.testing.assert_array_equal(packed.lr(0, variant, hr), expected)
    assert main([*command, "--scale", "2"]) == 2
    assert "--reducer=archive4: a generator ×4, expected ×2" in capsys.readouterr().err


def test_bad_input_is_reported(tmp_path, capsys):
    write_png(tmp_path / "hr" / "a.png", render_smear(1, 64, 48))
    assert main(["pack", str(tmp_path / "hr"), str(tmp_path / "out")]) == 2
    assert "ends in .npz" in capsys.readouterr().err
    assert main(["pack", str(tmp_path / "hr"), str(tmp_path / "out.npz"), "--lr-qualities", "best"]) == 2
    assert "lr_qualities=best" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.npz"))
