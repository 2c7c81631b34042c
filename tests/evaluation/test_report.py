import base64
import hashlib
import io
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr_tf.data.smear import render_smear
from sr_tf.evaluation.compare import Comparison, compare
from sr_tf.evaluation.details import largest_error
from sr_tf.evaluation.report import page as page_module
from sr_tf.evaluation.report import scenes as scenes_module
from sr_tf.evaluation.report.cards import model_card
from sr_tf.evaluation.report.page import page
from sr_tf.evaluation.report.scenes import Box, choose, data_uri, restore_chosen, show
from sr_tf.generators.load import load_generator
from sr_tf.metrics.scores import SCORES
from sr_tf.models.edsr import EDSR

NASTY = '<img src=x onerror="alert(1)">&amp;.png'
SECTIONS = ["results", "images", "tradeoff", "scenes", "artefacts", "protocol", "cards", "making"]


class Page(HTMLParser):
    """The tags of a page, and its text without style and script."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words = ""
        self.silent = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.silent = tag in ("style", "script")

    def handle_endtag(self, tag):
        self.silent = False

    def handle_data(self, data):
        if not self.silent:
            self.words += data


@pytest.fixture(scope="module")
def scenes():
    return [
        (NASTY, render_smear(1, 131, 118)),
        ("second.png", render_smear(2, 128, 160)),
        ("third.png", render_smear(3, 120, 140)),
        ("fourth.png", render_smear(4, 140, 120)),
    ]


@pytest.fixture(scope="module")
def generators():
    small = load_generator("small")
    other = EDSR(8, 32, dtype="float32")
    other.build((None, None, None, 3))
    noise = np.random.default_rng(0)
    other.set_weights([weight + noise.normal(0, 0.004, weight.shape) for weight in small.get_weights()])
    return {"small": small, "m1@0.5": other}


@pytest.fixture(scope="module")
def comparison(scenes, generators):
    """Measured PSNR and SSIM, and invented values of the scores that take long to measure."""
    measured = compare(scenes, generators, "study", "drawn")
    for rank, of_method in enumerate(measured.scores.values()):
        for number, record in enumerate(of_method.values()):
            record |= {"enl0": 1.5 - 0.2 * rank + 0.01 * number, "shift_r": 0.3 * rank, "shift_g": 0.0, "shift_b": -0.1}
    return Comparison(
        measured.scores,
        measured.baselines,
        4,
        "study",
        "drawn <smears>",
        measured.sizes,
        {"lpips_alex": "alexnet_imagenet not fetched"},
    )


@pytest.fixture(scope="module")
def text(comparison, scenes, generators):
    cards = {
        "small": model_card("small", generators["small"]),
        "m1@0.5": {"summary": "Between.", "pretrained": "small"},
    }
    return page(comparison, scenes, generators, cards, ["evaluate.py", "--images=a folder", "--report"])


@pytest.fixture(scope="module")
def parsed(text):
    return Page(text)


def test_page_loads_no_other_resource(text, parsed):
    addresses = [
        value
        for _, attributes in parsed.tags
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster")
    ]
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not re.search(r"@import|url\((?!#)", text)
    assert {tag for tag, _ in parsed.tags} & {"link", "iframe", "object", "embed", "base"} == {"link"}


def test_no_script_runs_but_the_pages_own(text, parsed):
    policy = next(attributes["content"] for _, attributes in parsed.tags if "http-equiv" in attributes)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_scene_names_are_escaped(parsed):
    assert all("onerror" not in attributes and attributes.get("src") != "x" for _, attributes in parsed.tags)
    assert NASTY in parsed.words
    assert "drawn <smears>" in parsed.words
    assert any(NASTY in attributes.get("alt", "") for _, attributes in parsed.tags)


def test_every_id_is_there_once_and_every_reference_leads_to_one(text, parsed):
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {value[1:] for _, attributes in parsed.tags for name, value in attributes.items() if name.endswith("href")
              and value.startswith("#")}  # fmt: skip
    wanted |= {part for _, attributes in parsed.tags for part in attributes.get("aria-labelledby", "").split()}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", text))
    assert wanted <= set(ids)


def test_sections_are_in_order_and_complete(parsed):
    assert [attributes["id"] for tag, attributes in parsed.tags if tag == "section"] == SECTIONS
    before_results = parsed.words[: parsed.words.index("How to read the scores")]
    for words in ("Research use only. Not a medical device.", "Never use them for diagnosis", "small", "bicubic"):
        assert words in before_results
    for words in ("INTER_CUBIC", "alexnet_imagenet not fetched", "evaluate.py '--images=a folder' --report", "keras"):
        assert words in parsed.words


def test_every_picture_and_plot_has_a_description(parsed):
    assert all(attributes.get("alt") for tag, attributes in parsed.tags if tag == "img")
    plots = [attributes for tag, attributes in parsed.tags if tag == "svg"]
    assert len(plots) >= 5
    assert all(attributes["role"] == "img" and attributes["aria-labelledby"] for attributes in plots)


def test_table_holds_the_means_and_marks_the_best(comparison, text):
    means = comparison.means()
    rows = dict(
        re.findall(r'<tr><th scope="row">(?:<span[^>]*></span>)?([^<]+)</th>(.*?)</tr>', text, re.DOTALL)[:5][::-1]
    )
    assert list(rows)[::-1] == list(comparison.scores)
    for key, marked in (("psnr", max), ("ssim", max), ("enl0", min)):
        winner = marked(means, key=lambda method: means[method][key])
        for method, row in rows.items():
            number = SCORES[key].text(means[method][key])
            assert number in row
            if method == winner:
                assert f'<b class="best">{number}</b>' in row


def test_pictures_are_the_pixels(comparison, scenes, generators):
    chosen = choose(comparison, "small", SCORES["psnr"])
    images = restore_chosen(chosen, scenes, generators, "study")
    for shown in show(chosen, images, "small"):
        hr = dict(scenes)[shown.name]
        assert (shown.height, shown.width) == hr.shape[:2]
        assert np.array_equal(_decoded(shown.pictures["HR"]), hr)
        for method in ("i-HR", "bicubic", "Lanczos", "small", "m1@0.5"):
            assert np.array_equal(_decoded(shown.pictures[method]), images[shown.rank][method])
        for detail in shown.details:
            assert np.array_equal(_decoded(detail.pictures["small"]), detail.box.cut(images[shown.rank]["small"]))
        assert len(shown.details) == 1 or shown.rank == "worst"


def test_lr_is_shown_unless_i_hr_repeats_its_pixels(comparison, scenes, generators):
    chosen = choose(comparison, "small", SCORES["psnr"])
    assert "LR" not in restore_chosen(chosen, scenes, {}, "study")["best"]
    lr = restore_chosen(chosen, scenes, {}, "antialiased")["best"]["LR"]
    assert lr.shape == dict(scenes)[chosen["best"]].shape
    assert np.array_equal(lr[:4, :4], np.broadcast_to(lr[0, 0], (4, 4, 3)))


def test_best_median_and_worst_are_by_the_score():
    def ranked(numbers, key):
        record = {f"s{i}": {key: number} for i, number in enumerate(numbers)}
        return choose(Comparison({"m": record}, (), 4, "study", "d"), "m", SCORES[key])

    assert ranked([3, 1, 5, 4, 2], "psnr") == {"best": "s2", "median": "s0", "worst": "s1"}
    assert ranked([3, 1, 5, 4, 2], "enl0") == {"best": "s1", "median": "s0", "worst": "s2"}
    assert ranked([1, 2], "psnr") == {"best": "s1", "worst": "s0"}
    assert ranked([1], "psnr") == {"median": "s0"}


def test_largest_error_is_found():
    hr = render_smear(5, 160, 200)
    sr = hr.copy()
    sr[96:120, 40:64] = 255 - sr[96:120, 40:64]
    top, left = largest_error(hr, sr, 32)
    assert top <= 96 and top + 32 >= 120
    assert left <= 40 and left + 32 >= 64


def test_pictures_shrink_to_a_part_rather_than_grow_without_bound(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    images = {"median": {"HR": noise, "small": noise[::-1].copy()}}
    monkeypatch.setattr(scenes_module, "PICTURE_BYTES", 300_000)
    (shown,) = show({"median": "noise"}, images, "small")
    assert sum(map(len, shown.pictures.values())) <= 300_000
    assert shown.window.height == shown.window.width < 300
    assert np.array_equal(_decoded(shown.pictures["small"]), shown.window.cut(images["median"]["small"]))
    top, left = shown.details[0].box.top, shown.details[0].box.left
    assert shown.window.top <= top <= top + 96 <= shown.window.top + shown.window.height
    assert shown.window.left <= left <= left + 96 <= shown.window.left + shown.window.width


def test_box_and_data_uri():
    image = render_smear(1, 40, 60)
    part = Box(8, 16, 20, 30).cut(image)
    assert np.array_equal(part, image[8:28, 16:46])
    assert np.array_equal(_decoded(data_uri(part)), part)
    assert data_uri(part, "WEBP").startswith("data:image/webp;base64,")


def test_page_of_psnr_alone_says_what_is_missing(scenes, generators):
    only_psnr = compare(scenes[:1], {"small": generators["small"]}, "antialiased", "one")
    words = Page(page(only_psnr, scenes[:1], {"small": generators["small"]}, {}, ["evaluate.py"])).words
    assert "no perceptual score is among the results" in words
    assert "1 scene of one was reduced 4 times" in words
    assert "Perception and distortion" not in words
    assert "Ladder test" not in words


def test_the_summary_of_a_card_names_interpolated_weights(generators):
    assert model_card("small", generators["small"])["summary"].startswith("EDSR 8×32")
    assert "scores" not in model_card("small", generators["small"])
    between = model_card("small@0.25", generators["small"])
    assert "at 0.25" in between["summary"]
    assert model_card("mine.keras", generators["small"])["architecture"]["filters"] == 32


def test_every_score_of_quality_is_explained():
    from sr_tf.evaluation.report.columns import LATTICE, MEANINGS, SHIFTS

    assert set(MEANINGS) == set(SCORES) - {*SHIFTS, LATTICE}


def test_the_template_files_exist():
    for name in ("page.html", "page.css", "page.js"):
        assert (page_module._FILES / name).is_file()


@pytest.mark.slow
def test_evaluate_writes_the_report(tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    for seed in range(2):
        Image.fromarray(render_smear(seed, 80, 96)).save(folder / f"{seed}&.png")
    script = Path(__file__).parents[2] / "evaluate.py"
    command = [sys.executable, str(script), f"--images={folder}", f"--out={tmp_path / 'out'}", "--metrics=shift_r"]
    done = subprocess.run([*command, "--report"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout
    words = Page((tmp_path / "out" / "report.html").read_text("utf-8")).words
    assert f"python evaluate.py --images={folder}" in words
    assert "0&.png" in words


def _decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))
