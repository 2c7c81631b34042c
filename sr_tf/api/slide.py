"""`sr_tf.open`: an archive or a slide with the interface of OpenSlide."""

import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import openslide
from PIL import Image

from sr_tf.api.archive_levels import ArchiveLevels
from sr_tf.api.levels import Levels, Size
from sr_tf.api.properties import archive_properties, slide_properties
from sr_tf.api.slide_levels import FileLevels, VendorLevels
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.container import is_archive
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE, require_engine
from sr_tf.generators.names import listed_models
from sr_tf.slides.dicom_series import file_of
from sr_tf.slides.info import SlideInfo
from sr_tf.slides.slide import Slide, open_slide
from sr_tf.slides.source_files import SourceFiles

if TYPE_CHECKING:
    import zarr


class OpenedSlide(openslide.AbstractSlide):
    """An archive or a slide, opened for reading; what `sr_tf.open` returns.

    It has OpenSlide's interface, so that programs for OpenSlide take it as it is, `openslide.deepzoom` included. It is
    a context manager, thread-safe, and can be pickled: another process opens the same file again, and says so in one
    line if the file has changed.

    An archive has the levels of the file that `sr-tf restore` writes, each half the size of the one before. Levels 0
    and 1 are its very pixels; those from 2 on are made of the images as they are stored, and the coarsest, of at most
    1024 pixels, of the archive's lossy overview. The property `sr_tf.level[N].pixels` says which: `restored`, `stored`
    or `overview`. A slide has the levels of its file.

    TensorFlow is imported when the first block is read that a network restores.

    Attributes:
        path: the file, absolute.
        info: size and metadata, see `sr_tf.slides.info.SlideInfo`.
    """

    def __init__(self, path: Path, models: tuple[str, ...] = (), engine: str = DEFAULT_ENGINE):
        super().__init__()
        require_engine(engine)
        self.path = path.absolute()
        self._choice, self._closed = (models, engine), False
        self._resources = ExitStack()
        with ExitStack() as stack:
            if is_archive(path):
                self._open_archive(stack.enter_context(ArchivedSlide(path, models, engine, late=True)))
            else:
                files = SourceFiles(path)
                self._open_slide(stack.enter_context(open_slide(path)), files)
            self._resources = stack.pop_all()

    def _open_archive(self, archive: ArchivedSlide) -> None:
        header = archive.header
        levels = ArchiveLevels(archive)
        self._profile = header.slide.icc
        self.info: SlideInfo = header.slide
        self._levels: Levels = levels
        self._properties: Mapping[str, str] = archive_properties(archive, levels)
        self._associated: Mapping[str, Image.Image] = _Images(
            header.associated, lambda name: Image.fromarray(archive.associated(name))
        )
        self._state: object = archive.comment

    def _open_slide(self, slide: Slide, files: SourceFiles) -> None:
        self._profile = slide.info.icc
        self.info = slide.info
        self._associated = _Images(
            slide.associated_names(), lambda name: Image.fromarray(slide.associated()[name].pixels)
        )
        self._state = files.version
        if slide.openslide is None:
            self._levels = FileLevels(slide)
            self._properties = slide_properties(slide.info, self._levels, {})
        else:
            self._levels = VendorLevels(slide, slide.openslide)
            self._properties = _copied(slide.openslide.properties)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def __reduce__(self) -> tuple[Callable[..., "OpenedSlide"], tuple[object, ...]]:
        return _open_again, (self.path, *self._choice, self._state)

    @classmethod
    def detect_format(cls, filename: str | bytes | os.PathLike[Any]) -> str | None:
        """Says what a file is: "sr_tf" for an archive, else what OpenSlide says; None if neither knows it."""
        path = Path(os.fsdecode(filename))
        if path.is_file() and is_archive(path):
            return "sr_tf"
        return openslide.OpenSlide.detect_format(path)

    def close(self) -> None:
        """Closes the file. Nothing can be read afterwards."""
        self._closed = True
        self._resources.close()

    @property
    def level_count(self) -> int:
        """Number of levels."""
        return len(self._levels.sizes)

    @property
    def level_dimensions(self) -> tuple[Size, ...]:
        """(width, height) of each level in pixels, the largest first."""
        return self._levels.sizes

    @property
    def level_downsamples(self) -> tuple[float, ...]:
        """How many times smaller than level 0 each level is: the mean of both directions, as OpenSlide says it."""
        return self._levels.downsamples

    @property
    def mpp(self) -> tuple[float, float] | None:
        """µm per pixel of level 0, x and y; None if the file does not state it, or states what cannot be true."""
        return self.info.mpp

    @property
    def properties(self) -> Mapping[str, str]:
        """Metadata by OpenSlide's names, `openslide.mpp-x` for instance.

        Those of an archive are the original's, and `sr_tf.gate`, `sr_tf.software`, `sr_tf.source.sha256` and
        `sr_tf.level[N].pixels`. What the file did not state is not there.
        """
        return self._properties

    @property
    def associated_images(self) -> Mapping[str, Image.Image]:
        """Label, macro, thumbnail and others by name: RGBA images as in OpenSlide, decoded whenever asked for.

        Raises:
            UserError: an image is damaged, or the slide is closed.
        """
        self._require_open()
        return self._associated

    def get_best_level_for_downsample(self, downsample: float) -> int:
        """The smallest level that is not smaller than level 0 divided by `downsample`."""
        larger = [level for level, factor in enumerate(self.level_downsamples) if factor <= downsample]
        return max(larger, default=0)

    @overload
    def read_region(
        self, location: Size, level: int, size: Size, *, as_array: Literal[False] = False
    ) -> Image.Image: ...

    @overload
    def read_region(self, location: Size, level: int, size: Size, *, as_array: Literal[True]) -> np.ndarray: ...

    def read_region(
        self, location: Size, level: int, size: Size, *, as_array: bool = False
    ) -> Image.Image | np.ndarray:
        """Reads a rectangle.

        Args:
            location: (x, y) of its upper left corner in pixels of level 0, whichever level is read. It may lie outside
                the slide.
            level: the level, 0 to `level_count` − 1.
            size: (width, height) in pixels of that level, at least 0.
            as_array: whether to return a NumPy array.

        Returns:
            A Pillow image of mode RGBA, as OpenSlide returns it: transparent (0, 0, 0, 0) outside the slide and where a
            scanner stored nothing, with the colour profile in `info["icc_profile"]`. With `as_array`, uint8 [height,
            width, 3], RGB, values 0–255: there, the slide's background colour, white unless it states another.
            Level 0 of an archive is what `sr-tf restore` writes, to the bit.

        Raises:
            UserError: there is no such level (where OpenSlide returns transparent pixels), a side is negative, the
                slide is closed, or the file is damaged under the rectangle; or an archive's generator is missing.
        """
        x, y = (operator.index(place) for place in location)
        width, height = (operator.index(length) for length in size)
        self._require_open()
        self._require_level(level)
        if width < 0 or height < 0:
            raise UserError(f"{self.path}: region of {width}×{height} pixels, expected no negative side")
        if as_array:
            return self._levels.rgb((x, y), level, (width, height))
        return self._with_profile(self._levels.rgba((x, y), level, (width, height)))

    def read_level(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle inside a level, in the level's own pixels.

        Args:
            level: the level, 0 to `level_count` − 1.
            x: left edge in pixels of the level.
            y: upper edge, likewise.
            width: likewise, at least 1.
            height: likewise.

        Returns:
            uint8 [height, width, 3], RGB, values 0–255.

        Raises:
            UserError: the rectangle is not inside the level, or see `read_region`.
        """
        self._require_open()
        self._require_level(level)
        total = self.level_dimensions[level]
        if not (0 <= x < x + width <= total[0] and 0 <= y < y + height <= total[1]):
            region = f"region {x},{y},{width},{height}"
            raise UserError(f"{self.path}: {region} is not inside level {level} of {total[0]}×{total[1]} pixels")
        return self._levels.read(level, x, y, width, height)

    def get_thumbnail(self, size: Size) -> Image.Image:
        """The whole slide as an RGB image, as large as fits into (width, height); never larger than level 0.

        An archive's overview, and so no block, is read where it is large enough: up to 1024 pixels at most.

        Raises:
            UserError: a side is below 1, or see `read_region`.
        """
        if min(size) < 1:
            raise UserError(f"{self.path}: thumbnail of {size[0]}×{size[1]} pixels, expected sides of at least 1")
        return super().get_thumbnail(size)

    def thumbnail(self, side: int = 512) -> Image.Image:
        """`get_thumbnail` for a square of `side` pixels."""
        return self.get_thumbnail((side, side))

    def zarr(self, level: int = 0) -> "zarr.Array[Any]":
        """A level as a Zarr array that is read when it is indexed, for Dask, napari or anything that takes one.

        Args:
            level: the level, 0 to `level_count` − 1.

        Returns:
            uint8 [height, width, 3] in chunks of 512 × 512 × 3, dimensions y, x and c; read-only. Chunks are read by
            several threads. It can be pickled as the slide can.

        Raises:
            UserError: there is no such level, the slide is closed, or the extra `zarr` is not installed.
        """
        self._require_open()
        self._require_level(level)
        from sr_tf.api.zarr_view import zarr_view

        return zarr_view(self, level)

    def set_cache(self, cache: openslide.OpenSlideCache) -> None:
        """Sets OpenSlide's cache for a slide that it reads; does nothing for others, as in OpenSlide."""
        if isinstance(self._levels, VendorLevels):
            self._levels.set_cache(cache)

    def _require_level(self, level: int) -> None:
        """Raises a `UserError` if there is no such level."""
        if not 0 <= operator.index(level) < self.level_count:
            raise UserError(f"{self.path}: level {level}, expected 0 to {self.level_count - 1}")

    def _require_open(self) -> None:
        if self._closed:
            raise UserError(f"{self.path}: is closed, expected an open slide")

    def _with_profile(self, image: Image.Image) -> Image.Image:
        if self._profile is not None:
            image.info["icc_profile"] = self._profile
        return image


def open(path: str | Path, *, models: Iterable[str] = (), engine: str = DEFAULT_ENGINE) -> OpenedSlide:
    """Opens an archive, a slide or an image; which of them is detected from the content.

    Args:
        path: the file, or a folder that holds one DICOM series.
        models: names or paths of an archive's generators that neither ship with sr_tf nor are stored in it.
        engine: what runs an archive's generators, "tensorflow" or "openvino".

    Returns:
        The slide. Use it in a `with` statement, or call `close`.

    Raises:
        UserError: the file is missing, damaged or neither an archive nor a slide; see
            `sr_tf.slides.slide.open_slide`.
    """
    return OpenedSlide(file_of(Path(path)), tuple(listed_models(models)), engine)


class _Images(Mapping[str, Image.Image]):
    """Associated images, decoded when they are asked for."""

    def __init__(self, names: Iterable[str], decode: Callable[[str], Image.Image]):
        self._names, self._decode = sorted(names), decode

    def __getitem__(self, name: str) -> Image.Image:
        if name not in self._names:
            raise KeyError(name)
        return self._decode(name).convert("RGBA")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _copied(properties: Mapping[str, str]) -> dict[str, str]:
    """OpenSlide's properties, without names that damage has made invalid UTF-8, which it lists and does not find."""
    found = {name: properties.get(name) for name in properties}
    return {name: value for name, value in found.items() if value is not None}


def _open_again(path: Path, models: tuple[str, ...], engine: str, state: object) -> OpenedSlide:
    """Opens in another process what was opened in this one."""
    slide = open(path, models=models, engine=engine)
    if slide._state != state:
        slide.close()
        raise UserError(f"{path}: has changed since it was opened, expected the same file")
    return slide
