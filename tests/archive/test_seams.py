"""Blocks of all kinds beside each other show no edge."""

import numpy as np
import pytest
from PIL import Image

from sr_tf.archive import build
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.choose import Chooser
from sr_tf.archive.gate import Gate
from sr_tf.archive.grid import BLOCK
from sr_tf.archive.kinds import FAMILIES, Family
from sr_tf.archive.write import Options, write_archive
from sr_tf.data.smear import render_smear
from sr_tf.generators.names import ARCHIVE_GENERATORS

pytestmark = pytest.mark.long
SIDE = 3
ALONG = 16
"""Pixels along a border over which the error is averaged."""
LEVELS = {1: 60, 2: 80, 4: 96}
"""The AVIF qualities of stored images by their scale."""


def level(family):
    return 0.8 if family.kind.codec == "jpegxl" else LEVELS[family.kind.scale]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """The errors of a slide of 3 × 3 blocks, one of each kind whose image is coded with loss, and the kinds."""
    folder = tmp_path_factory.mktemp("seams")
    pixels = render_smear(4, SIDE * BLOCK, SIDE * BLOCK)
    Image.fromarray(pixels).save(folder / "slide.png")
    families = [Family(family.kind, (level(family),)) for family in FAMILIES]
    assert len(families) == SIDE**2
    # Neither scale nor network sorts them, so that unlike kinds meet everywhere.
    order = np.random.default_rng(2).permutation(len(families))
    blocks = [(row, column) for row in range(SIDE) for column in range(SIDE)]
    wanted = {
        pixels[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK].tobytes(): families[number]
        for (row, column), number in zip(blocks, order, strict=True)
    }

    class Assigned(Chooser):
        def choose(self, original, *arguments, **options):
            one = Chooser(self._gate, self._measure, self._generators, (wanted[original().tobytes()],))
            return one.choose(original, *arguments, **options)

    gate = Gate("custom", 15.0, 0.0, max_shift=100.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "Chooser", Assigned)
        write_archive(folder / "slide.png", folder / "a.sr.zip", Options(gate, ARCHIVE_GENERATORS))
    with ArchivedSlide(folder / "a.sr.zip") as archive:
        restored = archive.read(0, 0, *pixels.shape[1::-1])
        kinds = {archive.kind(*place) for place in blocks}
    return restored.astype(int) - pixels, kinds


def test_the_blocks_are_of_all_kinds(seen):
    _, kinds = seen
    assert kinds == {family.kind for family in FAMILIES}


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("border", [1, 2])
@pytest.mark.parametrize("block", range(SIDE))
def test_no_edge_is_seen_at_a_border(seen, axis, border, block):
    """An edge is a step of the error that goes on along the border, so the error is averaged along it."""
    error, _ = seen
    error = error if axis else error.transpose(1, 0, 2)
    strip = error[block * BLOCK : (block + 1) * BLOCK].reshape(BLOCK // ALONG, ALONG, -1, 3).mean(axis=1)
    steps = np.abs(strip[:, 2:-1] + strip[:, 3:] - strip[:, 1:-2] - strip[:, :-3]).mean(axis=(0, 2)) / 2
    place = border * BLOCK - 2
    beside = np.concatenate([steps[place - 72 : place - 8], steps[place + 9 : place + 73]])
    assert steps[place] <= beside.max() * 1.25 + 0.25
