"""HR → LR for a generator: with the reducer that it was trained with, or by the mean of pixels."""

import numpy as np

from sr_tf.images.degradation import reduce
from sr_tf.images.means import pad_to_multiple
from sr_tf.images.pixels import to_uint8


def reduce_for(generator, reducer, hr: np.ndarray) -> np.ndarray:
    """Reduces an image in the way that a generator was trained for; the LR is not coded.

    Args:
        generator: `sr_tf.models.edsr.EDSR`.
        reducer: the generator's `sr_tf.models.reducer.Reducer`; None: `antialiased` reduction.
        hr: uint8 [H, W, 3].

    Returns:
        uint8 [ceil(H / scale), ceil(W / scale), 3].
    """
    if reducer is None:
        return reduce(hr, generator.scale, "antialiased")
    margin = reducer.receptive_radius * reducer.scale
    padded = np.pad(pad_to_multiple(hr, reducer.scale), ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    return reduce_inside(reducer, padded)


def reduce_inside(reducer, hr: np.ndarray) -> np.ndarray:
    """Reduces an image and cuts off a margin of `receptive_radius` LR pixels, which is context only.

    Args:
        reducer: `sr_tf.models.reducer.Reducer`.
        hr: uint8 [H, W, 3]; both sides are multiples of the scale.

    Returns:
        uint8 [H / scale − 2 · radius, W / scale − 2 · radius, 3].
    """
    radius = reducer.receptive_radius
    lr = to_uint8(reducer.predict_on_batch(hr[None].astype(np.float32))[0])
    return lr[radius : lr.shape[0] - radius, radius : lr.shape[1] - radius]
