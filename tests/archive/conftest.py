"""A small slide, archived once for each quality."""

import cv2
import pytest
import tifffile
from archived_slides import archived, slide_pixels
from PIL import Image

from sr_tf.data.smear import render_smear


@pytest.fixture(scope="session")
def slide_file(tmp_path_factory):
    """A tiled JPEG TIFF with a resolution of 0.25 µm per pixel, as slide scanners state it."""
    path = tmp_path_factory.mktemp("slide") / "smear.tif"
    tifffile.imwrite(
        path, slide_pixels(), tile=(256, 256), compression="jpeg", compressionargs={"level": 92}, photometric="rgb",
        resolution=(40_000, 40_000), resolutionunit="CENTIMETER", metadata=None,
    )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def visual(slide_file, tmp_path_factory):
    """The slide at quality visual."""
    return archived(slide_file, tmp_path_factory.mktemp("visual"), "visual")


@pytest.fixture(scope="session")
def lossless(slide_file, tmp_path_factory):
    """The slide at quality lossless."""
    return archived(slide_file, tmp_path_factory.mktemp("lossless"), "lossless")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """An archive of AVIF blocks, for crafted ones."""
    folder = tmp_path_factory.mktemp("tiny")
    pixels = cv2.GaussianBlur(render_smear(7, 300, 620), (0, 0), 2)
    Image.fromarray(pixels).save(folder / "field.png", icc_profile=bytes(range(200)))
    return archived(folder / "field.png", folder, "visual", models=()).archive


@pytest.fixture(scope="session")
def native(tmp_path_factory):
    """An archive of the original's JPEG segments, for crafted ones."""
    folder = tmp_path_factory.mktemp("native")
    tifffile.imwrite(
        folder / "tiles.tif", render_smear(7, 300, 620), tile=(256, 256), compression="jpeg", photometric="rgb",
        compressionargs={"level": 92}, metadata=None,
    )  # fmt: skip
    return archived(folder / "tiles.tif", folder, "lossless").archive
