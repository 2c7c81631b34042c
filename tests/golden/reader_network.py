"""The generators and filters of an archive, computed by NumPy as `docs/archive-format.md` describes them."""

import hashlib
import itertools
import math
from collections.abc import Iterator

import numpy as np
from reader_container import require


def weights_sha256(weights: list[np.ndarray]) -> str:
    """The hash by which an archive names weights."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in weights)).hexdigest()


def radius(architecture: dict) -> int:
    """Pixels of an image around a pixel on which its enlargement depends."""
    if architecture["scale"] == 1:
        return 2 * (2 * architecture["blocks"] + 3)
    return 2 * architecture["blocks"] + (3 if architecture["one_step"] else 4)


def from_bytes(content: bytes, architecture: dict, sha256: str) -> list[np.ndarray]:
    """The weights of a member `generators/…`."""
    filters, scale = architecture["filters"], architecture["scale"]
    inputs = 13 if scale == 1 else 4 if architecture.get("quality_input") else 3
    convolutions = [(inputs, filters), *[(filters, filters)] * (2 * architecture["blocks"] + 1)]
    if scale == 1:
        convolutions.append((filters, 12))
    elif architecture["one_step"]:
        convolutions.append((filters, 3 * scale**2))
    else:
        convolutions += [*[(filters, 4 * filters)] * (scale.bit_length() - 1), (filters, 3)]
    shapes = [shape for inputs, outputs in convolutions for shape in ((3, 3, inputs, outputs), (outputs,))]
    ends = np.cumsum([0, *(math.prod(shape) for shape in shapes)])
    require(len(content) == 4 * int(ends[-1]), "weights of another size")
    require(radius(architecture) <= 512 // scale, "a network with a halo of more than a block")
    require(hashlib.sha256(content).hexdigest() == sha256, "weights of another hash")
    values = np.frombuffer(content, "<f4")
    require(bool(np.isfinite(values).all()), "weights that are not finite")
    parts = zip(itertools.pairwise(ends), shapes, strict=True)
    return [values[start:end].reshape(shape) for (start, end), shape in parts]


def generate(window: np.ndarray, level: int, architecture: dict, weights: list[np.ndarray]) -> np.ndarray:
    """Enlarges a window, uint8 [h, w, 3], by a generator; its edge is not valid up to the radius."""
    layers = iter(zip(weights[::2], weights[1::2], strict=True))
    scale = architecture["scale"]
    values = window.astype(np.float32) / np.float32(127.5) - np.float32(1)
    seen = values
    if architecture.get("quality_input"):
        quality = np.full((*values.shape[:2], 1), np.float32(level) / np.float32(50) - np.float32(1), np.float32)
        seen = np.concatenate([values, quality], 2)
    features = _body(seen, architecture, layers)
    if architecture["one_step"]:
        result = _shuffled(_convolution(features, *next(layers)) + np.tile(values, (1, 1, scale**2)), scale)
    else:
        for _ in range(scale.bit_length() - 1):
            features = _shuffled(_convolution(features, *next(layers)), 2)
        result = _convolution(features, *next(layers))
    require(next(layers, None) is None, "more weights than the architecture has")
    return _to_bytes(result)


def filtered(window: np.ndarray, level: int, architecture: dict, weights: list[np.ndarray]) -> np.ndarray:
    """Filters a window, uint8 [h, w, 3] with even sides, that AVIF stored at a quality."""
    layers = iter(zip(weights[::2], weights[1::2], strict=True))
    values = window.astype(np.float32) / np.float32(127.5) - np.float32(1)
    height, width = values.shape[0] // 2, values.shape[1] // 2
    squares = values.reshape(height, 2, width, 2, 3).transpose(0, 2, 1, 3, 4).reshape(height, width, 12)
    quality = np.full((height, width, 1), np.float32(level) / np.float32(50) - np.float32(1), np.float32)
    features = _body(np.concatenate([squares, quality], 2), architecture, layers)
    result = values + _shuffled(_convolution(features, *next(layers)), 2)
    require(next(layers, None) is None, "more weights than the architecture has")
    return _to_bytes(result)


def _body(values: np.ndarray, architecture: dict, layers: Iterator) -> np.ndarray:
    """The head, the residual blocks and the skip over them."""
    factor = np.float32(architecture["residual_scaling"])
    shallow = deep = _convolution(values, *next(layers))
    for _ in range(architecture["blocks"]):
        inner = np.maximum(_convolution(deep, *next(layers)), 0)
        deep = deep + factor * _convolution(inner, *next(layers))
    return shallow + _convolution(deep, *next(layers))


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint((values + 1) * np.float32(127.5)), 0, 255).astype(np.uint8)


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
