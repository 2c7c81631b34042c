"""A differentiable model of the LR codec: the distortion and the rate of coding at a quantiser step.

It is transform coding in its simplest form: Y, Cb and Cr in blocks of 8×8 pixels, a cosine transform and a uniform
quantiser. Real codecs also predict and adapt, but behave alike in the two points that matter here: detail below the
quantiser step is lost, and a coefficient costs about the logarithm of its size in steps. The model is used to train a
reducer and to refine LRs. Everything that is measured or stored is coded by the real codec.
"""

import math

import numpy as np
from keras import ops

BLOCK = 8
# RGB → Y, Cb, Cr of ITU-R BT.601, full range.
_RGB_TO_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_YCBCR_TO_RGB = np.linalg.inv(_RGB_TO_YCBCR)
_ROUNDING = 0.4
"""Added before rounding down, so that fractions below 0.6 are rounded down, as in quantisers that weigh the rate."""
# Qualities of AVIF (speed 4), and the quantiser steps that give an LR of a blood-smear field the same PSNR. This
# model's rate differs from AVIF's by less than a fifth from quality 35 to 80.
_QUALITIES = (20, 35, 50, 60, 70, 80, 90, 97)
_STEPS = (38.0, 25.0, 15.0, 9.7, 7.4, 6.1, 4.7, 3.3)


def _cosines() -> np.ndarray:
    """The orthonormal DCT-II as a matrix, [frequency, position]."""
    frequency, position = np.mgrid[:BLOCK, :BLOCK]
    basis = np.cos(math.pi * (2 * position + 1) * frequency / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    return basis.astype(np.float32)


_DCT = _cosines()


def coded(lr, step):
    """Codes and decodes images at a quantiser step.

    The gradient treats quantisation as the identity.

    Args:
        lr: float [N, h, w, 3], RGB in [0, 255]; h and w are multiples of 8.
        step: float [N], the quantiser step of each image in 8-bit levels.

    Returns:
        The decoded images, float [N, h, w, 3], and their rates in bits per LR pixel, float [N].
    """
    _, height, width, _ = ops.shape(lr)
    step = ops.reshape(step, (-1, 1, 1, 1, 1, 1))
    values = to_coefficients(lr) / step
    sizes = ops.floor(ops.abs(values) + _ROUNDING)
    whole = values + ops.stop_gradient(ops.sign(values) * sizes - values)
    bits = ops.log2(1.0 + ops.abs(values))
    # The means of blocks are not counted: codecs predict them from neighbouring blocks, and the reducer keeps them.
    detail = np.ones((1, 1, BLOCK, 1, BLOCK, 1), np.float32)
    detail[0, 0, 0, 0, 0, 0] = 0
    rate = ops.sum(bits * detail, axis=(1, 2, 3, 4, 5)) / (height * width)
    return from_coefficients(whole * step), rate


def to_coefficients(images):
    """RGB → the cosine coefficients of Y, Cb and Cr.

    Args:
        images: float [N, h, w, 3]; h and w are multiples of 8.

    Returns:
        float [N, h / 8, 8, w / 8, 8, 3]; axes 2 and 4 are the vertical and the horizontal frequencies.
    """
    count, height, width, _ = ops.shape(images)
    planes = ops.matmul(images, _RGB_TO_YCBCR.T)
    blocks = ops.reshape(planes, (count, height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3))
    return ops.einsum("fy,nrycxk,gx->nrfcgk", _DCT, blocks, _DCT)


def from_coefficients(coefficients):
    """The inverse of `to_coefficients`."""
    count, rows, _, columns, _, _ = ops.shape(coefficients)
    planes = ops.einsum("fy,nrfcgk,gx->nrycxk", _DCT, coefficients, _DCT)
    return ops.matmul(ops.reshape(planes, (count, rows * BLOCK, columns * BLOCK, 3)), _YCBCR_TO_RGB.T)


def quantiser_steps(qualities) -> np.ndarray:
    """The quantiser steps for qualities of AVIF, float32 [N]; interpolated geometrically between measured qualities."""
    return np.exp(np.interp(qualities, _QUALITIES, np.log(_STEPS))).astype(np.float32)
