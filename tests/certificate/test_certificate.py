"""What a certificate says, and how its page and PDF show it."""

import hashlib
import json
import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.measure import Measure
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restore import restore_region
from sr_tf.archive.write import Options, write_archive
from sr_tf.cells.shipped import finder_sha256
from sr_tf.certificate.certify import certify
from sr_tf.certificate.content import sections, verdict
from sr_tf.certificate.details import most_changed
from sr_tf.certificate.lines import text_width, wrapped
from sr_tf.certificate.page import pictures_of, record_of, to_html
from sr_tf.certificate.pdf import to_pdf
from sr_tf.certificate.record import CellFacts, CellsOfMethod, Certificate, Score
from sr_tf.certificate.shown import amplified, common_factor, worst_places
from sr_tf.certificate.unmeasured import not_measured
from sr_tf.data.smear import render_smear
from sr_tf.images.reading import read_rgb, write_png
from sr_tf.metrics.local import local_error, local_ssim, whole_ssim_map
from sr_tf.metrics.ring_correlation import Detail, detail, merged
from sr_tf.validation.detail import summary

AGREEING = CellsOfMethod("restored", 0.5, 9, 9, 0.0, (0.0, 0.0), 0, 0, 1.0, (1.0, 1.0), 2, 9, 9)


def test_the_facts_are_those_of_the_files(archived, certified):
    slide, archive = archived
    certificate, _ = certified
    facts = certificate.archive
    assert facts.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert facts.slide.sha256 == hashlib.sha256(slide.read_bytes()).hexdigest()
    assert (facts.slide.name, facts.slide.width, facts.slide.height) == (slide.name, 540, 200)
    assert facts.slide.mpp is None and facts.slide.objective_power is None
    assert facts.limits == {"psnr": 34.0, "ssim": 0.9, "shift": 1.5}
    assert sum(share.bytes for share in facts.stored) == archive.stat().st_size
    assert certificate.tiles == 3
    with ArchiveFile(archive) as read:
        recorded = read.scores()
    stated = {score.name: score for score in certificate.scores}
    assert list(stated) == [*recorded, "local_ssim", "local_error"]
    for name, values in recorded.items():
        assert stated[name].median == pytest.approx(np.median(values), abs=0.1)


