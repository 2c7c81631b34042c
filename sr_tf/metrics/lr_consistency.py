"""LR consistency: whether a restoration, reduced again, gives the LR that it was made from."""

import numpy as np

from sr_tf.images.degradation import reduce
from sr_tf.metrics.psnr import psnr


def lr_psnr(hr: np.ndarray, sr: np.ndarray, scale: int, degradation: str) -> float:
    """PSNR between the reduced SR and the reduced HR, which is the LR.

    Protocol: 8-bit RGB, no border cut, range 255. A high value means that SR is consistent with the LR, not that SR is
    correct.

    Args:
        hr: uint8 [H, W, 3].
        sr: the same shape.
        scale: reduction in each direction.
        degradation: a name in `sr_tf.images.degradation.DEGRADATIONS`.

    Returns:
        dB; infinite if both reductions are equal.
    """
    lr, reduced_sr = (reduce(image, scale, degradation) for image in (hr, sr))
    return float(psnr(lr[None], reduced_sr[None])[0])
