"""Packs a folder of HR images for `sr_tf.training_jax.train`.

python -m sr_tf.training_jax.pack chula/train train.npz
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from sr_tf.config import TrainConfig
from sr_tf.degradation import DEGRADATIONS, SCALES
from sr_tf.errors import UserError
from sr_tf.messages import exit_code
from sr_tf.training_jax.packed import PackedScenes


def main(argv: list[str] | None = None) -> int:
    """Packs; returns the exit code."""
    parser = argparse.ArgumentParser("sr_tf.training_jax.pack", description=__doc__)
    parser.add_argument("images", type=Path, metavar="FOLDER", help="of HR images, searched with its sub-folders")
    parser.add_argument("output", type=Path, metavar="OUT", help="the .npz file")
    parser.add_argument("--scale", type=int, choices=SCALES, default=4, help="in each direction (default 4)")
    parser.add_argument("--degradation", choices=sorted(DEGRADATIONS), default="study", help="(default study)")
    parser.add_argument("--lr_qualities", default="", help="of AVIF, as in train.py (default: LRs are not coded)")
    options = parser.parse_args(argv)
    return exit_code("pack", lambda: _pack(options))


def pack(images: Iterable[np.ndarray], scale: int, degradation: str, qualities: Sequence[int] = ()) -> PackedScenes:
    """Reduces scenes.

    Args:
        images: HR, uint8 [H, W, 3] each.
        scale: reduction in each direction.
        degradation: a name in `sr_tf.degradation.DEGRADATIONS`.
        qualities: of AVIF that LRs go through; none: uncoded.
    """
    from sr_tf.data.scene_store import coded_variants
    from sr_tf.degradation import reduce

    hr = list(images)
    lr = [coded_variants(reduce(image, scale, degradation), qualities) for image in hr]
    return PackedScenes(hr, lr, scale, degradation, ",".join(map(str, qualities)))


def _pack(options: argparse.Namespace) -> None:
    from sr_tf.data.images import find_images, read_folder

    if options.output.suffix != ".npz":
        raise UserError(f"{options.output}: expected a name that ends in .npz")
    config = TrainConfig(lr_qualities=options.lr_qualities)  # which checks them
    images = (image for _, image in read_folder(find_images(options.images)))
    packed = pack(images, options.scale, options.degradation, config.qualities)
    packed.save(options.output)
    print(f"{options.output}: {len(packed.hr)} scenes, {options.output.stat().st_size / 1e6:,.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
