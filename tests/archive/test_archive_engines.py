"""Archives measured by one engine and restored by another."""

import numpy as np
import pytest
from archived_slides import archived

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.verify import measure_again
from sr_tf.cli.main import main


@pytest.fixture(autouse=True)
def openvino():
    pytest.importorskip("sr_tf.generators.openvino")


@pytest.fixture(scope="module")
def by_openvino(slide_file, tmp_path_factory):
    """The slide at quality visual, measured with OpenVINO."""
    return archived(slide_file, tmp_path_factory.mktemp("openvino"), "visual", engine="openvino")


def pixels(archive, engine):
    with ArchivedSlide(archive, engine=engine) as slide:
        assert any(slide.kind(*place).generator for place in slide.header.grid.blocks())
        return slide.read(0, 0, slide.header.slide.width, slide.header.slide.height).astype(int)


@pytest.mark.long
def test_both_engines_restore_the_same_slide(visual, capsys):
    difference = np.abs(pixels(visual.archive, "openvino") - pixels(visual.archive, "tensorflow"))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    messages = capsys.readouterr().err
    assert messages.count("restored by openvino: pixels may differ by 1 of 255") == 1
    assert "restored by tensorflow" not in messages


@pytest.mark.long
@pytest.mark.parametrize("measured, restoring", [("tensorflow", "openvino"), ("openvino", "tensorflow")])
def test_one_engine_confirms_what_the_other_measured(measured, restoring, visual, by_openvino):
    made = {"tensorflow": visual, "openvino": by_openvino}[measured]
    with ArchivedSlide(made.archive, engine=measured) as slide:
        assert {one["engine"].split()[0] for one in slide.header.generators} == {measured}
    findings, _ = measure_again(made.archive, made.slide, (), engine=restoring)
    assert findings == []


@pytest.mark.long
def test_the_commands_use_the_given_engine(by_openvino, tmp_path, capsys):
    region = ["--region", "0,0,300,200"]
    for engine in ("openvino", "tensorflow"):
        assert (
            main(["restore", str(by_openvino.archive), str(tmp_path / f"{engine}.png"), *region, "--engine", engine])
            == 0
        )
        warned = "measured with openvino" in capsys.readouterr().err
        assert warned == (engine == "tensorflow")
    against = ["--against", str(by_openvino.slide)]
    assert main(["verify", str(by_openvino.archive), *against, "--engine", "openvino"]) == 0
    assert main(["info", str(by_openvino.archive)]) == 0
    assert "measured with openvino 20" in capsys.readouterr().out
