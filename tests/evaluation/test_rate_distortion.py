"""Rate–distortion from images to result files, on small drawn scenes with few levels."""

import io
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from sr_tf.assets.store import is_cached
from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.evaluation import rate_methods, rate_tables
from sr_tf.evaluation.curves import _styles, picture
from sr_tf.evaluation.measures import load_measures
from sr_tf.evaluation.rate_distortion import measure, measure_image
from sr_tf.evaluation.rate_methods import after_coding, default_methods, full_size, generated, interpolated, refined
from sr_tf.evaluation.rate_results import AVIF, BEST, JPEG_XL, RateDistortion, deltas
from sr_tf.generators.load import load_generator
from sr_tf.images.codecs import CODECS
from sr_tf.images.degradation import reduce
from sr_tf.images.reading import write_png
from sr_tf.models.coded_filter import CodedFilter
from sr_tf.models.edsr import EDSR
from sr_tf.models.reducer import Reducer


@pytest.fixture(scope="module")
def scenes():
    return [("first", render_smear(1, 130, 117)), ("ward/second", render_smear(2, 128, 160))]


@pytest.fixture(scope="module")
def methods():
    coarse = [
        replace(full_size(name), levels=levels)
        for name, levels in (("avif-slow", (0, 25, 50)), ("avif420-slow", (0, 25, 50)), ("jpegxl", (15, 6, 2)))
    ]
    small = [
        replace(method, levels=(30, 60, 90))
        for method in (interpolated(4), generated("small", load_generator("small")))
    ]
    return [*coarse, *small]


@pytest.fixture(scope="module")
def measures():
    return load_measures(("psnr", "ssim"), 4, "antialiased")


@pytest.fixture(scope="module")
def result(scenes, methods, measures, tmp_path_factory):
    points, sizes = measure(scenes, methods, measures, tmp_path_factory.mktemp("records"), workers=2)
    return RateDistortion(points, tuple(methods), sizes, "drawn", ("psnr", "ssim"), (0.2, 0.4), {"small": 430_000})


