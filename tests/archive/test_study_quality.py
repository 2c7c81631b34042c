"""The quality `study`: every block is reduced 4 times and restored by a generator, and every error is kept."""

import io
import json
import random
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from archived_slides import archived
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sr_tf.archive import build
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.choices import chosen_gate
from sr_tf.archive.choose import Chooser
from sr_tf.archive.gate import QUALITIES, UNITS_BY_VERSION, score_names
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.kinds import LR4_LOSSLESS_GENERATOR
from sr_tf.archive.map_picture import LPIPS_COLOURS, draw_map
from sr_tf.archive.measure import Measure
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restored_view import describe
from sr_tf.archive.schema import parse
from sr_tf.assets.store import is_cached
from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.disk.outputs import journal_of
from sr_tf.errors import UserError
from sr_tf.images.degradation import reduce
from sr_tf.images.pixels import to_uint8
from sr_tf.viewer.describe import describe_map

WIDTH, HEIGHT = (
    533,
    613,
)  # 2 × 2 blocks; not multiples of 4; tiles of 21 pixels at the right edge, fewer than LPIPS sees

needs_lpips = pytest.mark.skipif(
    not is_cached("lpips_imagenet"), reason="`sr-tf assets fetch lpips_imagenet` gets the published weights"
)


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A drawn smear, sharp and in part out of focus, with a piece of a single colour."""
    path = tmp_path_factory.mktemp("field") / "field.png"
    pixels = render_smear(3, HEIGHT, WIDTH)
    pixels[300:, :200] = (226, 224, 230)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def study(field, tmp_path_factory):
    """The field at quality study."""
    return archived(field, tmp_path_factory.mktemp("study"), "study", models=("m2",))


@pytest.fixture(scope="module")
def restored(study):
    """The restored pixels."""
    with ArchivedSlide(study.archive) as archive:
        return archive.read(0, 0, WIDTH, HEIGHT)


def within_rounding(found, expected):
    difference = np.abs(np.subtract(found, expected, dtype=int))
    return difference.max() <= 1 and (difference > 0).mean() < 1e-3


@needs_lpips
def test_each_block_is_the_lr_of_the_study_without_loss(study):
    lr = reduce(study.pixels, 4, "study")
    with ArchiveFile(study.archive) as archive:
        assert set(archive.index.kinds.flat) == {LR4_LOSSLESS_GENERATOR.code}
        for row, column in archive.header.grid.blocks():
            kind, image, _ = archive.stored_image(row, column)
            assert kind is LR4_LOSSLESS_GENERATOR
            np.testing.assert_array_equal(image, lr[row * 128 :, column * 128 :][:128, :128])


@needs_lpips
def test_the_restored_pixels_are_those_of_the_generator(study, restored):
    """One pass over the LR of the whole slide, whose edge is repeated; far from edges, what `sr-tf upscale` gives."""
    from sr_tf.generators.load import load_generator
    from sr_tf.generators.upscale import upscale

    generator, lr = load_generator("m2"), reduce(study.pixels, 4, "study")
    margin = generator.receptive_radius
    padded = np.pad(lr, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    sr = to_uint8(generator.predict_on_batch(padded[None].astype(np.float32))[0])
    assert within_rounding(restored, sr[4 * margin :, 4 * margin :][:HEIGHT, :WIDTH])
    inside = np.s_[4 * margin : HEIGHT - 4 * margin, 4 * margin : WIDTH - 4 * margin]
    assert within_rounding(restored[inside], upscale(generator, lr)[:HEIGHT, :WIDTH][inside])


@needs_lpips
def test_the_recorded_scores_are_those_of_independent_implementations(study, restored):
    from sr_tf.metrics.lpips import LPIPS

    lpips, units = LPIPS("alex"), UNITS_BY_VERSION[2]
    with ArchiveFile(study.archive) as archive:
        scores = archive.scores()
    assert list(scores) == ["psnr", "ssim", "shift", "lpips"]
    assert scores["lpips"].shape == (3, 3)
    for row, column in np.ndindex(3, 3):
        tile = np.s_[row * 256 : (row + 1) * 256, column * 256 : (column + 1) * 256]
        hr, sr = study.pixels[tile], restored[tile]
        narrow = ((0, 0), (0, max(0, 31 - hr.shape[1])), (0, 0))
        ssim = structural_similarity(
            hr, sr, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        )
        expected = {
            "psnr": peak_signal_noise_ratio(hr, sr),
            "ssim": ssim,
            "shift": np.abs((np.float64(sr) - hr).mean(axis=(0, 1))).max(),
            "lpips": float(lpips(*(np.pad(image, narrow, mode="edge")[None] for image in (hr, sr)))[0]),
        }
        for name, value in expected.items():
            assert scores[name][row, column] == pytest.approx(value, abs=1.2 * units[name] + 1e-4), (name, row, column)


@needs_lpips
def test_nothing_is_promised_and_everything_is_reported(study, capsys, tmp_path):
    assert main(["info", str(study.archive), "--map", str(tmp_path / "map.png")]) == 0
    out = capsys.readouterr().out
    assert (
        "gate        study: 4× reduced and restored by a generator; no threshold, every tile's errors are kept" in out
    )
    for name in ("psnr", "ssim", "lpips"):
        assert any(line.startswith(name) and "mean" in line and "worst tile" in line for line in out.splitlines())
    assert "the LPIPS of each tile" in out
    with ArchiveFile(study.archive) as archive:
        assert "no threshold" in describe(archive.header)
        scores, described = archive.scores(), describe_map(SimpleNamespace(archive=archive))
    np.testing.assert_allclose(described["lpips"], scores["lpips"], atol=1e-9)
    assert Image.open(tmp_path / "map.png").format == "PNG"


@needs_lpips
def test_the_map_shows_the_lpips_of_each_tile(study, monkeypatch):
    """Tiles with other scores have other colours; the middle of a flat map is three quarters of the tile's colour."""
    lpips = np.array([[0.01, 0.07, 0.12], [0.17, 0.25, 0.6], [0.05, 0.3, np.inf]])
    monkeypatch.setattr(ArchiveFile, "scores", lambda _: {"lpips": lpips})
    monkeypatch.setattr(ArchiveFile, "overview", lambda _: np.zeros((77, 67, 3), np.uint8))
    with ArchiveFile(study.archive) as archive:
        picture = np.asarray(Image.open(io.BytesIO(draw_map(archive)))).astype(int)
    factor = 640 / HEIGHT
    left = 2 * 24 + round(WIDTH * factor)
    for (row, column), value in np.ndenumerate(lpips):
        colour = next((colour for limit, colour in LPIPS_COLOURS if value < limit), LPIPS_COLOURS[-1][1])
        x, y = left + round((column * 256 + 10) * factor), 24 + 52 + round((row * 256 + 50) * factor)
        assert np.abs(picture[y, x] - 0.75 * np.array(colour)).max() <= 1, (row, column)


