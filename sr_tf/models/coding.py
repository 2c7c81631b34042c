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
# Qualities of AVIF (speed 4) and the quantiser steps that leave an LR of a blood-smear field with the same PSNR; at
# each, the stand-in's rate is within a fifth of AVIF's from quality 35 to 80.
_QUALITIES = (20, 35, 50, 60, 70, 80, 90, 97)
_STEPS = (38.0, 25.0, 15.0, 9.7, 7.4, 6.1, 4.7, 3.3)


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
    _, height, width, _ = ops.shape(lr)
    step = ops.reshape(step, (-1, 1, 1, 1, 1, 1))
    values = to_coefficients(lr) / step
    sizes = ops.floor(ops.abs(values) + _ROUNDING)
    whole = values + ops.stop_gradient(ops.sign(values) * sizes - values)
    bits = ops.log2(1.0 + ops.abs(values))
    # A block's mean is told from its neighbours', which the reducer has no say in.
    detail = np.ones((1, 1, BLOCK, 1, BLOCK, 1), np.float32)
    detail[0, 0, 0, 0, 0, 0] = 0
    rate = ops.sum(bits * detail, axis=(1, 2, 3, 4, 5)) / (height * width)
    return from_coefficients(whole * step), rate


def to_coefficients(images):
    """RGB → the cosine coefficients of Y, Cb and Cr.

    Args:
        images: float [N, h, w, 3], h and w multiples of 8.

    Returns:
        float [N, h / 8, 8, w / 8, 8, 3]; places 2 and 4 are the frequencies down and across.
    """
    count, height, width, _ = ops.shape(images)
    planes = ops.matmul(images, _COLOUR.T)
    blocks = ops.reshape(planes, (count, height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3))
    return ops.einsum("fy,nrycxk,gx->nrfcgk", _DCT, blocks, _DCT)


def from_coefficients(coefficients):
    """The inverse of `to_coefficients`."""
    count, rows, _, columns, _, _ = ops.shape(coefficients)
    planes = ops.einsum("fy,nrfcgk,gx->nrycxk", _DCT, coefficients, _DCT)
    return ops.matmul(ops.reshape(planes, (count, rows * BLOCK, columns * BLOCK, 3)), _COLOUR_BACK.T)


def quantiser_steps(qualities) -> np.ndarray:
    """The stand-in's quantiser steps for qualities of AVIF, float32 [N]; geometric between those that were measured."""
    return np.exp(np.interp(qualities, _QUALITIES, np.log(_STEPS))).astype(np.float32)
