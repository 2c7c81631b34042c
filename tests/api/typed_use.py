"""How a program uses the interface; `make lint` checks the types of it, so nothing here runs."""

from pathlib import Path
from typing import Any, assert_type

import numpy as np
import openslide
import zarr
from PIL import Image

import sr_tf


def read(path: str | Path) -> None:
    """Reads a slide in every way."""
    with sr_tf.open(path, models=["my-run"], engine="openvino") as slide:
        assert_type(slide, sr_tf.OpenedSlide)
        assert_type(slide.read_region((0, 0), 0, (256, 256)), Image.Image)
        assert_type(slide.read_region((0, 0), 0, (256, 256), as_array=True), np.ndarray)
        assert_type(slide.zarr(1), zarr.Array[Any])
        assert_type(slide.mpp, tuple[float, float] | None)
        assert_type(slide.level_dimensions, tuple[tuple[int, int], ...])
        assert_type(slide.thumbnail(), Image.Image)
        assert_type(slide.properties["openslide.vendor"], str)
        of_openslide: openslide.AbstractSlide = slide
        of_openslide.close()


def write(path: Path) -> None:
    """Calls every function."""

    def told(done: int, total: int) -> None:
        print(done / total)

    assert_type(sr_tf.archive(path, "slide.sr.zip", "diagnostic", models=[], progress=told), Path)
    assert_type(sr_tf.restore("slide.sr.zip", "part.png", region=(0, 0, 9, 9)), Path)
    assert_type(sr_tf.verify("slide.sr.zip", against=path), dict[str, float])
    try:
        assert_type(sr_tf.upscale(np.zeros((8, 8, 3), np.uint8)), np.ndarray)
    except sr_tf.errors.UserError as error:
        assert_type(error, sr_tf.errors.UserError)
