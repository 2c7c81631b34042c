"""The ways to store an image that rate–distortion compares.

A full-size codec stores the image itself; a filter may restore it after decoding. The other methods reduce the image,
code the LR, decode it and restore it by interpolation or a generator.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np

from sr_tf.generators.filtering import filtered
from sr_tf.generators.reduction import reduce_for
from sr_tf.generators.upscale import upscale
from sr_tf.generators.weights_hash import weights_sha256
from sr_tf.images.codecs import CODECS, Codec
from sr_tf.images.degradation import crop_to, enlarge, reduce
from sr_tf.images.libraries import cv2
from sr_tf.images.pixels import with_quality

DEGRADATION = "antialiased"
"""The reduction of bicubic interpolation and of generators without a reducer."""
FULL_SIZE = ("avif-slow", "avif420-slow", "avif10-slow", "jpegxl", "jpeg2000", "webp", "jpeg")
"""The codecs that store the image at full size."""
LR_CODEC = "avif10-slow"
FILTERED_CODEC = "avif10-slow"
FILTERED_LEVELS = (0, 7, 14, 22, 30, 40, 50, 60, 70, 80)
LR_LEVELS = {
    2: (0, 10, 20, 30, 40, 50, 60, 70, 80, 88),
    4: (20, 30, 40, 50, 60, 70, 80, 90, 95, 98),
    8: (50, 60, 70, 80, 90, 95, 98),
}
"""The codec's levels by scale; together they give 0.03 to 0.25 bit per original pixel and more."""
REFINED_LEVELS = {2: (34, 48, 62, 74), 4: (40, 60, 75, 86, 93), 8: (50, 70, 80, 90)}
"""The levels for refined LRs: fewer, since a refined file takes 13 encodings and 13 passes through the network."""

REFINED = ", refined"
"""The end of the name of a method that refines LRs."""


def _decoded(image: np.ndarray, size: tuple[int, int], level: float) -> np.ndarray:
    return image


@dataclass(frozen=True)
class Method:
    """One way to store and restore an image.

    Attributes:
        name: the name in tables.
        codec: the codec of the stored file.
        levels: the codec's levels, from fewest to most bytes.
        scale: reduction in each direction before coding; 1 for full size.
        restore: called with the decoded image, uint8 [h, w, 3], the (H, W) of the original and the codec's level;
            returns the restored image, uint8 [H, W, 3].
        restorer_version: names what `restore` does; points are measured again if it changes.
        reduction: names what `reduce` does. Methods of one scale and reduction must reduce alike.
        reduce: called with the original, uint8 [H, W, 3]; returns the image that is coded.
        refinement: names what `refine` does; empty if the reduced image is coded as it is. Methods of one refinement
            and restorer version must refine alike.
        refine: called with the original, the reduced image, the codec and the level; returns the file. None if the
            reduced image is coded as it is.
    """

    name: str
    codec: Codec
    levels: tuple[float, ...]
    scale: int = 1
    restore: Callable[[np.ndarray, tuple[int, int], float], np.ndarray] = _decoded
    restorer_version: str = ""
    reduction: str = DEGRADATION
    reduce: Callable[[np.ndarray], np.ndarray] = np.asarray
    refinement: str = ""
    refine: Callable[[np.ndarray, np.ndarray, Codec, float], bytes] | None = None

    @property
    def source(self) -> tuple:
        """Everything that determines the file of a level: methods of one source share their files."""
        return self.codec, self.scale, self.reduction, self.refinement and self.restorer_version

    @property
    def restores(self) -> bool:
        """Whether the decoded image is enlarged or filtered, as archives do."""
        return self.restorer_version != ""

    def encode(self, hr: np.ndarray, reduced: np.ndarray, level: float) -> bytes:
        """Codes the reduced image at one level.

        Args:
            hr: the original, uint8 [H, W, 3].
            reduced: the result of `reduce`.
            level: one of `levels`.

        Returns:
            The file's bytes.
        """
        if self.refine is not None:
            return self.refine(hr, reduced, self.codec, level)
        return self.codec.encode(reduced, level)

    @property
    def settings(self) -> str:
        """Everything that determines the measured points, in one line."""
        refined = f" {self.refinement}," if self.refinement else ""
        restored = f"{self.restorer_version}, " if self.restorer_version else ""
        reduced = f"LR ×{self.scale} {self.reduction},{refined} {restored}" if self.scale > 1 else restored
        levels = " ".join(f"{level:g}" for level in self.levels)
        return f"{reduced}{self.codec.settings}, {self.codec.version}, levels {levels}"


