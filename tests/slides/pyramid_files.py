"""Writing pyramids of random images in tests, and reading them with other libraries."""

import cv2
import numpy as np
import openslide
import tifffile
import tiffslide

from sr_tf.slides.pyramid import PyramidInfo, write_pyramid


def smooth(height, width, seed=0):
    """A random image that compresses like tissue: uint8 [height, width, 3]."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)


def muted(height, width):
    """Like `smooth`, with muted colours that JPEG keeps well."""
    return smooth(height, width) // 8 + 180


def cut(image, tile):
    height, width = (tile, tile) if isinstance(tile, int) else tile
    return lambda column, row: image[row * height : (row + 1) * height, column * width : (column + 1) * width]


def write(path, image, tile=128, **kwargs):
    fields = {name: kwargs.pop(name) for name in list(kwargs) if name in PyramidInfo.__dataclass_fields__}
    info = PyramidInfo(image.shape[1], image.shape[0], tile, **fields)
    write_pyramid(path, info, cut(image, tile), settings={}, **kwargs)
    return path


def halved(image):
    """The 2 × 2 mean, rounded half up; at an odd edge, the mean of the pixels that exist."""
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    whole = image[:height, :width].astype(int)
    rows = [[whole[y::2, x::2] for x in (0, 1)] for y in (0, 1)]
    result = np.zeros((-(-image.shape[0] // 2), -(-image.shape[1] // 2), 3), int)
    result[: height // 2, : width // 2] = (sum(map(sum, rows)) + 2) // 4
    if width < image.shape[1]:
        last = image[:height, -1].astype(int)
        result[: height // 2, -1] = (last[::2] + last[1::2] + 1) // 2
    if height < image.shape[0]:
        last = image[-1, :width].astype(int)
        result[-1, : width // 2] = (last[::2] + last[1::2] + 1) // 2
        if width < image.shape[1]:
            result[-1, -1] = image[-1, -1]
    return result.astype(np.uint8)


def levels_of(image):
    levels = [image]
    while max(levels[-1].shape) > 512:
        levels.append(halved(levels[-1]))
    return levels


def by_openslide(path):
    with openslide.OpenSlide(path) as slide:
        return [
            np.asarray(slide.read_region((0, 0), level, size).convert("RGB"))
            for level, size in enumerate(slide.level_dimensions)
        ]


def by_tiffslide(path):
    with tiffslide.TiffSlide(path) as slide:
        return [
            slide.read_region((0, 0), level, size, as_array=True) for level, size in enumerate(slide.level_dimensions)
        ]


def by_tifffile(path):
    with tifffile.TiffFile(path) as file:
        return [level.asarray() for level in file.series[0].levels]


READERS = [by_openslide, by_tiffslide, by_tifffile]


def assert_equal(found, expected):
    assert [level.shape for level in found] == [level.shape for level in expected]
    for level, (one, other) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_array_equal(one, other, err_msg=f"level {level}")


def names(folder):
    return sorted(path.name for path in folder.iterdir())
