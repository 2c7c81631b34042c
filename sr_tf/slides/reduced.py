"""A slide at a lower magnification: level 0 reduced 2, 4 or 8 times by averaging. This loses detail for good."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sr_tf.errors import UserError
from sr_tf.images.degradation import SCALES, reduce
from sr_tf.slides.info import Associated, SlideInfo
from sr_tf.slides.slide import Slide

Read = Callable[[int, int, int, int], np.ndarray]
"""Reads a rectangle: called with (x, y, width, height)."""


def factor_for(name: object, objective_power: float | None, most: float | None) -> int:
    """How many times a slide has to be reduced so that its magnification is not above a limit.

    Args:
        name: the file, for errors.
        objective_power: the slide's magnification; None if the file does not state it.
        most: the highest magnification that is wanted; None: any.

    Returns:
        1, 2, 4 or 8: the smallest that is enough.

    Raises:
        UserError: the magnification is not known, or would have to be reduced more than 8 times.
    """
    if most is None:
        return 1
    if objective_power is None:
        raise UserError(
            f"{name}: does not state its objective power, expected one to limit the magnification to {most:g}×"
        )
    for factor in (1, *SCALES):
        if objective_power / factor <= most:
            return factor
    least = objective_power / SCALES[-1]
    raise UserError(f"{name}: has {objective_power:g}×, which can be reduced to {least:g}× at least; found {most:g}×")


def reduced_info(info: SlideInfo, factor: int) -> SlideInfo:
    """The size and metadata of a slide that is reduced `factor` times; the vendor's properties stay the original's."""
    if factor == 1:
        return info
    return replace(
        info,
        width=-(-info.width // factor),
        height=-(-info.height // factor),
        mpp=info.mpp and (info.mpp[0] * factor, info.mpp[1] * factor),
        objective_power=info.objective_power and info.objective_power / factor,
    )


def reducing(read: Read, size: tuple[int, int], factor: int) -> Read:
    """Reads rectangles of the reduced image: each pixel is the mean of factor × factor pixels, rounded.

    At the right and lower edge the last column and row count as often as needed to fill the square.

    Args:
        read: reads the image at full size.
        size: width and height of the image at full size in pixels.
        factor: 1, 2, 4 or 8.
    """
    if factor == 1:
        return read

    def read_reduced(x: int, y: int, width: int, height: int) -> np.ndarray:
        left, top = x * factor, y * factor
        right, bottom = min((x + width) * factor, size[0]), min((y + height) * factor, size[1])
        return reduce(read(left, top, right - left, bottom - top), factor, "antialiased")

    return read_reduced


class _ReducedReader:
    """Reads a slide at a lower magnification; see `sr_tf.slides.slide.Slide`."""

    grid = jpeg2000 = None

    def __init__(self, slide: Slide, factor: int):
        self.info = reduced_info(slide.info, factor)
        self.read = reducing(slide.read, (slide.info.width, slide.info.height), factor)
        self._slide = slide

    def associated(self) -> dict[str, Associated]:
        return self._slide.associated()

    def associated_names(self) -> list[str]:
        return self._slide.associated_names()

    def close(self) -> None:
        self._slide.close()


class ReducedSlide(Slide):
    """A slide at a lower magnification. It has one level, and its JPEG tiles cannot be copied.

    Args:
        slide: the slide; closed with this one.
        factor: 2, 4 or 8.

    Attributes:
        whole: the slide itself.
        factor: how many times it is reduced.
    """

    def __init__(self, slide: Slide, factor: int):
        super().__init__(slide.path, _ReducedReader(slide, factor))
        self.whole, self.factor = slide, factor


def reduced(slide: Slide, factor: int) -> Slide:
    """A slide, reduced if the factor is not 1."""
    return slide if factor == 1 else ReducedSlide(slide, factor)