def test_a_point_holds_the_size_of_the_file_and_the_scores_of_the_restored_image(scenes, result):
    for name, hr in scenes:
        pixels = hr.shape[0] * hr.shape[1]
        file = CODECS["avif-slow"].encode(hr, 25)
        point = result.points["AVIF 4:4:4"][name][1]
        assert (point["level"], point["bytes"]) == (25, len(file))
        assert point["bpp"] == pytest.approx(8 * len(file) / pixels)
        assert point["psnr"] == pytest.approx(cv2.PSNR(hr, CODECS["avif-slow"].decode(file)), abs=1e-3)

        file = CODECS["avif10-slow"].encode(reduce(hr, 4, "antialiased"), 60)
        point = result.points["LR ×4 + bicubic"][name][1]
        assert point["bytes"] == len(file)
        assert point["bpp"] == pytest.approx(8 * len(file) / pixels)  # per pixel of the original, not of the LR
        enlarged = cv2.resize(CODECS["avif10-slow"].decode(file), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
        assert point["psnr"] == pytest.approx(cv2.PSNR(hr, enlarged[: hr.shape[0], : hr.shape[1]]), abs=1e-3)


def test_interpolation_and_generator_restore_the_same_files(result):
    for name in result.sizes:
        bicubic, small = (result.points[f"LR ×4 + {how}"][name] for how in ("bicubic", "small"))
        assert [point["bytes"] for point in bicubic] == [point["bytes"] for point in small]
        assert small[-1]["psnr"] != bicubic[-1]["psnr"]


@pytest.mark.slow
def test_refined_lrs_are_files_of_their_own(scenes, measures):
    generator = load_generator("archive2")
    methods = [replace(make("archive2", generator), levels=(40,)) for make in (generated, refined)]
    assert methods[0].settings != methods[1].settings
    plain, better = (points[0] for points in measure_image(scenes[1][1], methods, measures).values())
    assert better["bytes"] != plain["bytes"]
    assert better["psnr"] > plain["psnr"]


def test_methods_follow_the_scales_of_the_generators():
    def names(generators):
        return [method.name for method in default_methods(generators) if method.scale > 1]

    assert names({}) == ["LR ×4 + bicubic"]
    two = {"a": EDSR(1, 8, scale=2), "b": EDSR(1, 8, scale=4)}
    assert names(two) == ["LR ×2 + bicubic", "LR ×4 + bicubic", "LR ×2 + a", "LR ×4 + b"]


def test_a_later_call_measures_only_what_is_new(scenes, methods, measures, tmp_path, monkeypatch):
    coded = []

    def counted(codec):
        return replace(codec, encode=lambda image, level: coded.append(codec.name) or codec.encode(image, level))

    few = [replace(full_size("webp"), levels=(5, 60)), replace(interpolated(4), levels=(40, 80))]
    few = [replace(method, codec=counted(method.codec)) for method in few]
    first = measure(scenes[:1], few[:1], measures, tmp_path)
    assert coded == ["webp", "webp"]
    assert measure(scenes[:1], few[:1], measures, tmp_path) == first
    assert len(coded) == 2
    measure(scenes, few, measures, tmp_path)  # another method, another scene
    assert sorted(coded) == ["avif10-slow"] * 4 + ["webp"] * 4
    assert (tmp_path / "ward" / "second.json").is_file()
    coded.clear()
    measure(scenes[:1], [replace(few[0], levels=(5, 70))], measures, tmp_path)  # other levels
    assert len(coded) == 2
    changed = [("first", scenes[0][1][::-1].copy())]
    assert measure(changed, few[:1], measures, tmp_path)[0] != first[0]  # other pixels of the same name
    assert len(coded) == 4


def test_a_generator_with_other_weights_is_another_method():
    generators = [EDSR(1, 8, scale=4) for _ in range(2)]
    for generator in generators:
        generator.build((None, None, None, 3))
    first, second = (generated("own", generator) for generator in generators)
    assert first.settings != second.settings
    assert first.settings == generated("own", generators[0]).settings


def test_a_damaged_record_is_measured_anew_and_equal_pixels_survive_it(measures, tmp_path):
    flat = [("flat", np.full((64, 64, 3), 128, np.uint8))]
    method = replace(full_size("jpeg"), levels=(50, 90))
    points, _ = measure(flat, [method], measures, tmp_path)
    assert points["JPEG"]["flat"][0]["psnr"] == np.inf
    assert measure(flat, [method], measures, tmp_path)[0] == points
    whole = json.loads((tmp_path / "flat.json").read_text("utf-8"))
    (first, second) = next(iter(whole["curves"].values()))
    damaged = [[], {}, None, [first], [first, {**second, "bpp": 0}], [first, {**second, "psnr": "30"}], [first, first]]
    damaged += [[first, {key: value for key, value in second.items() if key != "ssim"}], [first, {**second, "more": 1}]]
    contents = ["{ half a reco", "", "[" * 99_999, "3", json.dumps({**whole, "curves": 3})]
    contents += [json.dumps({**whole, "curves": dict.fromkeys(whole["curves"], curve)}) for curve in damaged]
    for content in contents:
        (tmp_path / "flat.json").write_text(content, "utf-8")
        assert measure(flat, [method], measures, tmp_path)[0] == points
        assert json.loads((tmp_path / "flat.json").read_text("utf-8")) == whole


def test_a_reducer_decides_what_is_coded(scenes, measures, tmp_path):
    generator = load_generator("small")
    reducer = Reducer(4, 4)
    reducer.build((None, None, None, 3))
    weights = reducer.get_weights()
    weights[-1][:] = 20 / 127.5  # the last bias: every LR pixel becomes brighter by 20
    reducer.set_weights(weights)
    plain, own = (replace(generated("small", generator, r), levels=(60,)) for r in (None, reducer))
    assert plain.settings != own.settings
    hr = scenes[0][1]
    np.testing.assert_allclose(np.clip(plain.reduce(hr) + 20.0, 0, 255), own.reduce(hr), atol=1)
    two = [plain, replace(own, name="own")]
    points, _ = measure(scenes[:1], two, measures, tmp_path)
    assert points["LR ×4 + small"]["first"][0]["psnr"] > points["own"]["first"][0]["psnr"] + 5


def test_where_there_are_two_scales_their_envelope_is_a_curve(scenes, measures, tmp_path):
    methods = [replace(interpolated(scale), levels=(30, 60, 90)) for scale in (2, 4)]
    points, sizes = measure(scenes, methods, measures, tmp_path)
    both = RateDistortion(points, tuple(methods), sizes, "drawn", ("psnr",), (0.2, 0.4)).curves("psnr")
    assert list(both)[-1] == BEST
    for best, *parts in zip(both[BEST], *(both[method.name] for method in methods), strict=True):
        for part in parts:
            assert np.all(best.at(part.rates) >= part.qualities - 1e-9)


def test_the_envelope_is_never_below_either_kind_of_avif(result):
    for key in result.scores:
        curves = result.curves(key)
        assert next(iter(curves)) == AVIF
        for best, first, second in zip(curves[AVIF], curves["AVIF 4:4:4"], curves["AVIF 4:2:0"], strict=True):
            rates = np.geomspace(best.rates[0], best.rates[-1], 50)[1:-1]
            either = np.fmax(first.at(rates), second.at(rates))
            assert (best.at(rates) >= either - 0.02).all()


def test_deltas_agree_with_the_curves(result):
    curves = result.curves("psnr")
    found = deltas(curves, AVIF, (0.2, 0.4))
    assert set(found) == {*curves} - {AVIF}
    assert found["AVIF 4:2:0"].quality.value <= 0.01
    back = deltas(curves, JPEG_XL, (0.2, 0.4))[AVIF]
    assert (1 + back.rate.value / 100) * (1 + found[JPEG_XL].rate.value / 100) == pytest.approx(1)
    delta = found["LR ×4 + small"]
    assert 0 < delta.quality.count <= 2
    if delta.crossing is not None:
        assert delta.quality_below.value > delta.quality.value


def test_tables_say_what_was_measured_and_how(result):
    text, markdown, compared = (
        write(result) for write in (rate_tables.table_text, rate_tables.table_markdown, rate_tables.deltas_markdown)
    )
    for form in (text, markdown, compared):
        for part in (
            "drawn, 2 images of 117×130 to 160×128 pixels", "all bytes of the file", "per pixel of the original",
            "antialiased ×4", "INTER_AREA", "4:2:0, speed 2", "libavif ", "no border cut", "range 255", "SSIM window",
            "not counted: a generator's weights", "small 0.43 MB, 0.0034 bit/pixel", "1,000 megapixels", "PCHIP",
            "never extrapolated", "Research use only",
        ):  # fmt: skip
            assert part in form
        for method in (AVIF, "JPEG XL", "LR ×4 + bicubic", "LR ×4 + small"):
            assert method in form
    assert "0.103" in text
    row = next(line for line in markdown.splitlines() if line.startswith("| LR ×4 + small"))
    assert row.count("|") == 8
    assert "PSNR compared with JPEG XL" in compared
    assert "VCEG" not in text


def test_json_holds_every_point_and_no_infinity(result):
    document = json.loads(rate_tables.as_json(result), parse_constant=lambda name: pytest.fail(name))
    assert document["images"]["JPEG XL"]["ward/second"] == result.points["JPEG XL"]["ward/second"]
    assert document["scores"]["psnr"]["deltas"][AVIF]["LR ×4 + small"]["quality"]["count"] in (1, 2)
    assert len(document["scores"]["ssim"]["at_rates"][AVIF]) == len(document["rates"])


def test_the_picture_shows_the_curves(result):
    image = Image.open(io.BytesIO(picture(result, "psnr")))
    assert image.format == "PNG"
    assert image.width > 1000
    colours = np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)
    for colour, _ in _styles(result.restored()).values():
        assert (colours == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(axis=1).any()
    assert np.asarray(image.convert("L")).mean() > 230  # a light page


@pytest.fixture
def few_levels(monkeypatch):
    monkeypatch.setattr(rate_methods, "FULL_SIZE", ("avif-slow", "jpeg"))
    monkeypatch.setattr(rate_methods, "LR_LEVELS", {4: (40, 80)})
    quick = replace(CODECS["avif-slow"], levels=(0, 30, 60))
    monkeypatch.setitem(CODECS, "avif-slow", quick)


@pytest.mark.slow
def test_the_command_writes_everything_and_continues(few_levels, tmp_path, capsys, caplog):
    for name, hr in (("a.png", render_smear(3, 96, 96)), ("b/c.png", render_smear(4, 96, 120))):
        write_png(tmp_path / "in" / name, hr)
    (tmp_path / "in" / "cut.png").write_bytes(b"no image")
    out = tmp_path / "out"
    command = ["rate-distortion", str(tmp_path / "in"), "--out", str(out), "--models=small"]
    assert main(command) == 0
    written = {path.name for path in out.iterdir()}
    files = {"table.txt", "table.md", "deltas.md", "rate-distortion.json", "curves-psnr.png", "curves-ssim.png"}
    if is_cached("lpips_imagenet"):
        files.add("curves-lpips_alex.png")
    assert written == {*files, "images"}
    assert (out / "images" / "b" / "c.png.json").is_file()
    assert "skipped 1 of 3" in caplog.text
    printed = capsys.readouterr().out
    assert "LR ×4 + small" in printed
    before = {name: (out / name).read_bytes() for name in files}
    stamp = (out / "images" / "a.png.json").stat().st_mtime_ns
    assert main(command) == 0
    assert (out / "images" / "a.png.json").stat().st_mtime_ns == stamp
    assert {name: (out / name).read_bytes() for name in files} == before
    assert main([*command, "--strict"]) == 2
    assert "cut.png" in capsys.readouterr().err


def test_wrong_arguments_are_one_line(tmp_path, capsys):
    write_png(tmp_path / "in" / "a.png", render_smear(3, 32, 32))
    command = ["rate-distortion", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    for more, complaint in (
        (["--scores=shift_r"], "not a score for curves"),
        (["--scores=beauty"], "expected some of psnr, ssim"),
        (["--models=small,small"], "same name"),
        (["--models=nobody"], "no such generator"),
    ):
        assert main([*command, *more]) == 2
        error = capsys.readouterr().err
        assert complaint in error
        assert error.count("\n") == 1
    assert main(["rate-distortion", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    assert "no such folder" in capsys.readouterr().err
    for band in ("0.1", "0.2,0.1", "0,1", "a,b", "0.1,inf"):
        with pytest.raises(SystemExit):
            main([*command, f"--band={band}"])
        assert "two rising rates" in capsys.readouterr().err


def test_a_filter_restores_each_file_and_is_told_its_level(scenes, measures, tmp_path):
    network = CodedFilter(0, 4)
    network.build((None, None, None, 4))
    plain = replace(full_size("avif10-slow"), levels=(20, 60))
    untrained = replace(after_coding("untrained", network), levels=(20, 60))
    points, sizes = measure(scenes[:1], [plain, untrained], measures, tmp_path / "untrained")
    compared = RateDistortion(points, (plain, untrained), sizes, "drawn", ("psnr",), (0.2, 0.4))
    assert f"PSNR compared with {plain.name}" in rate_tables.deltas_markdown(compared)
    assert points[untrained.name]["first"] == points[plain.name]["first"]

    weights = [np.zeros_like(weight) for weight in network.get_weights()]
    weights[0][1, 1, 12] = 1
    weights[1][:] = 1  # the quality / 50 becomes a feature, which darkens all pixels more, the higher it is
    weights[2][1, 1] = np.eye(4)
    weights[4][1, 1] = -0.01
    network.set_weights(weights)
    darkening = replace(after_coding("darkening", network), levels=(20, 60))
    assert darkening.settings != untrained.settings
    points, _ = measure(scenes[:1], [plain, darkening], measures, tmp_path / "darkening")
    lost = [
        first["psnr"] - second["psnr"]
        for first, second in zip(points[plain.name]["first"], points[darkening.name]["first"], strict=True)
    ]
    assert 0 < lost[0] < lost[1]
