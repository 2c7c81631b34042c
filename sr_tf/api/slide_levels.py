"""The levels of slides: as OpenSlide reads them, or of files that sr_tf reads itself."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import openslide
from PIL import Image

from sr_tf.api.levels import OpaqueLevels, Size
from sr_tf.errors import UserError, reason
from sr_tf.slides.openslide_reader import background_colour, on_background
from sr_tf.slides.slide import Slide


class FileLevels(OpaqueLevels):
    """The levels of a slide that OpenSlide does not decode: OME-TIFF, other tiled TIFF, plain images.

    Args:
        slide: the slide; whoever opened it must close it.
    """

    def __init__(self, slide: Slide):
        super().__init__(slide.levels)
        self._slide = slide

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """See `OpaqueLevels.read`.

        Raises:
            UserError: the file is damaged there.
        """
        return self._slide.read_level(level, x, y, width, height)


class VendorLevels:
    """The levels of a slide that OpenSlide reads, with its own rules for places between pixels.

    Args:
        slide: the slide; whoever opened it must close it.
        reader: the same slide, opened by OpenSlide.
    """

    def __init__(self, slide: Slide, reader: openslide.OpenSlide):
        self._path, self._reader = slide.path, reader
        self.sizes = tuple(reader.level_dimensions)
        self.downsamples = tuple(reader.level_downsamples)
        self._background = background_colour(reader.properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR, ""))

    def rgba(self, location: Size, level: int, size: Size) -> Image.Image:
        """See `sr_tf.api.levels.Levels.rgba`.

        Raises:
            UserError: a tile is damaged. After that, OpenSlide refuses to read anything from this slide.
        """
        with self._as_user_error(location, level, size):
            return self._reader.read_region(location, level, size)

    def rgb(self, location: Size, level: int, size: Size) -> np.ndarray:
        """See `sr_tf.api.levels.Levels.rgb`, and `rgba` for the error."""
        return on_background(self.rgba(location, level, size), self._background)

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """See `sr_tf.api.levels.Levels.read`, and `rgba` for the error.

        Where a level is not a whole number of times smaller than level 0, OpenSlide interpolates between its pixels.
        """
        factor = self.downsamples[level]
        return self.rgb((round(x * factor), round(y * factor)), level, (width, height))

    def set_cache(self, cache: openslide.OpenSlideCache) -> None:
        """Sets the cache of decoded tiles."""
        self._reader.set_cache(cache)

    @contextmanager
    def _as_user_error(self, location: Size, level: int, size: Size) -> Iterator[None]:
        try:
            yield
        except openslide.OpenSlideError as error:
            region = f"region {location[0]},{location[1]},{size[0]},{size[1]} of level {level}"
            raise UserError(f"{self._path}: {region} cannot be read, the file is damaged ({reason(error)})") from error
