"""Efforts: time against bytes. The gate holds at each."""

from dataclasses import replace

import numpy as np
import pytest
from archived_slides import archived
from hypothesis import given
from hypothesis import strategies as st

from sr_tf.archive.build import Builder
from sr_tf.archive.effort import DEFAULT_EFFORT, EFFORTS, HIGHEST_EFFORT
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.predict import Curve
from sr_tf.archive.verify import measure_again
from sr_tf.archive.write import Options
from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.images.reading import write_png

STEP = 0.25
"""What a level is worth in dB in these tests, about."""
PLACES = tuple(STEP * level for level in range(99))


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A field of cells, two blocks."""
    path = tmp_path_factory.mktemp("field") / "field.png"
    write_png(path, render_smear(11, 512, 1024))
    return path


def _verified(slide, folder, effort, quality="visual", models=()):
    """Archives and verifies a slide; returns the archive's size."""
    made = archived(slide, folder, quality, models, effort=effort)
    findings, _ = measure_again(made.archive, slide, (), 1, DEFAULT_ENGINE, False, lambda _: None)
    assert findings == []
    return made.archive.stat().st_size


@pytest.mark.parametrize(
    ("quality", "expected"),
    [
        ("visual", [(1, 42), (3, 16)]),
        ("diagnostic", [(3, 40), (3, 38)]),
    ],
)
def test_the_highest_effort_chooses_what_version_0_2_chose(quality, expected, field, tmp_path, monkeypatch):
    chosen = []
    # Version 0.2 judged whole tiles only.
    of_tiles = replace(QUALITIES[quality], min_local_ssim=None, max_local_error=None)
    monkeypatch.setitem(QUALITIES, quality, of_tiles)

    def note(builder):
        blocks = [builder._journal.stored(*place) for place in builder._grid.blocks()]
        chosen.extend((stored.kind.code, stored.level) for stored in blocks)

    monkeypatch.setattr(Builder, "share_segments", note)
    archived(field, tmp_path, quality, (), effort=HIGHEST_EFFORT)
    assert chosen == expected


def test_the_default_takes_at_most_3_percent_more_bytes_than_the_highest_effort(field, tmp_path):
    sizes = {}
    for effort in (DEFAULT_EFFORT, HIGHEST_EFFORT):
        (tmp_path / str(effort)).mkdir()
        sizes[effort] = sum(
            _verified(field, tmp_path / str(effort), effort, quality) for quality in ("visual", "diagnostic")
        )
    assert sizes[DEFAULT_EFFORT] <= 1.03 * sizes[HIGHEST_EFFORT]


@pytest.mark.parametrize("effort", [effort for effort in EFFORTS if effort not in (DEFAULT_EFFORT, HIGHEST_EFFORT)])
def test_archives_of_each_effort_verify(effort, field, tmp_path):
    assert _verified(field, tmp_path, effort) > 0


@pytest.mark.long
@pytest.mark.parametrize("effort", [4, 5, 8])
def test_archives_with_networks_verify(effort, field, tmp_path):
    assert _verified(field, tmp_path, effort, models=("archive4", "told2", "filter")) > 0


@pytest.mark.parametrize("text", ["0", "10", "-1", "fast", "1.5"])
def test_a_wrong_effort_is_one_line(text, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        main(["archive", "slide.svs", str(tmp_path / "a.sr.zip"), f"--effort={text}"])
    assert error.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert f"found '{text}', expected a whole number from 1 to 9" in lines[0]


@pytest.mark.parametrize("flag", ["--refine", "--models=archive4"])
def test_generators_with_an_effort_that_uses_none_are_one_line(flag, field, tmp_path, capsys):
    assert main(["archive", str(field), str(tmp_path / "a.sr.zip"), "--effort=4", flag]) == 2
    flag = flag.split("=")[0]
    assert f"--effort=4 uses no generator; expected no {flag} with it, or an effort of at least 5" in (
        capsys.readouterr().err
    )


def test_low_efforts_use_no_network():
    for effort, options in EFFORTS.items():
        used = Options(QUALITIES["visual"], ("archive4",), effort=effort).used_models
        assert used == (("archive4",) if options.networks else ())
        assert options.networks == (effort >= DEFAULT_EFFORT)
    assert Options(QUALITIES["study"], ("m2",), effort=1).used_models == ("m2",)
    assert Options(QUALITIES["lossless"], ("m2",)).used_models == ()


@given(st.floats(0.1, 0.45), st.floats(5, 90), st.floats(0.5, 20), st.integers(0, 98), st.integers(0, 98))
def test_two_looks_find_the_gate_if_errors_add(slope, place, ceiling, first, second):
    rest = 10 ** (-ceiling / 10)

    def distance(level):
        """The coding error is a straight line in dB, and what it leaves of the gate at `place` is the reduction's."""
        return -10 * np.log10((1 - rest) * 10 ** (-slope * (level - place) / 10) + rest)

    curve = Curve(PLACES, ceiling)
    for index in {first, second}:
        noise = 10 ** (-distance(index) / 10) - rest
        if noise < 0.01:
            return  # next to nothing of the error is the coding's, so the place cannot be seen from there
        curve.add(index, distance(index), 100 * np.exp(0.03 * index))
    if first != second:
        assert curve.place() / STEP == pytest.approx(place, abs=0.1)
        assert curve.index() in (int(np.floor(place)), int(np.ceil(place)))
        assert curve.cost(50) == pytest.approx(100 * np.exp(1.5), rel=0.01)
