"""The lowest quality of one codec at which every tile of a slide passes a gate: the competitor of archives."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from sr_tf.archive.gate import QUALITIES, Gate, measured_names
from sr_tf.archive.measure import Measure
from sr_tf.images.codecs import CODECS
from sr_tf.slides.slide import Slide

AVIF_LEVELS = tuple(range(0, 100, 2))
JXL_LEVELS = tuple(np.round(np.geomspace(25, 0.3, 50), 2))
THREADS = 2


def one_quality(slide: Slide, quality: str, name: str, side: int = 2048) -> tuple[float, int] | None:
    """Finds the lowest level of a codec at which every tile of a slide passes.

    Args:
        slide: the slide.
        quality: "visual" or "diagnostic".
        name: a key of `CODECS`.
        side: side of a piece in pixels, a multiple of 256.

    Returns:
        The level and the bytes of all pieces; None: no level passes.
    """
    gate, codec = without_shift(quality), CODECS[name]
    measure = Measure(measured_names(gate))
    width, height = slide.info.width, slide.info.height

    def size_if_good(piece: tuple[int, int], level: float) -> int | None:
        """The bytes of a piece, or None: one of its tiles fails."""
        x, y = piece
        pixels = slide.read(x, y, min(side, width - x), min(side, height - y))
        file = codec.encode(pixels, level)
        return len(file) if gate.passes(measure(pixels, codec.decode(file))) else None

    pieces = [(x, y) for y in range(0, height, side) for x in range(0, width, side)]
    return lowest_level(pieces, JXL_LEVELS if name == "jpegxl" else AVIF_LEVELS, size_if_good)


def without_shift(quality: str) -> Gate:
    """The gate without its limit on the mean colour, so that the codec has to meet PSNR and SSIM only."""
    return replace(QUALITIES[quality], max_shift=np.inf)


def lowest_level(
    pieces: Sequence[tuple[int, int]],
    levels: Sequence[float],
    size_if_good: Callable[[tuple[int, int], float], int | None],
) -> tuple[float, int] | None:
    """Finds the first level at which all pieces pass.

    Args:
        pieces: the pieces' positions.
        levels: the codec's levels, from the fewest to the most bytes.
        size_if_good: maps a piece and a level to the bytes of its file, or to None if it does not pass.

    Returns:
        The level and the bytes of all pieces; None: no level passes.
    """
    order = list(pieces)
    with ThreadPoolExecutor(THREADS) as pool:
        for level in levels:
            total = 0
            for start in range(0, len(order), THREADS):
                batch = order[start : start + THREADS]
                sizes = list(pool.map(size_if_good, batch, [level] * len(batch)))
                if None in sizes:
                    # This piece is tried first at the next levels, since it will probably fail again.
                    failed = batch[sizes.index(None)]
                    order.remove(failed)
                    order.insert(0, failed)
                    break
                total += sum(sizes)
            else:
                return level, total
    return None
