"""The generators of an archive, computed by NumPy as `docs/archive-format.md` describes them."""

import hashlib

import numpy as np
from reader_container import require


def weights_sha256(weights: list[np.ndarray]) -> str:
    """The hash by which an archive names weights."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in weights)).hexdigest()


def radius(architecture: dict) -> int:
    """Pixels of an image around a pixel on which its enlargement depends."""
    return 2 * architecture["blocks"] + (3 if architecture["one_step"] else 4)


def generate(window: np.ndarray, architecture: dict, weights: list[np.ndarray]) -> np.ndarray:
    """Enlarges a window, uint8 [h, w, 3], by a generator; its edge is not valid up to the radius."""
    layers = iter(zip(weights[::2], weights[1::2], strict=True))
    scale, factor = architecture["scale"], np.float32(architecture["residual_scaling"])
    values = window.astype(np.float32) / np.float32(127.5) - np.float32(1)
    shallow = deep = _convolution(values, *next(layers))
    for _ in range(architecture["blocks"]):
        inner = np.maximum(_convolution(deep, *next(layers)), 0)
        deep = deep + factor * _convolution(inner, *next(layers))
    features = shallow + _convolution(deep, *next(layers))
    if architecture["one_step"]:
        result = _shuffled(_convolution(features, *next(layers)) + np.tile(values, (1, 1, scale**2)), scale)
    else:
        for _ in range(scale.bit_length() - 1):
            features = _shuffled(_convolution(features, *next(layers)), 2)
        result = _convolution(features, *next(layers))
    require(next(layers, None) is None, "more weights than the architecture has")
    return np.clip(np.rint((result + 1) * np.float32(127.5)), 0, 255).astype(np.uint8)


def _convolution(image: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A 3×3 convolution with zeros around the image."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    result = np.zeros((height, width, len(bias)), np.float32) + bias
    for y in range(3):
        for x in range(3):
            result += padded[y : y + height, x : x + width] @ kernel[y, x]
    return result


def _shuffled(image: np.ndarray, scale: int) -> np.ndarray:
    """[h, w, scale² · channels] → [scale · h, scale · w, channels]."""
    height, width, channels = image.shape
    squares = image.reshape(height, width, scale, scale, channels // scale**2)
    return squares.transpose(0, 2, 1, 3, 4).reshape(height * scale, width * scale, -1)
