"""Whether a restoration still agrees with the image that it was made from."""

import numpy as np

from sr_tf.images.degradation import reduce
from sr_tf.metrics.psnr import psnr


def lr_psnr(hr: np.ndarray, sr: np.ndarray, scale: int, degradation: str) -> float:
    """PSNR between the reduction of SR and LR, the reduction of HR.

    Protocol: 8-bit RGB, no border cut, range 255. A high value says that SR explains the LR, not that it is right.

    Args:
        hr: uint8 [H, W, 3].
        sr: the same shape.
        scale: reduction in each direction.
        degradation: a name in `sr_tf.images.degradation.DEGRADATIONS`.

    Returns:
        dB; infinite where both reductions are equal.
    """
    lr, again = (reduce(image, scale, degradation) for image in (hr, sr))
    return float(psnr(lr[None], again[None])[0])
