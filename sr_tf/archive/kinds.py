"""The ways in which a block can be stored."""

from dataclasses import dataclass, replace

from sr_tf.images.avif_levels import AVIF_LEVELS
from sr_tf.images.codecs import CODECS, Codec


@dataclass(frozen=True)
class Kind:
    """One way to store a block. At scale 1, the generator is a filter.

    Attributes:
        code: the kind's number in the archive's index; never reused for another kind.
        name: the kind's name in reports.
        scale: how many times smaller in each direction the stored image is.
        codec: a key of `sr_tf.images.codecs.CODECS`; None if the stored image is kept without loss.
        generator: whether a generator enlarges the stored image. Otherwise bicubic interpolation does, unless `scale`
            is 1.
    """

    code: int
    name: str
    scale: int = 1
    codec: str | None = None
    generator: bool = False

    def __reduce__(self):
        # In another process, too, there is one object of each kind: kinds are compared by `is`.
        return _of_code, (self.code,)

    @property
    def exact(self) -> bool:
        """Whether the block's pixels are those of the original."""
        return self.codec is None and self.scale == 1


LR4_BICUBIC = Kind(1, "4× reduced, AVIF, bicubic", 4, "avif")
LR4_GENERATOR = Kind(2, "4× reduced, AVIF, generator", 4, "avif", generator=True)
LR2_BICUBIC = Kind(3, "2× reduced, AVIF, bicubic", 2, "avif")
LR2_GENERATOR = Kind(4, "2× reduced, AVIF, generator", 2, "avif", generator=True)
FULL_AVIF = Kind(5, "full size, AVIF", 1, "avif")
FULL_JXL = Kind(6, "full size, JPEG XL", 1, "jpegxl")
EXACT = Kind(7, "exact, JPEG XL lossless")
NATIVE = Kind(8, "exact, the original's JPEG segments")
FULL_AVIF420 = Kind(9, "full size, AVIF 4:2:0", 1, "avif420")
FULL_AVIF_FILTER = Kind(10, "full size, AVIF, filter", 1, "avif", generator=True)
FULL_AVIF420_FILTER = Kind(11, "full size, AVIF 4:2:0, filter", 1, "avif420", generator=True)
LR4_LOSSLESS_GENERATOR = Kind(12, "4× reduced, JPEG XL lossless, generator", 4, generator=True)
"""The scheme of the study; the only kind of its quality."""

KINDS = {
    kind.code: kind
    for kind in (
        *(LR4_BICUBIC, LR4_GENERATOR, LR4_LOSSLESS_GENERATOR, LR2_BICUBIC, LR2_GENERATOR),
        *(FULL_AVIF, FULL_AVIF420, FULL_AVIF_FILTER, FULL_AVIF420_FILTER, FULL_JXL, EXACT, NATIVE),
    )
}


def _of_code(code: int) -> Kind:
    return KINDS[code]


@dataclass(frozen=True)
class Family:
    """A kind and the levels of its codec that are tried.

    Attributes:
        kind: how the block is stored.
        levels: the codec's levels, from fewest to most bytes.
    """

    kind: Kind
    levels: tuple[float, ...]

    @property
    def codec(self) -> Codec:
        """The codec of the stored image."""
        return CODECS[self.kind.codec]

    @property
    def fast_codec(self) -> Codec:
        """The codec at its fast setting, which tells about how many bytes a level takes."""
        return CODECS.get(f"{self.kind.codec}-fast", self.codec)

    @property
    def search_codec(self) -> Codec:
        """The codec that is used while searching: the fast one, unless a generator takes the time anyway."""
        return self.codec if self.kind.generator and self.kind.scale > 1 else self.fast_codec


_AVIF_LEVELS = tuple(range(0, 100, 2))

# First what takes little time, so that networks are only asked where they can still save bytes. Exact kinds are not
# searched. Reduced images are not coded with JPEG XL: `benchmarks/lr_codec.py` shows why.
FAMILIES = (
    *(Family(kind, _AVIF_LEVELS) for kind in (LR4_BICUBIC, LR2_BICUBIC, FULL_AVIF420, FULL_AVIF)),
    *(Family(kind, _AVIF_LEVELS) for kind in (LR4_GENERATOR, LR2_GENERATOR, FULL_AVIF420_FILTER, FULL_AVIF_FILTER)),
    Family(FULL_JXL, (8.0, 5.0, 3.5, 2.5, 2.0, 1.6, 1.3, 1.0, 0.8, 0.6, 0.4)),
)


def with_all_levels(families: tuple[Family, ...]) -> tuple[Family, ...]:
    """The families with each of AVIF's levels, for a search that tries few of them, but those that it predicts."""
    return tuple(replace(one, levels=AVIF_LEVELS) if one.levels == _AVIF_LEVELS else one for one in families)
