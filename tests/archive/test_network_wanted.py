"""Networks are loaded only on slides where they weigh, and the decision holds for resumed calls."""

import subprocess
import sys

import numpy as np
import pytest

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.enlarge import BlockGenerator
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.grid import Grid
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import EXACT, KINDS
from sr_tf.archive.network_wanted import Decision, NetworkWantedError
from sr_tf.archive.stored import Stored
from sr_tf.archive.write import Options, write_archive
from sr_tf.data.smear import render_smear
from sr_tf.disk.spool import Spool
from sr_tf.errors import UserError
from sr_tf.images.reading import write_png

MODELS = ("archive4", "told2", "filter")


@pytest.fixture
def journal(tmp_path):
    with Spool(tmp_path / "journal", {}) as spool:
        yield Journal(spool, Grid(20 * 512, 512), None, None)


@pytest.fixture
def generators():
    return {4: BlockGenerator("archive4")}


def test_a_generator_without_its_network_has_its_geometry_and_nothing_else(journal, generators):
    unloaded = Decision(journal, generators, always=False).generators[4]
    whole = generators[4]
    for name in ("scale", "radius", "told", "reduction_margin", "record"):
        assert getattr(unloaded, name) == getattr(whole, name)
    for call in (lambda: unloaded(np.zeros((99, 99, 3), np.uint8), 50), lambda: unloaded.reduce(np.zeros((9, 9, 3)))):
        with pytest.raises(NetworkWantedError):
            call()


@pytest.mark.parametrize(("cost", "used"), [(40, False), (60, True), (np.inf, True)])
def test_networks_are_used_if_their_blocks_hold_more_than_a_twentieth_of_the_bytes(cost, used, journal, generators):
    for column in range(1, 20):
        journal.put(0, column, Stored(EXACT, 0, b"x" * 50, 50))
    decision = Decision(journal, generators, always=False)
    decision.postpone((0, 0), cost)
    assert 4 in decision.generators and decision.generators[4] is not generators[4]
    decision.close()
    assert decision.places == [(0, 0)]
    assert dict(decision.generators) == (generators if used else {})
    again = Decision(journal, generators, always=False)
    assert dict(again.generators) == (generators if used else {})


def test_many_blocks_that_want_a_network_decide_at_once(journal, generators):
    decision = Decision(journal, generators, always=False)
    for column in range(9):
        assert decision.generators[4] is not generators[4]
        decision.postpone((0, column), 1)
    assert decision.generators[4] is generators[4]


def test_a_full_search_uses_them_always(journal, generators):
    assert Decision(journal, generators, always=True).generators == generators
    assert journal.networks() is None


def _archived(folder, pixels, **options):
    write_png(folder / "slide.png", pixels)
    target = folder / "slide.sr.zip"
    target.unlink(missing_ok=True)
    write_archive(folder / "slide.png", target, Options(QUALITIES["visual"], MODELS, **options))
    return target


def _kinds(archive):
    with ArchivedSlide(archive) as opened:
        return [KINDS[code] for code in opened.index.kinds.ravel()]


def test_a_slide_of_texture_with_a_few_cells_needs_no_framework(tmp_path):
    random = np.random.default_rng(0)
    pixels = np.clip(random.normal(150, 25, (512, 2048, 3)), 0, 255).astype(np.uint8)
    pixels[:, :512] = (226, 224, 230)
    pixels[200:300, 200:300] = render_smear(1, 100, 100)
    write_png(tmp_path / "slide.png", pixels)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from sr_tf.archive.write import Options, write_archive\n"
        "from sr_tf.archive.gate import QUALITIES\n"
        f"folder = Path({str(tmp_path)!r})\n"
        f"write_archive(folder / 'slide.png', folder / 'a.sr.zip', Options(QUALITIES['visual'], {MODELS}))\n"
        "assert not {'tensorflow', 'keras', 'jax'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not any(kind.generator for kind in _kinds(tmp_path / "a.sr.zip"))


def test_cells_are_stored_for_networks_whatever_the_number_of_threads(tmp_path):
    found = set()
    for workers in (1, 3):
        archive = _archived(tmp_path, render_smear(1, 256, 600), workers=workers)
        assert any(kind.generator for kind in _kinds(archive))
        found.add(archive.read_bytes())
    assert len(found) == 1


def test_a_generator_that_does_not_exist_is_an_error_before_anything_is_read(tmp_path):
    with pytest.raises(UserError, match="no such generator"):
        BlockGenerator(str(tmp_path / "absent.keras"))
