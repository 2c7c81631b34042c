"""Lines and names in the pictures of rate–distortion curves."""

import numpy as np
import pytest

from sr_tf.evaluation import rate_methods
from sr_tf.evaluation.curves import _FULL, _apart, _styles
from sr_tf.evaluation.rate_results import AVIF, BEST
from sr_tf.images.codecs import CODECS


def test_a_refined_method_has_the_colour_of_its_plain_one_and_is_dashed():
    plain = ["LR ×4 + bicubic", "LR ×4 + one", "LR ×2 + other"]
    styles = _styles([*plain, *(f"{name}, refined" for name in plain[1:]), BEST])
    assert len(set(styles.values())) == len(styles) == 6
    for name in plain[1:]:
        assert styles[name][0] == styles[f"{name}, refined"][0]
        assert (styles[name][1], styles[f"{name}, refined"][1]) == ("-", "--")


def test_every_codec_has_a_line_of_its_own():
    assert set(_FULL) == {AVIF, *(CODECS[name].title for name in rate_methods.FULL_SIZE)}
    assert len(set(_FULL.values())) == len(_FULL)


def test_names_are_moved_apart_and_keep_their_order():
    heights = _apart([10.0, 12.0, 13.0, 60.0], 10.0)
    assert heights == sorted(heights)
    assert (np.diff(heights) >= 10 - 1e-9).all()
    assert heights[3] == 60
    assert np.mean(heights[:3]) == pytest.approx(np.mean([10, 12, 13]))
