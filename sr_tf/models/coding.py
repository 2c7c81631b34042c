"""A differentiable stand-in for the codec of LRs: what coding at a quantiser step does to them, and what it costs.

Transform coding in its simplest form: Y, Cb and Cr in blocks of 8×8 pixels, cosine transform, uniform quantiser. Real
codecs predict and adapt besides, but distort and spend alike where it matters here: detail below the step is lost, and
each coefficient costs about the logarithm of its size in steps. It teaches a reducer what a codec can carry; what the
generator finally sees, and all that is measured, went through the codec itself.
"""

import math

import numpy as np
from keras import ops

BLOCK = 8
# RGB → Y, Cb, Cr of ITU-R BT.601, full range.
_COLOUR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_COLOUR_BACK = np.linalg.inv(_COLOUR)
_ROUNDING = 0.4
"""A quantiser that weighs rate rounds less than the half up."""


def _cosines() -> np.ndarray:
    """The orthonormal DCT-II, [frequency, place]."""
    frequency, place = np.mgrid[:BLOCK, :BLOCK]
    basis = np.cos(math.pi * (2 * place + 1) * frequency / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    return basis.astype(np.float32)


_DCT = _cosines()


def coded(lr, step):
    """What comes back of images coded at a quantiser step, and what they cost.

    The gradient takes quantisation for the identity.

    Args:
        lr: float [N, h, w, 3], RGB in [0, 255], h and w multiples of 8.
        step: float [N], in 8-bit levels.

    Returns:
        float [N, h, w, 3], and float [N]: bits per LR pixel.
    """
    count, height, width, _ = ops.shape(lr)
    step = ops.reshape(step, (-1, 1, 1, 1, 1, 1))
    planes = ops.matmul(lr, _COLOUR.T)
    blocks = ops.reshape(planes, (count, height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3))
    values = ops.einsum("fy,nrycxk,gx->nrfcgk", _DCT, blocks, _DCT) / step
    sizes = ops.floor(ops.abs(values) + _ROUNDING)
    whole = values + ops.stop_gradient(ops.sign(values) * sizes - values)
    bits = ops.log2(1.0 + ops.abs(values))
    # A block's mean is told from its neighbours', which the reducer has no say in.
    detail = np.ones((1, 1, BLOCK, 1, BLOCK, 1), np.float32)
    detail[0, 0, 0, 0, 0, 0] = 0
    rate = ops.sum(bits * detail, axis=(1, 2, 3, 4, 5)) / (height * width)
    back = ops.einsum("fy,nrfcgk,gx->nrycxk", _DCT, whole * step, _DCT)
    return ops.matmul(ops.reshape(back, (count, height, width, 3)), _COLOUR_BACK.T), rate
