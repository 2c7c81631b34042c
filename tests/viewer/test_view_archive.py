"""An archive in the viewer: it shows the measured pixels, and hatches what is damaged."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from viewed import running, whole_level

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.enlarge import BlockGenerator
from sr_tf.archive.gate import Gate
from sr_tf.archive.kinds import KINDS, LR2_GENERATOR, Family
from sr_tf.archive.write import Options, write_archive
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.generators.load import load_network
from sr_tf.images.cubic import enlarge_cubic
from sr_tf.images.pixels import to_uint8
from sr_tf.models.edsr import EDSR
from sr_tf.slides.slide import open_slide
from sr_tf.viewer.describe import describe_map
from sr_tf.viewer.levels import TILE, Levels
from sr_tf.viewer.served import ServedGenerator

pytestmark = pytest.mark.slow
WIDTH, HEIGHT = 1150, 740


def _level(server, layer, level):
    return whole_level(server, layer, Levels(WIDTH, HEIGHT), level)


@pytest.fixture(scope="module")
def restored(viewed):
    with ArchivedSlide(viewed.archive) as slide:
        yield slide


def test_the_archive_has_the_kinds_that_these_tests_need(restored):
    kinds = {restored.kind(*place) for place in restored.header.grid.blocks()}
    assert any(kind.generator for kind in kinds)
    assert len(kinds) > 1


def test_restored_tiles_have_the_restored_pixels(archive_view, restored):
    np.testing.assert_array_equal(_level(archive_view, "restored", 0), restored.read(0, 0, WIDTH, HEIGHT))


def test_interpolated_tiles_need_no_generator(archive_view, restored):
    found = _level(archive_view, "interpolated", 0)
    pixels = restored.read(0, 0, WIDTH, HEIGHT)
    for place in restored.header.grid.blocks():
        kind = restored.kind(*place)
        x, y, width, height = restored.header.grid.rectangle(*place)
        block = found[y : y + height, x : x + width]
        same = np.array_equal(block, pixels[y : y + height, x : x + width])
        assert same != kind.generator
        if kind.generator:
            lr = restored.blocks.windows.plane(*place, kind.scale)
            bicubic = enlarge_cubic(lr, kind.scale)
            inner = slice(16, height - 16), slice(16, width - 16)
            np.testing.assert_array_equal(block[inner], bicubic[:height, :width][inner])


def test_smaller_levels_show_the_slide_without_seams(archive_view, viewed):
    with open_slide(viewed.slide) as slide:
        original = slide.read(0, 0, WIDTH, HEIGHT)
    for level in range(1, Levels(WIDTH, HEIGHT).count):
        found = _level(archive_view, "restored", level)
        height, width = found.shape[:2]
        side = 2**level
        padded = np.pad(original, ((0, side * height - HEIGHT), (0, side * width - WIDTH), (0, 0)), mode="edge")
        expected = cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA)
        error = found.astype(float) - expected
        assert 10 * np.log10(255**2 / np.mean(error**2)) > 30
        border = 512 >> level
        if border < width - 4:
            steps = np.abs(np.diff(error.mean(axis=2), axis=1)).mean(axis=0)
            assert steps[border - 1] < 1.5 * np.delete(steps, border - 1).max()


def test_a_damaged_block_is_an_error_at_full_size_and_hatched_below(viewed, open_view, capsys):
    with ArchivedSlide(viewed.damaged.with_name("full.sr.zip")) as whole:
        undamaged = whole.read(0, 0, TILE, TILE)
    with open_view(viewed.damaged) as source, running(source) as server:
        broken = server.ask("/tiles/restored/0/4/2.png")
        assert broken.status == 500
        assert b"block 2,1 is damaged" in broken.body
        assert str(viewed.damaged).encode() not in broken.body
        assert broken.headers["cache-control"] == "no-store"
        assert server.ask("/tiles/restored/0/4/2.png").status == 500
        whole = server.ask("/tiles/restored/0/0/0.png")
        np.testing.assert_array_equal(whole.pixels, undamaged)
        small = server.ask("/tiles/restored/2/1/0.png").pixels
        assert {tuple(colour) for colour in small[130:, 4:30].reshape(-1, 3).tolist()} == {(44, 12, 40), (232, 62, 180)}
        clean = server.ask("/tiles/restored/2/0/0.png").pixels
        assert (232, 62, 180) not in {tuple(colour) for colour in clean[:100, :100].reshape(-1, 3).tolist()}
    printed = [line for line in capsys.readouterr().err.splitlines() if "damaged" in line]
    assert len(printed) == 1
    assert str(viewed.damaged) in printed[0]


def test_map_contains_the_archives_kinds_and_scores(archive_view, restored):
    shown = json.loads(archive_view.ask("/map.json").body)
    assert shown["kinds"] == restored.index.kinds.tolist()
    scores = restored.scores()
    for name in ("psnr", "ssim"):
        given = np.array([[np.inf if value is None else value for value in row] for row in shown[name]])
        np.testing.assert_allclose(given, scores[name], atol=1e-9)
    slide = json.loads(archive_view.ask("/slide.json").body)["archive"]
    assert {kind["name"] for kind in slide["kinds"]} == {KINDS[code].name for code in np.unique(restored.index.kinds)}
    assert sum(kind["blocks"] for kind in slide["kinds"]) == restored.index.kinds.size
    assert slide["sameOriginal"] is True
    assert "34 dB" in slide["gate"]


def test_map_contains_the_worst_cells(open_view, archive_view):
    assert json.loads(archive_view.ask("/map.json").body)["cells"] == [], "its gate judges no cells"
    with open_view(Path(__file__).parents[1] / "golden" / "2-small-details.sr.zip") as source:
        scores, shown = source.archive.scores(), describe_map(source)
    assert shown["cell"] == 32 and shown["cells"]
    for x, y, ssim, error in shown["cells"]:
        assert ssim == scores["local_ssim"][y // 32, x // 32] and error == scores["local_error"][y // 32, x // 32]
    assert shown["cells"][0][3] == scores["local_error"].max()


def test_an_original_of_another_size_is_refused_and_another_file_is_noted(viewed, tmp_path, open_view):
    cv2.imwrite(str(tmp_path / "other.png"), np.zeros((10, 20, 3), np.uint8))
    with pytest.raises(UserError, match=r"20×10 pixels, expected the archive's 1150×740"):
        open_view(viewed.archive, tmp_path / "other.png")
    cv2.imwrite(str(tmp_path / "same-size.png"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    with open_view(viewed.archive, tmp_path / "same-size.png") as source:
        assert source.same_original is False


def test_flags_that_need_an_archive_are_refused_with_a_slide(viewed, open_view):
    with pytest.raises(UserError, match=r"--original: .* is a slide"):
        open_view(viewed.slide, viewed.slide)
    with pytest.raises(UserError, match=r"--serving: .* is a slide"):
        open_view(viewed.slide, None, "grpc://localhost:1")


class Elsewhere:
    """A stand-in for `sr_tf.serving.client.connect`'s result, with a generator of this process."""

    def __init__(self, name):
        self.network, self.windows, self.closed = load_network(name), 0, False

    def restore(self, lr):
        self.windows += 1
        return to_uint8(self.network.predict_on_batch(lr[None].astype(np.float32))[0])

    def close(self):
        self.closed = True


