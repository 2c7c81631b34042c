"""A slide opened by sr_tf is what OpenSlide shows, and an archive of it is as alike as can be."""

import numpy as np
import openslide
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openslide.deepzoom import DeepZoomGenerator
from PIL import ImageCms

import sr_tf

REGIONS = st.tuples(
    st.tuples(st.integers(-700, 2900), st.integers(-700, 1300)), st.tuples(st.integers(0, 700), st.integers(0, 400))
)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def theirs(svs):
    with openslide.OpenSlide(svs) as slide:
        yield slide


@pytest.fixture(scope="module")
def ours(svs):
    with sr_tf.open(svs) as slide:
        yield slide


@pytest.fixture(scope="module")
def archived(lossless):
    with sr_tf.open(lossless) as slide:
        yield slide


def same(one, other):
    assert (one.mode, one.size, one.info) == (other.mode, other.size, other.info)
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_a_slide_has_openslides_levels_and_metadata(ours, theirs):
    assert isinstance(ours, openslide.AbstractSlide)
    for name in ("dimensions", "level_count", "level_dimensions", "level_downsamples"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert dict(ours.properties) == dict(theirs.properties)
    assert ours.mpp == (0.499, 0.499)
    assert [ours.get_best_level_for_downsample(d) for d in (0.5, 1, 3.9, 4.1, 99)] == [0, 0, 0, 1, 1]
    same_name = ImageCms.getProfileName(theirs.color_profile)
    assert ImageCms.getProfileName(ours.color_profile) == same_name


@few
@given(region=REGIONS, level=st.integers(0, 1))
def test_regions_of_a_slide_are_openslides(ours, theirs, region, level):
    location, size = region
    same(ours.read_region(location, level, size), theirs.read_region(location, level, size))


@few
@given(region=REGIONS)
def test_level_0_of_a_lossless_archive_is_what_openslide_shows(archived, theirs, region):
    location, size = region
    same(archived.read_region(location, 0, size), theirs.read_region(location, 0, size))


@few
@given(region=REGIONS)
def test_an_array_is_the_image_on_white(ours, archived, region):
    location, size = region
    rgba = np.asarray(ours.read_region(location, 0, size))
    expected = np.where(rgba[..., 3:] == 0, 255, rgba[..., :3])
    for slide in (ours, archived):
        found = slide.read_region(location, 0, size, as_array=True)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)


def test_an_archive_states_what_the_slide_states(archived, theirs):
    kept = {name: value for name, value in theirs.properties.items() if "level" not in name}
    derived = {"openslide.quickhash-1", "openslide.associated.thumbnail.icc-size"}
    for name in kept.keys() - derived:
        if not name.endswith("icc-size") or name == "openslide.icc-size":
            assert archived.properties[name] == kept[name], name
    assert archived.mpp == (0.499, 0.499)
    assert archived.properties["openslide.level-count"] == str(archived.level_count) == "4"
    assert archived.properties["openslide.level[3].width"] == "269"
    assert "openslide.quickhash-1" not in archived.properties
    assert ImageCms.getProfileName(archived.color_profile) == ImageCms.getProfileName(theirs.color_profile)


def test_associated_images_are_openslides(ours, archived, theirs):
    assert list(theirs.associated_images) == ["label", "macro", "thumbnail"]
    for slide in (ours, archived):
        assert list(slide.associated_images) == list(theirs.associated_images)
        for name, expected in theirs.associated_images.items():
            found = slide.associated_images[name]
            assert found.mode == expected.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
        with pytest.raises(KeyError):
            slide.associated_images["no such image"]


def test_thumbnails_have_openslides_size_and_look(ours, archived, theirs):
    for size in ((100, 100), (1000, 300), (9000, 9000)):
        expected = theirs.get_thumbnail(size)
        same(ours.get_thumbnail(size), expected)
        found = archived.get_thumbnail(size)
        assert (found.mode, found.size) == ("RGB", expected.size)
        assert np.abs(np.asarray(found, int) - np.asarray(expected, int)).mean() < 9  # the overview is lossy
    assert archived.thumbnail(64).size == (64, 16)


def test_openslides_deepzoom_takes_a_slide_and_an_archive(ours, archived, theirs):
    expected = DeepZoomGenerator(theirs, tile_size=254, overlap=1)
    for slide in (ours, archived):
        found = DeepZoomGenerator(slide, tile_size=254, overlap=1)
        assert found.level_dimensions == expected.level_dimensions
        last = found.level_count - 1
        same(found.get_tile(last, (8, 2)), expected.get_tile(last, (8, 2)))
    assert found.get_tile(5, (0, 0)).size == expected.get_tile(5, (0, 0)).size
