"""What `sr-tf restore` writes besides its default: SVS-like files, other codings, files within given bytes."""

import numpy as np
import openslide
import pytest
import tifffile
import tiffslide
from archived_slides import archived, slide_pixels

import sr_tf
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.estimate import Estimate, strata
from sr_tf.archive.restore import restore_slide
from sr_tf.archive.restore_plan import RestoreOptions
from sr_tf.archive.restored_view import RestoredView
from sr_tf.cli.main import main
from sr_tf.disk.space import free_bytes, require_space
from sr_tf.errors import UserError
from sr_tf.slides.pyramid import PyramidInfo, write_pyramid
from sr_tf.slides.slide import open_slide
from sr_tf.slides.tile_codecs import Jpeg, JpegXl, Zstd

DESCRIPTION = "Aperio Image Library v11.2.1\r\n1150x840 (256x256) JPEG/RGB Q=92|AppMag = 40|MPP = 0.2500|User = x"


@pytest.fixture(scope="module")
def svs(tmp_path_factory):
    """A slide as Aperio's software writes it, and its lossless archive."""
    folder = tmp_path_factory.mktemp("svs")
    pixels = slide_pixels()
    with tifffile.TiffWriter(folder / "slide.svs") as writer:
        writer.write(
            pixels, tile=(256, 256), compression="jpeg", compressionargs={"level": 92}, photometric="rgb",
            description=DESCRIPTION, metadata=None,
        )  # fmt: skip
        for name, kind in (("thumbnail", 0), ("label", 1), ("macro", 9)):
            image = pixels[100 : 200 + kind, 100:230]
            writer.write(image, photometric="rgb", description=f"Aperio\r\n{name} x", subfiletype=kind, metadata=None)
    return archived(folder / "slide.svs", folder, "lossless", models=())


def by_openslide(path):
    with openslide.OpenSlide(path) as slide:
        pixels = np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))
        images = {name: np.asarray(image.convert("RGB")) for name, image in slide.associated_images.items()}
        return pixels, dict(slide.properties), images


def test_an_svs_is_aperios_to_openslide_with_the_same_pixels_tiles_and_images(svs, tmp_path):
    path = tmp_path / "restored.svs"
    assert "the original's JPEG tiles" in restore_slide(svs.archive, path, options=RestoreOptions("svs"))
    pixels, properties, images = by_openslide(path)
    _, expected, expected_images = by_openslide(svs.slide)
    np.testing.assert_array_equal(pixels, svs.pixels)
    for name in ("openslide.vendor", "openslide.mpp-x", "openslide.mpp-y", "openslide.objective-power"):
        assert properties[name] == expected[name]
    assert images.keys() == expected_images.keys() == {"thumbnail", "label", "macro"}
    for name, image in images.items():
        np.testing.assert_array_equal(image, expected_images[name])
    assert "not scanned" in properties["tiff.ImageDescription"]
    assert properties["aperio.original.aperio.User"] == "x"
    with tifffile.TiffFile(path) as copy, tifffile.TiffFile(svs.slide) as original:
        assert copy.is_svs and [series.name for series in copy.series] == ["Baseline", "Thumbnail", "Label", "Macro"]
        tiles = [
            [data for data, _ in file.filehandle.read_segments(page.dataoffsets, page.databytecounts)]
            for file, page in ((copy, copy.pages[0]), (original, original.pages[0]))
        ]
        assert tiles[0] == tiles[1]
    with tiffslide.TiffSlide(path) as slide:
        assert slide.properties["tiffslide.objective-power"] == 40
        assert len(slide.level_dimensions) == 3
        np.testing.assert_array_equal(slide.read_region((0, 0), 0, slide.dimensions, as_array=True), svs.pixels)
    with open_slide(path) as slide:
        assert slide.info.format == "aperio"


def test_a_slide_without_associated_images_gets_a_thumbnail_in_an_svs_and_nothing_it_does_not_state(visual, tmp_path):
    path = tmp_path / "restored.svs"
    assert "JPEG 90" in restore_slide(visual.archive, path, options=RestoreOptions("svs"))
    _, properties, images = by_openslide(path)
    assert list(images) == ["thumbnail"]
    assert "openslide.objective-power" not in properties
    assert float(properties["openslide.mpp-x"]) == pytest.approx(0.25)


@pytest.mark.parametrize("compression", ["zstd", "deflate", "jpegxl"])
def test_each_lossless_coding_keeps_every_pixel(lossless, tmp_path, compression):
    path = tmp_path / "restored.tif"
    restore_slide(lossless.archive, path, options=RestoreOptions(compression=compression))
    with tifffile.TiffFile(path) as tiff:
        assert tiff.pages[0].compression == {"zstd": 50000, "deflate": 8, "jpegxl": 50002}[compression]
        np.testing.assert_array_equal(tiff.series[0].levels[0].asarray(), lossless.pixels)
    if compression != "jpegxl":
        np.testing.assert_array_equal(by_openslide(path)[0], lossless.pixels)


def test_a_file_is_never_larger_than_told(visual, tmp_path):
    sizes = {}
    for name, most in (("lossless", 10**8), ("smaller", 120_000)):
        path = tmp_path / f"{name}.tif"
        line = restore_slide(visual.archive, path, options=RestoreOptions(max_bytes=most))
        sizes[name] = path.stat().st_size
        assert sizes[name] <= most
        assert ("lossless" in line) == (name == "lossless")
        assert f"{sizes[name]:,} bytes" in line
    assert sizes["smaller"] > 90_000, "the quality is near the highest that fits"
    for most, options in ((1000, {}), (50_000, {"compression": "zstd"})):
        with pytest.raises(UserError, match=rf"estimated\), expected at most {most:,}; give more bytes"):
            restore_slide(visual.archive, tmp_path / "none.tif", options=RestoreOptions(max_bytes=most, **options))
    assert not (tmp_path / "none.tif").exists()


