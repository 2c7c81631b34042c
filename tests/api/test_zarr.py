"""A level as a Zarr array, for Zarr and for Dask."""

import pickle
import sys

import numpy as np
import pytest

import sr_tf
from sr_tf.errors import UserError

zarr = pytest.importorskip("zarr")


@pytest.mark.parametrize("kind", ["archive", "svs", "file"])
def test_a_level_is_an_array(kind, bicubic, svs, restored):
    with sr_tf.open({"archive": bicubic, "svs": svs, "file": restored}[kind]) as slide:
        for level in range(slide.level_count):
            width, height = slide.level_dimensions[level]
            array = slide.zarr(level)
            assert isinstance(array, zarr.Array)
            assert (array.shape, array.dtype, array.chunks) == ((height, width, 3), np.uint8, (512, 512, 3))
            assert array.metadata.dimension_names == ("y", "x", "c")
            if kind != "svs" or level == 0:  # OpenSlide interpolates between the pixels of level 1
                np.testing.assert_array_equal(array[:], slide.read_level(level, 0, 0, width, height))
        np.testing.assert_array_equal(slide.zarr()[430:530, 1950:, 1], slide.read_level(0, 1950, 430, 200, 100)[..., 1])


def test_only_what_is_indexed_is_read(bicubic, monkeypatch):
    with sr_tf.open(bicubic) as slide:
        read = []
        monkeypatch.setattr(
            type(slide),
            "read_level",
            lambda self, *place: read.append(place) or np.zeros((place[4], place[3], 3), "u1"),
        )
        array = slide.zarr()
        assert read == []
        array[515:530, 1030:1540]
        assert sorted(read) == [(0, 1024, 512, 512, 18), (0, 1536, 512, 512, 18)]


def test_the_array_is_read_only_and_can_be_pickled(bicubic):
    with sr_tf.open(bicubic) as slide:
        array = slide.zarr(1)
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0, 0] = 1
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(array))[:50, :60], array[:50, :60])


def test_dask_reads_it(bicubic):
    dask = pytest.importorskip("dask.array")
    with sr_tf.open(bicubic) as slide:
        lazy = dask.from_zarr(slide.zarr())
        means = lazy.mean(axis=(0, 1)).compute(scheduler="threads", num_workers=4)
        np.testing.assert_allclose(means, slide.read_level(0, 0, 0, *slide.dimensions).mean(axis=(0, 1)))


def test_without_the_extra_the_error_says_how_to_install_it(bicubic, monkeypatch):
    monkeypatch.delitem(sys.modules, "sr_tf.api.zarr_view", raising=False)
    monkeypatch.setitem(sys.modules, "zarr", None)
    with sr_tf.open(bicubic) as slide, pytest.raises(UserError, match="the extra `zarr` is not installed"):
        slide.zarr()
