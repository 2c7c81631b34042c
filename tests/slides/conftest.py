"""Small slides that the tests write, and a real one if it is available."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

_REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "slides" / "cmu-1-small-region.svs"


@pytest.fixture(scope="session")
def real_slide():
    """An Aperio slide of 2220×2967 pixels."""
    if not _REAL.is_file():
        pytest.skip("the real slide is not available")
    return _REAL


@pytest.fixture(scope="session")
def pixels():
    """uint8 [331, 450, 3], smooth like a micrograph; the sides are not multiples of a tile."""
    noise = np.random.default_rng(0).integers(0, 256, (331, 450, 3), dtype=np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2).astype(int)
    return np.uint8(np.clip((smooth - 127) * 4 + 127, 0, 255))


@pytest.fixture
def build(tmp_path, pixels):
    """Writes a TIFF file with tiles of 128×128 pixels."""

    def write(name="slide.tif", image=pixels, **options):
        path = tmp_path / name
        defaults = {"tile": (128, 128), "compression": "deflate", "photometric": "rgb", "metadata": None}
        tifffile.imwrite(path, image, **(defaults | options))
        return path

    return write


@pytest.fixture
def build_ome(build):
    """Writes an OME-TIFF file with one image."""

    def write(name="slide.ome.tif", metadata=None, **options):
        return build(name, metadata={"axes": "YXS"} | (metadata or {}), ome=True, **options)

    return write
