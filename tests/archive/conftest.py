"""A small slide, archived once for each quality."""

import pytest
import tifffile
from archived_slides import archived, slide_pixels


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
