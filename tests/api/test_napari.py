"""The reader plugin for napari, by npe2: what napari itself uses to find and run plugins."""

from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

import sr_tf
from sr_tf.api import napari

npe2 = pytest.importorskip("npe2")


def test_the_manifest_is_valid_and_installed():
    manifest = npe2.PluginManifest.from_file(Path(napari.__file__).with_suffix(".yaml"))
    manifest.validate_imports()
    (entry,) = distribution("sr-tf").entry_points.select(group="napari.manifest")
    assert (entry.name, entry.value) == (manifest.name, "sr_tf.api:napari.yaml")


@pytest.mark.parametrize("kind", ["archive", "svs"])
def test_a_file_becomes_a_layer(kind, bicubic, svs):
    path = {"archive": bicubic, "svs": svs}[kind]
    npe2.PluginManager.instance().discover()
    ((levels, layer, layer_type),) = npe2.read([str(path)], stack=False, plugin_name="sr-tf")
    with sr_tf.open(path) as slide:
        assert (layer_type, layer["multiscale"], layer["rgb"]) == ("image", True, True)
        assert [array.shape for array in levels] == [(height, width, 3) for width, height in slide.level_dimensions]
        assert layer["scale"] == slide.mpp[::-1]
        expected = slide.read_region((100, 200), 0, (300, 150), as_array=True)
    np.testing.assert_array_equal(levels[0][200:350, 100:400], expected)


def test_several_files_are_no_layer(bicubic):
    assert napari.get_reader([str(bicubic), str(bicubic)]) is None


def test_a_slide_without_resolution_states_no_unit(tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 48), (200, 100, 150)).save(tmp_path / "field.png")
    ((pixels, layer, _),) = napari.read(str(tmp_path / "field.png"))
    assert "scale" not in layer and "units" not in layer and not layer["multiscale"]
    assert pixels.shape == (48, 64, 3)