@needs_lpips
def test_verify_measures_lpips_again(study, monkeypatch, capsys):
    command = ["verify", str(study.archive), "--against", str(study.slide)]
    assert main(command) == 0
    assert "lpips 0." in capsys.readouterr().out
    measure = Measure.__call__

    def worse(self, hr, sr):
        scores = measure(self, hr, sr)
        return {**scores, "lpips": scores["lpips"] + 0.002}

    monkeypatch.setattr(Measure, "__call__", worse)
    assert main(command) == 2
    assert "has lpips 0." in capsys.readouterr().err


@needs_lpips
def test_flipped_bytes_are_found(study, tmp_path):
    content = study.archive.read_bytes()
    draw = random.Random(2)
    for number in range(8):
        place = draw.randrange(len(content))
        path = tmp_path / f"{number}.zip"
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :])
        try:
            assert check_integrity(path)
        except UserError as error:
            assert str(path) in str(error)


@pytest.mark.long
@needs_lpips
def test_an_interrupted_call_is_continued(study, tmp_path, monkeypatch):
    """The blocks that are in the journal are not reduced again, nor measured; the file is the same to the byte."""
    measure, measured, reduced = Measure.__call__, [], []

    def interrupted(self, hr, sr):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(hr)
        return measure(self, hr, sr)

    monkeypatch.setattr(Measure, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        archived(study.slide, tmp_path, "study", models=("m2",), workers=1)
    assert journal_of(tmp_path / "study.sr.zip").exists()
    monkeypatch.setattr(Measure, "__call__", lambda self, hr, sr: measured.append(hr) or measure(self, hr, sr))
    monkeypatch.setattr(Chooser, "choose", lambda *_, **__: reduced.append(1))
    result = archived(study.slide, tmp_path, "study", models=("m2",), workers=1)
    assert (len(measured), reduced) == (4, [])
    assert result.archive.read_bytes() == study.archive.read_bytes()


@needs_lpips
@pytest.mark.parametrize(
    ("models", "found"),
    [
        ("", "found the generators none, expected exactly one that enlarges ×4"),
        ("archive2", r"found the generators archive2 \(×2\), expected exactly one"),
        ("m2,archive2", r"found the generators archive2 \(×2\), m2 \(×4\), expected exactly one"),
    ],
)
def test_exactly_one_generator_of_scale_4_is_needed(field, tmp_path, capsys, models, found):
    assert main(["archive", str(field), str(tmp_path / "a.zip"), "--quality", "study", "--models", models]) == 2
    error = capsys.readouterr().err
    assert re.search(rf"--quality=study: .*{found}", error)
    assert not list(tmp_path.iterdir())


@needs_lpips
def test_a_generator_that_is_told_the_codecs_quality_is_refused(field, tmp_path, capsys):
    from sr_tf.models.edsr import EDSR

    told = EDSR(blocks=1, filters=4, scale=4, one_step=True, quality_input=True)
    told.build((None, None, None, 4))
    told.save(tmp_path / "told.keras")
    command = ["archive", str(field), str(tmp_path / "a.zip"), "--quality", "study"]
    assert main([*command, "--models", str(tmp_path / "told.keras")]) == 2
    assert re.search(
        r"--quality=study: .*told\.keras .* is told the codec's quality, expected", capsys.readouterr().err
    )


def test_missing_weights_of_lpips_are_an_error_before_anything_is_done(field, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SR_TF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build.Builder, "choose", lambda *_: pytest.fail("work has begun"))
    (tmp_path / "out").mkdir()
    assert main(["archive", str(field), str(tmp_path / "out" / "a.zip"), "--quality", "study"]) == 2
    error = capsys.readouterr().err
    assert "`sr-tf assets fetch lpips_imagenet` gets it" in error
    assert error.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("flag", [["--min-psnr", "40"], ["--min-ssim", "0.9"], ["--max-enl0", "1"], ["--refine"]])
def test_thresholds_and_refinement_are_refused(field, tmp_path, capsys, flag):
    assert main(["archive", str(field), str(tmp_path / "a.zip"), "--quality", "study", *flag]) == 2
    assert "--quality=study" in capsys.readouterr().err


def test_the_gate_of_the_study_lets_everything_pass_but_what_was_not_measured():
    gate = chosen_gate("study", None, None, None)
    assert gate is QUALITIES["study"]
    assert gate.narrowed() is gate
    worst = {"psnr": np.zeros((1, 1)), "ssim": -np.ones((1, 1)), "shift": np.full((1, 1), 255.0)}
    assert gate.passes(worst) and gate.passed_as_stored(worst).all()
    assert not gate.passes({**worst, "psnr": np.full((1, 1), np.nan)})
    assert "LPIPS" in gate.protocol and "LPIPS" not in QUALITIES["visual"].protocol
    assert score_names(replace(QUALITIES["visual"], max_enl0=1.0)) == ("psnr", "ssim", "shift", "enl0")


@needs_lpips
@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"gate": {"min_psnr": 30.0}}, "`gate`: has the name `study` and thresholds"),
        ({"gate": {"name": "custom"}}, "`scores` is .*lpips"),
        ({"scores": ["psnr", "ssim", "shift"]}, "`scores` is .*expected .*lpips"),
        ({"scores": ["psnr", "ssim", "lpips", "shift"]}, "`scores` is"),
        ({"version": 1}, "`gate.name` is 'study'"),
    ],
)
def test_headers_that_contradict_themselves_are_refused(study, change, found):
    with ArchiveFile(study.archive) as archive:
        header = json.loads(archive.header.to_json())
    for name, value in change.items():
        header[name] = {**header[name], **value} if isinstance(value, dict) else value
    with pytest.raises(ValueError, match=found):
        parse(json.dumps(header))


@pytest.mark.long
@needs_lpips
def test_a_generator_with_its_own_reducer_gets_what_that_makes(tmp_path):
    from sr_tf.generators.load import load_generator, load_reducer
    from sr_tf.generators.reduction import reduce_for

    Image.fromarray(render_smear(4, 70, 530)).save(tmp_path / "field.png")
    made = archived(tmp_path / "field.png", tmp_path, "study", models=("archive4",))
    lr = reduce_for(load_generator("archive4"), load_reducer("archive4"), made.pixels)
    with ArchiveFile(made.archive) as archive:
        stored = np.concatenate([archive.stored_image(0, column).image for column in range(2)], 1)
    assert within_rounding(stored, lr)


def test_the_help_says_what_it_is(capsys):
    with pytest.raises(SystemExit):
        main(["archive", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "study: the published scheme" in text
    assert "Nothing is promised of any tile" in text
    assert "with --quality study m2" in text