def test_copied_tiles_that_do_not_fit_are_coded_again(lossless, tmp_path):
    path = tmp_path / "small.tif"
    line = restore_slide(lossless.archive, path, options=RestoreOptions(max_bytes=150_000))
    assert "JPEG" in line and "original" not in line
    assert path.stat().st_size <= 150_000


def test_a_file_that_became_too_large_is_coded_again_and_resumed(tmp_path):
    from sr_tf.slides.pyramid import Limit

    random = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    asked = []

    def smaller(found):
        asked.append(found)
        return [Jpeg(90), Jpeg(30), None][len(asked) - 1]

    def write(most):
        return write_pyramid(
            tmp_path / "a.tif", PyramidInfo(300, 300, 304), lambda *_: random, settings={}, limit=Limit(most, smaller)
        )

    assert write(80_000).name == "JPEG 30"
    assert asked[0] > asked[1] > 80_000 >= (tmp_path / "a.tif").stat().st_size
    (tmp_path / "a.tif").unlink()
    asked.clear()
    with pytest.raises(UserError, match="as JPEG 30, expected at most 10,000; nothing was written"):
        write(10_000)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_call_is_not_continued_with_another_coding(lossless, tmp_path, monkeypatch):
    monkeypatch.setattr(JpegXl, "encode", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch:
        patch.setattr("sr_tf.archive.restore.Estimate.bytes_as", lambda *_: 1000)
        restore_slide(lossless.archive, tmp_path / "a.tif", options=RestoreOptions(compression="jpegxl"))
    with pytest.raises(UserError, match="coding jpegxl, expected zstd"):
        restore_slide(lossless.archive, tmp_path / "a.tif", options=RestoreOptions(compression="zstd"))


def test_the_size_is_told_before_and_near_the_real_one(visual, tmp_path):
    told = []
    restore_slide(visual.archive, tmp_path / "a.tif", report=told.append)
    assert "estimated from 6 of 6 tiles" in told[0] and "free" in told[0]
    size = (tmp_path / "a.tif").stat().st_size
    with ArchivedSlide(visual.archive) as slide:
        estimate = Estimate(RestoredView(slide), {})
        assert estimate.bytes_as(Zstd()) == pytest.approx(size, rel=0.1)
    with pytest.raises(UserError, match=r"estimated.*free there; make room"):
        require_space(tmp_path / "none" / "a.tif", 2 * free_bytes(tmp_path) + 10**12)


def test_strata_stand_for_all():
    costs = np.r_[np.full(900, 10.0), np.full(100, 20_000.0)]
    chosen = strata(costs, 24)
    assert sum(weight for _, weight in chosen) == 1000
    assert sum(costs[index] * weight for index, weight in chosen) == pytest.approx(costs.sum(), rel=0.1)
    assert strata(np.zeros(1), 24) == [(0, 1.0)]


def test_the_commands_and_python_take_the_same_options(svs, tmp_path, capsys):
    given = [str(svs.archive), str(tmp_path / "a.svs"), "--to", "svs", "--compression", "jpeg", "--jpeg-quality", "80"]
    assert main(["restore", *given, "--max-magnification", "20×", "--max-bytes", "0.2MB"]) == 0
    printed = capsys.readouterr()
    first, last = printed.out.splitlines()
    assert "estimated from" in first and "575×420 pixels at 20×, JPEG 80" in last
    options = {"to": "svs", "compression": "jpeg", "jpeg_quality": 80, "max_magnification": 20, "max_bytes": 200_000}
    sr_tf.restore(svs.archive, tmp_path / "b.svs", **options)
    assert (tmp_path / "a.svs").read_bytes() == (tmp_path / "b.svs").read_bytes()
    region = ["restore", str(svs.archive), str(tmp_path / "a.png"), "--region", "0,0,9,9"]
    for flag, value in (("to", "svs"), ("compression", "zstd"), ("max-bytes", "1GB"), ("max-magnification", "20")):
        assert main([*region, f"--{flag}", value]) == 2
        assert f"--{flag}: a region is a PNG of full size" in capsys.readouterr().err
    with pytest.raises(UserError, match="to='czi': expected one of ome-tiff, svs"):
        sr_tf.restore(svs.archive, tmp_path / "c.czi", to="czi")
    for flag, value in (("max-bytes", "-1"), ("max-bytes", "many"), ("max-magnification", "0")):
        with pytest.raises(SystemExit, match="2"):
            main(["restore", *given, f"--{flag}", value])


def test_what_excludes_each_other_is_an_error_of_one_line(svs, visual, tmp_path):
    for message, options in {
        "expected one of zstd": {"compression": "lzw"},
        "is lossless, expected no JPEG quality": {"compression": "zstd", "jpeg_quality": 90},
        "OpenSlide cannot read it": {"to": "svs", "compression": "jpegxl"},
        "expected at least 1": {"max_bytes": 0},
        "expected a number above 0": {"max_magnification": 0.0},
    }.items():
        with pytest.raises(UserError, match=message):
            RestoreOptions(**options)
    with pytest.raises(UserError, match=r"expected a name that ends in .tif or .tiff, --to svs for .svs"):
        restore_slide(visual.archive, tmp_path / "a.svs")
    with pytest.raises(UserError, match=r"is the original of .*, expected another name"):
        restore_slide(svs.archive, svs.slide, options=RestoreOptions("svs"))
