import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.evaluation import table
from sr_tf.evaluation.compare import common_scale, compare, restorations
from sr_tf.evaluation.details import busiest
from sr_tf.evaluation.panel import panel, typical_scene
from sr_tf.generators.load import load_generator
from sr_tf.models.edsr import EDSR


@pytest.fixture(scope="module")
def scenes():
    return [
        ("first", render_smear(1, 131, 118)),
        ("second", render_smear(2, 128, 160)),
        ("third", render_smear(3, 96, 96)),
    ]


@pytest.fixture(scope="module")
def comparison(scenes):
    return compare(scenes, {"small": load_generator("small")}, "study", "drawn")


def test_scores_are_those_of_opencv_and_per_image_means(scenes, comparison):
    for name, hr in scenes:
        padded = cv2.copyMakeBorder(hr, 0, -hr.shape[0] % 4, 0, -hr.shape[1] % 4, cv2.BORDER_REPLICATE)
        lr = cv2.resize(padded, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_CUBIC)
        up = cv2.resize(lr, padded.shape[1::-1], interpolation=cv2.INTER_CUBIC)[: hr.shape[0], : hr.shape[1]]
        assert comparison.scores["bicubic"][name]["psnr"] == pytest.approx(cv2.PSNR(hr, up), abs=1e-3)
    expected = np.mean([score["psnr"] for score in comparison.scores["small"].values()])
    assert comparison.means()["small"]["psnr"] == pytest.approx(expected)


def test_methods_stand_in_the_tables_order(comparison):
    assert list(comparison.scores) == ["i-HR", "bicubic", "Lanczos", "small"]
    assert comparison.baselines == ("i-HR", "bicubic", "Lanczos")


def test_table_says_what_was_measured_and_how(comparison):
    text, markdown = table.as_text(comparison), table.as_markdown(comparison)
    means = comparison.means()
    for form in (text, markdown):
        for method in comparison.scores:
            line = next(line for line in form.splitlines() if line.strip("| ").startswith(method))
            assert f"{means[method]['psnr']:.2f}" in line
            assert f"{means[method]['ssim']:.4f}" in line
            assert f"{means[method]['psnr'] - means['bicubic']['psnr']:+.2f}" in line
        sizes = "3 scenes of 96×96 to 160×128 pixels"
        for part in ("drawn", sizes, "study ×4", "INTER_CUBIC", "no border cut", "range 255", "per image"):
            assert part in form
    assert len({line.count("|") for line in markdown.splitlines() if line.startswith("|")}) == 1


def test_json_holds_every_scene(comparison):
    document = json.loads(table.as_json(comparison))
    assert set(document["scenes"]["small"]) == {"first", "second", "third"}
    assert document["means"]["i-HR"] == pytest.approx(comparison.means()["i-HR"])
    assert document["scale"] == 4


def test_restorations_have_the_scenes_size(scenes):
    _, hr = scenes[0]
    images = restorations(hr, {"tiny": EDSR(1, 8)}, "antialiased")
    assert images.pop("LR").shape == (33, 30, 3)
    assert {image.shape for image in images.values()} == {hr.shape}


def test_panel_is_a_picture_of_the_typical_scene(scenes, comparison):
    name = typical_scene(comparison)
    scores = sorted(score["psnr"] for score in comparison.scores["small"].values())
    assert comparison.scores["small"][name]["psnr"] == scores[1]
    hr = dict(scenes)[name]
    image = Image.open(
        io.BytesIO(panel(name, hr, restorations(hr, {"small": load_generator("small")}, "study"), comparison))
    )
    assert image.format == "PNG"
    assert image.width > 1000
    assert np.asarray(image.convert("RGB")).std() > 20


def test_busiest_place_holds_the_edges():
    image = np.full((120, 160, 3), 200, np.uint8)
    image[70:90, 100:120] = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    top, left = busiest(image, 32)
    assert top <= 70 and top + 32 >= 90
    assert left <= 100 and left + 32 >= 120
    assert busiest(image[:32, :32], 32) == (0, 0)


def test_what_cannot_be_compared_is_refused(scenes):
    with pytest.raises(UserError, match="one scale"):
        common_scale({"a": EDSR(1, 8, scale=2), "b": EDSR(1, 8, scale=4)})
    with pytest.raises(UserError, match="no scenes"):
        compare([], {}, "study", "nothing")
    with pytest.raises(UserError, match="at least 11×11"):
        compare([("small one", np.zeros((8, 40, 3), np.uint8))], {}, "study", "drawn")
