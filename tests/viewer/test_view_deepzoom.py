"""Deep Zoom's layout beside OpenSlide's own generator."""

from xml.etree import ElementTree

import numpy as np
from openslide.deepzoom import DeepZoomGenerator

import sr_tf

NAMESPACE = "{http://schemas.microsoft.com/deepzoom/2008}"


def test_the_layout_is_that_of_openslide(shown):
    server, layer, path = shown
    found = server.ask(f"/deepzoom/{layer}.dzi")
    assert found.headers["content-type"] == "application/xml"
    with sr_tf.open(path) as slide:
        generator = DeepZoomGenerator(slide, tile_size=256, overlap=0)
        ours, theirs = (ElementTree.fromstring(text) for text in (found.body, generator.get_dzi("png")))
        assert ours.attrib == theirs.attrib
        assert ours.find(f"{NAMESPACE}Size").attrib == theirs.find(f"{NAMESPACE}Size").attrib
        for level, (columns, rows) in enumerate(generator.level_tiles):
            for column, row in {(0, 0), (columns - 1, 0), (0, rows - 1), (columns - 1, rows - 1)}:
                tile = server.ask(f"/deepzoom/{layer}_files/{level}/{column}_{row}.png").pixels
                expected = np.asarray(generator.get_tile(level, (column, row)).convert("RGB"))
                assert tile.shape[1::-1] == generator.get_tile_dimensions(level, (column, row))
                if tile.shape != expected.shape:  # where OpenSlide's thumbnails are rounded otherwise
                    assert np.abs(np.subtract(tile.shape, expected.shape)).max() == 1
                    continue
                if level == generator.level_count - 1:
                    np.testing.assert_array_equal(tile, expected)
                elif tile.size > 300:
                    assert np.abs(tile.astype(float) - expected).mean() < 6  # other filters
            for column, row in ((columns, 0), (0, rows)):
                assert server.ask(f"/deepzoom/{layer}_files/{level}/{column}_{row}.png").status == 404
        for level in (generator.level_count, 99):
            assert server.ask(f"/deepzoom/{layer}_files/{level}/0_0.png").status == 404


def test_unknown_images_are_not_found(slide_view):
    assert slide_view.ask("/deepzoom/restored.dzi").status == 404
    assert slide_view.ask("/deepzoom/restored_files/11/0_0.png").status == 404
    assert slide_view.ask("/deepzoom/original_files/11/0_0.jpg").status == 404
