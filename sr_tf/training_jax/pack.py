"""Packs a folder of HR images for `sr_tf.training_jax.train`.

python -m sr_tf.training_jax.pack chula/train train.npz
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sr_tf.config import TrainConfig
from sr_tf.errors import UserError
from sr_tf.images.codecs import coded_variants
from sr_tf.images.degradation import DEGRADATIONS, SCALES, reduce
from sr_tf.messages import exit_code
from sr_tf.training_jax.packed import PackedScenes


def main(argv: list[str] | None = None) -> int:
    """Packs; returns the exit code."""
    parser = argparse.ArgumentParser("sr_tf.training_jax.pack", description=__doc__)
    parser.add_argument("images", type=Path, metavar="FOLDER", help="of HR images, searched with its sub-folders")
    parser.add_argument("output", type=Path, metavar="OUT", help="the .npz file")
    parser.add_argument("--scale", type=int, choices=SCALES, default=4, help="in each direction (default 4)")
    parser.add_argument("--degradation", choices=sorted(DEGRADATIONS), default="study", help="(default study)")
    parser.add_argument("--reducer", default="", metavar="MODEL", help="reduce as this generator's images are reduced")
    parser.add_argument("--lr_qualities", default="", help="of AVIF, as in train.py (default: LRs are not coded)")
    options = parser.parse_args(argv)
    return exit_code("pack", lambda: _pack(options))


def pack(
    images: Iterable[np.ndarray],
    scale: int,
    degradation: str,
    qualities: Sequence[int] = (),
    reduction: Callable[[np.ndarray], np.ndarray] | None = None,
) -> PackedScenes:
    """Reduces scenes.

    Args:
        images: HR, uint8 [H, W, 3] each.
        scale: reduction in each direction.
        degradation: a name in `sr_tf.images.degradation.DEGRADATIONS`.
        qualities: of AVIF that LRs go through; none: uncoded.
        reduction: from HR to LR, if not by `degradation`.
    """
    reduction = reduction or partial(reduce, scale=scale, degradation=degradation)
    hr = list(images)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        coded = [pool.submit(coded_variants, reduction(image), qualities) for image in hr]
        lr = [one.result() for one in tqdm(coded, desc="code LRs", unit="scene", disable=None if qualities else True)]
    return PackedScenes(hr, lr, scale, degradation, ",".join(map(str, qualities)))


def _pack(options: argparse.Namespace) -> None:
    from sr_tf.images.reading import find_images, read_folder

    if options.output.suffix != ".npz":
        raise UserError(f"{options.output}: expected a name that ends in .npz")
    config = TrainConfig(lr_qualities=options.lr_qualities)  # which checks them
    reduction = _reduction(options.reducer, options.scale) if options.reducer else None
    images = (image for _, image in read_folder(find_images(options.images)))
    packed = pack(images, options.scale, options.degradation, config.qualities, reduction)
    packed.save(options.output)
    print(f"{options.output}: {len(packed.hr)} scenes, {options.output.stat().st_size / 1e6:,.0f} MB")


def _reduction(model: str, scale: int) -> Callable[[np.ndarray], np.ndarray]:
    from sr_tf.generators.load import load_generator, load_reducer
    from sr_tf.generators.reduction import reduce_for

    generator, reducer = load_generator(model), load_reducer(model)
    if generator.scale != scale:
        raise UserError(f"--reducer={model}: a generator ×{generator.scale}, expected ×{scale}, see --scale")
    return partial(reduce_for, generator, reducer)


if __name__ == "__main__":
    sys.exit(main())
