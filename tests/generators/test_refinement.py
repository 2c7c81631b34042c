"""LRs refined for a generator and a codec, and archives that contain them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.verify import measure_again
from sr_tf.archive.write import Options, write_archive
from sr_tf.data.smear import render_smear
from sr_tf.generators.load import load_network
from sr_tf.generators.refinement import Refiner
from sr_tf.generators.upscale import upscale
from sr_tf.images.codecs import CODECS
from sr_tf.images.degradation import crop_to, reduce
from sr_tf.images.pixels import with_quality
from sr_tf.images.reading import write_png

CODEC = CODECS["avif-fast"]


@pytest.fixture(scope="module", params=["archive2", "told2"])
def generator(request):
    return load_network(request.param)


@pytest.fixture(scope="module")
def hr():
    return render_smear(5, 123, 150)  # neither a multiple of the scale nor of the transform's blocks


def mean_error(generator, hr, file, quality):
    lr = CODEC.decode(file)
    told = with_quality(lr, quality) if generator.channels == 4 else lr
    sr = crop_to(upscale(generator, told), hr.shape[:2])
    return np.mean(np.square(sr.astype(float) - hr))


def test_a_refined_lr_is_restored_better_at_equal_bytes(generator, hr):
    lr = reduce(hr, 2, "antialiased")
    qualities = np.arange(20, 71, 5)
    plain = [CODEC.encode(lr, int(quality)) for quality in qualities]
    errors = [mean_error(generator, hr, file, quality) for file, quality in zip(plain, qualities, strict=True)]
    refiner = Refiner(generator)
    for quality in (30, 50):
        file = refiner.code(hr, lr, CODEC, quality)
        expected = np.exp(np.interp(np.log(len(file)), np.log([len(one) for one in plain]), np.log(errors)))
        assert mean_error(generator, hr, file, quality) < 0.98 * expected
        assert file == refiner.code(hr, lr, CODEC, quality), "the same each time"


@pytest.mark.parametrize("margins", [((19, 19), (19, 19)), ((19, 19), (19, 40))])
def test_the_pixels_around_an_lr_are_context_only(generator, hr, margins):
    """A block at the slide's right edge is narrower than its window, whose size is that of a whole block."""
    lr = reduce(hr, 2, "antialiased")
    window = np.pad(lr, (*margins, (0, 0)), mode="reflect")
    kept = window.copy()
    file = Refiner(generator).code(hr, lr, CODEC, 40, window, 19)
    assert CODEC.decode(file).shape == lr.shape
    np.testing.assert_array_equal(window, kept)
    assert cv2.PSNR(CODEC.decode(file), lr) > 30, "it still looks like an LR"


@pytest.mark.long
def test_refined_blocks_share_an_image_only_if_they_pass_in_it(tmp_path):
    # Two blocks that look alike: by its error the first one's image of its own seems worse than the shared one.
    slide = tmp_path / "cells.png"
    write_png(slide, cv2.GaussianBlur(np.hstack([render_smear(3, 512, 512)] * 2), (0, 0), 1.2))
    pieces = {}
    for refine in (False, True):
        target = tmp_path / f"{refine}.sr.zip"
        write_archive(slide, target, Options(QUALITIES["visual"], ("archive4",), refine=refine))
        with ArchiveFile(target) as archive:
            table, blocks = archive.index.table, np.bincount(archive.index.pieces.ravel())
            pieces[refine] = table["length"].tolist()
        assert (blocks == table["rows"].astype(int) * table["columns"]).all(), (
            "no block has left an image and still pays"
        )
    assert sum(pieces[True]) <= sum(pieces[False])


@pytest.mark.long
@pytest.mark.parametrize("model", ["archive2", "told2"])
def test_refined_blocks_take_fewer_bytes_and_pass_verification(model, tmp_path):
    slide = tmp_path / "cells.png"
    write_png(slide, render_smear(2, 512, 512))
    # Refinement lowers the mean error of an image. Where the worst cell decides, it has saved nothing.
    gate = replace(QUALITIES["diagnostic"], min_local_ssim=None, max_local_error=None)
    sizes = {}
    for refine in (False, True):
        target = tmp_path / f"{refine}.sr.zip"
        write_archive(slide, target, Options(gate, (model,), refine=refine, effort=9))
        with ArchivedSlide(target) as restored:
            assert restored.kind(0, 0).generator
        assert measure_again(target, slide, ())[0] == []
        with ArchiveFile(target) as archive:
            sizes[refine] = archive.index.table["length"].sum()
    assert sizes[True] < sizes[False]
