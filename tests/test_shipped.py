"""What the shipped generators are worth."""

from pathlib import Path

import pytest

from sr_tf.data.images import find_images, read_folder
from sr_tf.data.smear import render_smear
from sr_tf.evaluation.compare import compare
from sr_tf.zoo import load_generator, shipped

CHULA_TEST = Path(__file__).parents[1] / ".." / "shared" / "data" / "chula_rbc12" / "test"


def test_small_is_better_than_bicubic_on_smears_it_has_never_seen():
    scenes = [(str(seed), render_smear(seed, 256, 256)) for seed in range(500, 504)]
    means = compare(scenes, {"small": load_generator("small")}, "study", "drawn").means()
    assert means["small"]["psnr"] > means["bicubic"]["psnr"] + 1.5
    assert means["small"]["ssim"] > means["bicubic"]["ssim"]


@pytest.mark.slow
@pytest.mark.skipif(not CHULA_TEST.is_dir(), reason="the real fields are not here")
def test_small_scores_on_real_fields_what_its_card_says():
    scenes = list(read_folder(find_images(CHULA_TEST), strict=True))
    assert len(scenes) == 40
    means = compare(((path.name, hr) for path, hr in scenes), {"small": load_generator("small")}, "study", "").means()
    card = shipped()["small"]["scores"][0]["means"]
    for method, scores in means.items():
        assert scores == pytest.approx(card[method], abs=2e-3)
    assert means["small"]["psnr"] >= means["i-HR"]["psnr"] + 7.0
    assert means["small"]["psnr"] >= means["bicubic"]["psnr"] + 3.1