def test_a_served_generator_gives_the_same_tiles_but_for_rounding(viewed, open_view, restored, monkeypatch):
    from sr_tf.serving import client

    servers = {}

    def connect(target, model, deadline):
        assert deadline < 60  # nobody waits longer for a tile
        assert (target, model) == ("grpc://localhost:1", "coded4")
        return servers.setdefault(model, Elsewhere(model))

    monkeypatch.setattr(client, "connect", connect)
    with open_view(viewed.archive, serving="grpc://localhost:1") as source, running(source) as server:
        # The server computes whole windows, this process their middle: sums in another order, see `engines`.
        difference = np.abs(_level(server, "restored", 0).astype(int) - restored.read(0, 0, WIDTH, HEIGHT))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-4
    assert servers["coded4"].windows > 1
    assert servers["coded4"].closed


def test_a_server_with_other_weights_is_refused():
    with pytest.raises(UserError, match="expected the same weights"):
        ServedGenerator(Elsewhere("small"), BlockGenerator("coded4"), "grpc://localhost:1")


def test_a_generator_that_is_told_the_quality_is_not_asked_of_a_server(tmp_path, open_view):
    network = EDSR(1, 4, 2, quality_input=True)
    network.build((None, None, None, 4))
    network.save(tmp_path / "own.keras")
    slide, target = tmp_path / "slide.png", tmp_path / "own.sr.zip"
    Image.fromarray(cv2.GaussianBlur(render_smear(3, 300, 400), (0, 0), 1)).save(slide)
    families = (Family(LR2_GENERATOR, (90,)),)
    gate = Gate("custom", 5.0, 0.0, max_shift=200.0)
    write_archive(slide, target, Options(gate, (str(tmp_path / "own.keras"),), families=families))
    with open_view(target) as source, running(source) as server:
        expected = whole_level(server, "restored", Levels(400, 300), 0)
    # No server listens at this port.
    with open_view(target, serving="grpc://localhost:1") as source, running(source) as server:
        np.testing.assert_array_equal(whole_level(server, "restored", Levels(400, 300), 0), expected)
