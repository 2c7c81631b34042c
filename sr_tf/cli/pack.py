"""Runs `sr-tf pack`."""

from functools import partial
from pathlib import Path

import numpy as np

from sr_tf.config import TrainConfig
from sr_tf.data.packed import write_packed
from sr_tf.data.scene_store import CodedLRs
from sr_tf.disk.outputs import PACKED_SCENES, check_outputs
from sr_tf.errors import UserError
from sr_tf.generators.names import parse_model
from sr_tf.images.degradation import reduce
from sr_tf.images.reading import find_images, read_folder


def pack_folder(
    folder: Path,
    output: Path,
    scale: int,
    degradation: str,
    model: str,
    qualities: str,
    strict: bool,
    overwrite: bool = False,
) -> str:
    """Packs the images of a folder; see `sr_tf.data.packed`.

    Args:
        folder: the folder of HR images.
        output: the `.npz` file to write.
        scale: reduction in each direction; 1: images at full size for a filter, which need `qualities`.
        degradation: a name in `sr_tf.images.degradation.DEGRADATIONS`.
        model: the generator whose reducer reduces the images; empty: they are reduced by `degradation`.
        qualities: AVIF qualities, as in `TrainConfig.lr_qualities`.
        strict: stop at an unreadable image instead of skipping it.
        overwrite: replace `output` if it exists.

    Returns:
        A line with the file, its number of scenes and its size.

    Raises:
        UserError: there are no images, a name or quality is wrong, the generator has another scale, or `output` exists.
    """
    if output.suffix != ".npz":
        raise UserError(f"{output}: expected a name that ends in .npz")
    if scale == 1 and (model or not qualities):
        raise UserError("--scale=1: packs coded images for a filter, expected --lr-qualities and no --reducer")
    config = TrainConfig(lr_qualities=qualities)  # checks the qualities
    lrs = _lrs(scale, degradation, model, config.qualities)
    paths = find_images(folder)
    generator = [Path(parse_model(model).where)] if model else []
    check_outputs([output], PACKED_SCENES, {"input image": paths, "generator": generator}, overwrite)
    images = (image for _, image in read_folder(paths, strict))
    count = write_packed(output, images, scale, degradation, lrs, config.lr_qualities)
    return f"{output}: {count} scenes, {output.stat().st_size / 1e6:,.0f} MB"


def _lrs(scale: int, degradation: str, model: str, qualities: tuple[int, ...]) -> CodedLRs:
    if scale == 1:
        return CodedLRs(np.asarray, qualities)
    plain = partial(reduce, scale=scale, degradation=degradation)
    return CodedLRs(_reduction_of(model, scale) if model else plain, qualities)


def _reduction_of(model: str, scale: int):
    from sr_tf.generators.load import load_generator, load_reducer
    from sr_tf.generators.reduction import reduce_for

    generator, reducer = load_generator(model), load_reducer(model)
    if generator.scale != scale:
        raise UserError(f"--reducer={model}: a generator ×{generator.scale}, expected ×{scale} (--scale)")
    return partial(reduce_for, generator, reducer)
