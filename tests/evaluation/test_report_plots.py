"""The report's plots and their colours."""

import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from skimage.color import deltaE_ciede2000, rgb2lab

from sr_tf.evaluation.compare import Comparison
from sr_tf.evaluation.report import page, plots
from sr_tf.evaluation.report.point_labels import place
from sr_tf.evaluation.report.style import ROLES, colours, is_interpolated, markers, parent
from sr_tf.metrics.scores import SCORES

STYLE = (Path(page.__file__).parent / "template" / "page.css").read_text("utf-8")
# Machado et al. 2009, IEEE TVCG 15(6), severity 1, on linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
METHODS = ("i-HR", "bicubic", "Lanczos", "small", "m1", "m3@0.25", "m3@0.75", "m3")


@pytest.fixture(scope="module")
def comparison():
    random = np.random.default_rng(0)
    scores = {
        method: {
            f"s{i}": {"psnr": 30 + rank + random.random(), "ssim": 0.9, "enl0": 2 - 0.2 * rank, "shift_r": 0.0}
            for i in range(5)
        }
        for rank, method in enumerate(METHODS)
    }
    return Comparison(scores, METHODS[:3], 4, "study", "drawn")


def test_each_method_has_its_own_colour_and_interpolated_weights_their_generators(comparison):
    of_method, shapes = colours(comparison), markers(comparison)
    families = [method for method in METHODS if "@" not in method]
    assert len({of_method[method] for method in families}) == len(families)
    assert len({shapes[method] for method in families}) == len(families)
    assert of_method["m3@0.25"] == of_method["m3"]
    assert parent("m3@0.25") == ("m3", 0.25)
    assert parent("small") == ("small", 1.0)
    assert parent("me@home") == ("me@home", 1.0)
    assert is_interpolated("m3@0.25")
    assert not is_interpolated("me@home")


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_stand_out_from_the_paper_in_light_and_dark(scheme):
    block = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[scheme]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    assert set(ROLES.values()) <= set(found)
    for name, colour in found.items():
        if name.startswith(("generator", "baseline")):
            assert _contrast(colour, found["paper"]) >= 3, name
    for name in ("ink", "muted", "accent", "alarm"):
        assert _contrast(found[name], found["paper"]) >= 4.5, name
    assert _contrast(found["alarm"], found["alarm-tint"]) >= 4.5


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("sight", SIGHTS)
def test_four_generators_are_distinguishable_with_every_colour_vision(scheme, sight):
    block = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[scheme]
    found = [re.search(rf"--generator-{i}: (#[0-9a-f]{{6}})", block)[1] for i in range(4)]
    channels = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in found]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(SIGHTS[sight]), 0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]
    assert min(deltaE_ciede2000(*pair) for pair in combinations(lab, 2)) > 12


def test_plots_have_the_pages_colours_and_descriptions(comparison):
    figures = [
        plots.distribution(comparison, SCORES["psnr"]),
        plots.distribution(comparison, SCORES["shift_r"]),
        plots.perception_distortion(comparison, SCORES["enl0"], {"m3": "small"}),
    ]
    for svg in figures:
        root = ElementTree.fromstring(svg.replace("xlink:", ""))
        assert root[0].tag.endswith("title")
        assert root[1].tag.endswith("desc")
        assert "var(--generator-0)" in svg
        used = set(re.findall(r"#[0-9a-f]{6}", svg))
        assert not used & set(ROLES)
        assert "DejaVu" not in svg
        for method in METHODS[:5]:
            assert method in "".join(root.itertext())


def test_names_are_written_as_they_are():
    odd = "$x^2$ & <b>"
    record = {"psnr": 30.0, "ssim": 0.9, "enl0": 1.0}
    comparison = Comparison({odd: {"s": record}}, (), 4, "study", "drawn")
    for svg in (
        plots.distribution(comparison, SCORES["psnr"]),
        plots.perception_distortion(comparison, SCORES["enl0"], {}),
    ):
        assert odd in "".join(ElementTree.fromstring(svg.replace("xlink:", "")).itertext())


def test_infinite_and_missing_points_are_left_out(comparison):
    scores = {method: dict(of_method) for method, of_method in comparison.scores.items()}
    scores["i-HR"] = {name: record | {"psnr": float("inf")} for name, record in scores["i-HR"].items()}
    infinite = Comparison(scores, METHODS[:3], 4, "study", "drawn")
    assert "nan" not in plots.distribution(infinite, SCORES["psnr"]).lower()
    svg = plots.perception_distortion(infinite, SCORES["enl0"], {})
    assert "bicubic: PSNR" in svg
    assert "i-HR: PSNR" not in svg


def test_names_do_not_cover_each_other_or_the_points():
    figure = Figure(figsize=(5, 4))
    axes = figure.subplots()
    points = [("first", (0.50, 0.5)), ("second", (0.53, 0.5)), ("third", (0.56, 0.52)), ("fourth", (0.0, 0.0))]
    for _, point in points:
        axes.plot(*point, "o")
    axes.set(xlim=(-1, 1), ylim=(-1, 1))
    place(figure, axes, points)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == [name for name, _ in points]
    assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))
    spots = axes.transData.transform([point for _, point in points])
    assert not any(box.contains(*spot) for box in boxes for spot in spots)


def _contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2.2."""

    def luminance(colour: str) -> float:
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)