def full_size(name: str) -> Method:
    """The method that stores the image at full size.

    Args:
        name: a key of `CODECS`.
    """
    return Method(CODECS[name].title, CODECS[name], CODECS[name].levels)


def interpolated(scale: int) -> Method:
    """The method that stores the LR and restores it by OpenCV's INTER_CUBIC.

    Args:
        scale: reduction in each direction.
    """

    def restore(lr: np.ndarray, size: tuple[int, int], level: float) -> np.ndarray:
        return enlarge(lr, scale, cv2.INTER_CUBIC, size)

    return Method(
        f"LR ×{scale} + bicubic",
        CODECS[LR_CODEC],
        LR_LEVELS[scale],
        scale,
        restore,
        "INTER_CUBIC",
        reduce=partial(reduce, scale=scale, degradation=DEGRADATION),
    )


def generated(name: str, generator, reducer=None) -> Method:
    """The method that stores the LR and restores it by a generator, at the generator's scale.

    Args:
        name: the generator's name in tables.
        generator: `sr_tf.models.edsr.EDSR`.
        reducer: the `sr_tf.models.reducer.Reducer` that makes the LR; None for the reduction `DEGRADATION`.
    """

    def restore(lr: np.ndarray, size: tuple[int, int], level: float) -> np.ndarray:
        told = with_quality(lr, level) if generator.channels == 4 else lr
        return crop_to(upscale(generator, told), size)

    scale = generator.scale
    return Method(
        f"LR ×{scale} + {name}",
        CODECS[LR_CODEC],
        LR_LEVELS[scale],
        scale,
        restore,
        f"generator {weights_sha256(generator)[:16]}, mirrored edges",
        reduction=DEGRADATION if reducer is None else f"reducer {weights_sha256(reducer)[:16]}",
        reduce=partial(reduce_for, generator, reducer),
    )


def after_coding(name: str, network) -> Method:
    """The method that stores the image at full size and restores it by a filter, which is told the codec's level.

    Args:
        name: the filter's name in tables.
        network: `sr_tf.models.coded_filter.CodedFilter`.
    """

    def restore(image: np.ndarray, size: tuple[int, int], level: float) -> np.ndarray:
        return filtered(network, image, level)

    codec = CODECS[FILTERED_CODEC]
    version = f"filter {weights_sha256(network)[:16]}, mirrored edges"
    return Method(f"{codec.title} + {name}", codec, FILTERED_LEVELS, restore=restore, restorer_version=version)


def refined(name: str, generator, reducer=None) -> Method:
    """The method of `generated` with an LR that is refined for each image and level.

    See `sr_tf.generators.refinement`. The arguments are those of `generated`.
    """
    from sr_tf.generators.refinement import SETTINGS, Refiner

    plain = generated(name, generator, reducer)
    return replace(
        plain,
        name=f"{plain.name}{REFINED}",
        levels=REFINED_LEVELS[generator.scale],
        refinement=SETTINGS,
        refine=Refiner(generator).code,
    )


def default_methods(
    generators: dict, reducers: Mapping = MappingProxyType({}), with_refined: Collection[str] = ()
) -> list[Method]:
    """The methods of the command: full-size codecs, bicubic interpolation at each scale, each generator and filter.

    Args:
        generators: the `EDSR` of any scales, and the `CodedFilter` at scale 1, by their names in tables. Without any
            `EDSR`, bicubic interpolation is at scale 4.
        reducers: the `Reducer` of each generator that has one, by the same names.
        with_refined: the names of generators that are added with refined LRs too.
    """
    filters = {name: network for name, network in generators.items() if network.scale == 1}
    generators = {name: network for name, network in generators.items() if network.scale > 1}
    scales = sorted({generator.scale for generator in generators.values()} or {4})
    return [
        *map(full_size, FULL_SIZE),
        *(after_coding(name, network) for name, network in filters.items()),
        *map(interpolated, scales),
        *(generated(name, generator, reducers.get(name)) for name, generator in generators.items()),
        *(refined(name, generators[name], reducers.get(name)) for name in with_refined),
    ]