def test_small_details_are_measured_though_this_gate_does_not_judge_them(archived, certified):
    slide, archive = archived
    certificate, _ = certified
    pixels = read_rgb(slide)
    with ArchivedSlide(archive) as read:
        restored = read.read(0, 0, 540, 200)
    tiles = [slice(left, min(left + 256, 540)) for left in (0, 256, 512)]
    error = [local_error(pixels[:, part], restored[:, part], 32) for part in tiles]
    ssim = [local_ssim(whole_ssim_map(pixels[:, part], restored[:, part]), 32) for part in tiles]
    stated = {score.name: score for score in certificate.scores}
    steps = [8, 12, 16, 20, 24, 32, 48, 64]
    assert stated["local_error"].worst == min(step for step in steps if step >= max(map(np.max, error)))
    assert stated["local_ssim"].worst == max(
        step for step in (0.5, 0.6, 0.7, 0.8, 0.9) if step <= min(map(np.min, ssim))
    )
    for tile in certificate.shown:
        row, column = np.unravel_index(error[tile.place[0] // 256].argmax(), error[tile.place[0] // 256].shape)
        assert tile.detail_cell == (tile.place[0] + 32 * column, 32 * row)
    worst = int(np.argmax([one.max() for one in error]))
    assert any(
        "error of the worst detail cell" in one.reason and one.place[0] == 256 * worst for one in certificate.shown
    )
    page = to_html(*certified)
    assert "<td>none</td><td>≤ " in page and "Detail cells were not judged when the slide was archived" in page


def test_the_worst_tile_is_shown_with_the_pixels_that_are_restored(archived, certified, tmp_path):
    slide, archive = archived
    certificate, pictures = certified
    worst = certificate.shown[0]
    assert worst.scores["psnr"] == {score.name: score.worst for score in certificate.scores}["psnr"]
    x, y, width, height = worst.place
    for number, sha256 in enumerate(worst.pictures):
        (tmp_path / f"{number}.png").write_bytes(pictures[sha256])
    original, restored, difference = (read_rgb(tmp_path / f"{number}.png") for number in range(3))
    assert np.array_equal(original, read_rgb(slide)[y : y + height, x : x + width])
    restore_region(archive, tmp_path / "region.png", worst.place, (), "tensorflow")
    assert np.array_equal(restored, read_rgb(tmp_path / "region.png"))
    assert np.array_equal(difference, amplified(original, restored, certificate.factor))
    assert Measure()(original, restored)["psnr"].item() == pytest.approx(worst.scores["psnr"])


def test_the_page_needs_nothing_else_and_holds_its_record(certified):
    certificate, pictures = certified
    page = to_html(certificate, pictures)
    assert page.startswith("<!doctype html>")
    assert not re.search(r"(src|href)=\"(?!data:)|https?:|<link rel=\"stylesheet|url\(|<a>", page)
    assert page.count("<script") == 1 and "default-src 'none'" in page
    assert "sme&lt;a&gt;r.png" in page
    for words in (
        certificate.note,
        "not stated in the slide&#x27;s file",
        "no reader looked at it",
        verdict(certificate),
    ):
        assert words in page
    record = record_of(page)
    assert msgspec.json.decode(record, type=Certificate) == certificate
    assert json.loads(record)["archive"]["slide"]["mpp"] is None
    assert pictures_of(page) == {sha: png for sha, png in pictures.items()}
    assert to_html(certificate, pictures_of(page)) == page


def test_a_deidentified_archive_of_equal_pixels_has_a_certificate_without_the_name(equal):
    slide, archive = equal
    certificate, pictures = certify(archive, slide)
    page = to_html(certificate, pictures)
    assert "secret-name" not in page and not pictures
    assert "Every pixel is as in the original." in page and "No tile differs from the original." in page
    assert "the archive was de-identified and records no hash" in page
    assert "Detail cells were not judged" not in page and "The smallest details" not in page  # all pixels are equal
    assert "<td>none</td><td>1</td>" in page and "<td>none</td><td>0 of 255</td>" in page
    assert certificate.scores[0].worst is None
    assert to_pdf(certificate, pictures).startswith(b"%PDF-")


def test_the_pdf_has_the_same_text_and_is_the_same_each_time(certified):
    certificate, pictures = certified
    pdf = to_pdf(certificate, pictures)
    assert pdf == to_pdf(certificate, pictures)
    assert pdf.startswith(b"%PDF-") and b"sr-tf certificate" in pdf[-4096:] + pdf[:4096]


def test_a_name_in_letters_that_the_pdf_lacks_is_no_error_and_no_warning(certified, recwarn):
    certificate, pictures = certified
    slide = msgspec.structs.replace(certificate.archive.slide, name="สไลด์ $x^2$\n.svs")
    named = msgspec.structs.replace(
        certificate, archive=msgspec.structs.replace(certificate.archive, slide=slide), shown=[]
    )
    assert "สไลด์ $x^2$" in to_html(named, pictures)
    assert to_pdf(named, pictures).startswith(b"%PDF-")
    assert not [one for one in recwarn if "Glyph" in str(one.message)]


def test_lines_are_not_wider_than_their_room():
    text = "every tile of 256×256 pixels κ ≥ 0.9 " + "deadbeef" * 30 + " end"
    lines = wrapped(text, 9, 120)
    assert max(text_width(line, 9) for line in lines) <= 120
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert wrapped("", 9, 120) == [""]


def test_worst_places_are_the_worst_of_each_score_and_never_equal_pixels():
    psnr = np.array([[np.inf, 40.0, 35.0], [36.0, 37.0, 38.0]])
    ssim = np.array([[1.0, 0.99, 0.98], [0.90, 0.97, 0.96]])
    shift = np.array([[0.0, 0.1, 0.2], [0.3, 1.4, 0.5]])
    found = worst_places({"psnr": psnr, "ssim": ssim, "shift": shift})
    assert found == {(0, 2): ["psnr"], (1, 0): ["psnr", "ssim"], (1, 1): ["psnr", "shift"], (1, 2): ["ssim"]}
    assert worst_places({"psnr": np.full((1, 2), np.inf), "ssim": np.ones((1, 2)), "shift": np.zeros((1, 2))}) == {}


def test_differences_are_amplified_as_far_as_they_fit():
    pixels, other = np.full((2, 2, 3), 100, np.uint8), np.full((2, 2, 3), 103, np.uint8)
    other[0, 0] = 97
    assert common_factor([other.astype(int) - pixels]) == 32
    assert common_factor([np.full((4, 4), 70)]) == 1 and common_factor([]) == 1
    made = amplified(pixels, other, 8)
    assert (made[0, 0] == 128 - 24).all() and (made[1, 1] == 128 + 24).all()
    assert amplified(pixels, other, 99).max() == 255


def test_each_section_has_a_title_and_content(certified):
    found = sections(certified[0])
    assert [one.title for one in found][:4] == ["Slide and archive", "Scores", "How blocks are stored", "Worst tiles"]
    assert all(one.text or one.facts or one.table or one.points for one in found)


def test_detail_stands_beside_other_ways_to_store_the_slide(archived, certified):
    slide, archive = archived
    certificate, pictures = certified
    methods = certificate.detail.methods
    assert [one.name for one in methods] == [
        "restored", "JPEG quality 90", "AVIF at equal bytes", "bicubic ×4 at equal bytes",
    ]  # fmt: skip
    with ArchivedSlide(archive) as read:
        pixels, restored = read_rgb(slide), read.read(0, 0, 540, 200)
    blocks = [detail(pixels[:, :512], restored[:, :512]), detail(pixels[:, 512:], restored[:, 512:])]
    assert methods[0].found == summary(merged(blocks))
    assert methods[0].found.patches > 5 and methods[-1].found.lost > 0
    for patch in certificate.detail.shown:
        assert patch.flagged or patch.lost >= 1
        assert set(patch.pictures) <= set(pictures)


def test_patches_apart_from_each_other_are_shown_and_flagged_ones_first():
    places = np.array([[0, 0], [64, 0], [500, 0], [900, 0], [2000, 0]])
    lost, invented = np.array([9.0, 8, 3, 5, 0.5]), np.array([0.0, 0, 4, 0, 0])
    flagged = np.array([False, False, True, False, False])
    whole = Detail(places, lost, lost, lost, invented, flagged, 0, np.zeros((3, 64)))
    assert most_changed(whole) == [2, 0, 3]


def test_the_quality_study_promises_nothing(certified):
    certificate, pictures = certified
    archive = msgspec.structs.replace(certificate.archive, limits={}, gate="study: 4× reduced")
    scores = [*certificate.scores, Score("lpips", 0.3, 0.1)]
    study = msgspec.structs.replace(
        certificate, archive=archive, scores=scores, not_measured=not_measured(archive, None)
    )
    page = to_html(study, pictures)
    assert "There was no gate" in verdict(study) and "nothing is promised of any" in verdict(study)
    assert "passed" not in page and "the gate" not in verdict(study)
    assert "<dt>Gate</dt><dd>none; study: 4× reduced</dd>" in page
    assert "<td>none</td><td>0.3000</td><td>0.1000</td>" in page and "<td>≥ 34" not in page
    assert "has no threshold, and nothing was refused" in page
    assert not any("passes" in line for line in study.not_measured)


def test_pixels_of_a_reduced_slide_are_not_called_the_original(certified):
    certificate, _ = certified
    slide = msgspec.structs.replace(certificate.archive.slide, reduced_from=40.0)
    for limits in (certificate.archive.limits, {"psnr": None}):
        archive = msgspec.structs.replace(certificate.archive, slide=slide, limits=limits)
        said = verdict(msgspec.structs.replace(certificate, archive=archive))
        assert "compared with the slide after its reduction" in said and "the original" not in said


@pytest.mark.slow
def test_a_gate_on_red_cells_is_stated_with_its_finder_and_what_it_is_worth(tmp_path):
    slide, archive = tmp_path / "smear.png", tmp_path / "smear.sr.zip"
    write_png(slide, render_smear(5, 100, 200))
    write_archive(slide, archive, Options(gate=replace(QUALITIES["visual"], red_cells="count"), models=()))
    certificate, pictures = certify(archive, slide)
    gated, page = certificate.archive.red_cells, to_html(certificate, pictures)
    assert (gated.agree, gated.finder_sha256) == ("count", finder_sha256())
    assert certificate.red_cells.startswith(f"{gated.found:,} found again in the slide, 0 differ in the archive")
    assert gated.finder_sha256 in page and certificate.red_cells in page
    assert "the same red cells found, none lost or added" in page
    assert any(line.startswith("Red cells by a finder that had no part") for line in certificate.not_measured)
    assert "Red cells and nuclei: none were counted." not in certificate.not_measured
    # The verdict says what was found now, and not what the gate asked for.
    assert f"Red cells: {certificate.red_cells}." in verdict(certificate)
    assert "none lost or added" not in verdict(certificate)
    for finder, same in ((gated.finder_sha256, True), ("0" * 64, False)):
        counts = CellFacts("sr-tf validate", "red cells", True, "how", finder, "errors.", [AGREEING])
        counted = msgspec.structs.replace(certificate, cells=counts)
        assert ("So the row of the archive is no evidence" in to_html(counted, pictures)) == same
    other = msgspec.structs.replace(certificate, red_cells="not compared: gated by another finder")
    assert verdict(other).endswith(
        ": PSNR ≥ 34 dB, SSIM ≥ 0.9, mean colour within 1.5 of 255. Red cells: not compared: gated by another finder."
    )
