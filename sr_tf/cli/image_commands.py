"""Runs `sr-tf reduce` and `sr-tf upscale`: reduces image files to LR, and restores them."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin
from tqdm import tqdm

import sr_tf
from sr_tf.cli.image_files import convert_images
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.generators.names import ModelName
from sr_tf.generators.restorer import load_restorer
from sr_tf.generators.upscale import upscale
from sr_tf.images.degradation import crop_to, reduce
from sr_tf.images.tiles import tiles

# The PNG text field in which `reduce` stores the scene's size, so that `upscale` can remove the padding.
_SIZE = "Original-Size"


def reduce_files(
    source: Path, target: Path, scale: int, degradation: str, strict: bool, overwrite: bool = False
) -> list[Path]:
    """Reduces HR images to LR; see `convert_images` for the files and `sr_tf.images.degradation` for the pixels.

    Returns:
        The PNG files written. Each stores the scene's size and keeps its colour profile.
    """

    def convert(path: Path, hr: np.ndarray) -> bytes:
        about = {_SIZE: f"{hr.shape[1]}x{hr.shape[0]}", "Description": f"Reduced ×{scale} ({degradation})"}
        return _png(reduce(hr, scale, degradation), path, about)

    return convert_images(source, target, strict, overwrite, convert)


def upscale_files(
    source: Path,
    target: Path,
    model: ModelName,
    tile: int,
    strict: bool,
    engine: str = DEFAULT_ENGINE,
    overwrite: bool = False,
) -> list[Path]:
    """Restores LR images; see `convert_images` for the files and `sr_tf.generators.upscale` for the pixels.

    Returns:
        The PNG files written. Each has a description that says it was reconstructed, keeps its colour profile, and is
        cut to the scene's size if the LR file stores it.
    """
    generator = load_restorer(model, engine)
    return _restore_files(
        source, target, str(model), tile, strict, overwrite, generator.scale, partial(upscale, generator)
    )


def upscale_files_on_server(
    source: Path, target: Path, server: str, model: str, tile: int, strict: bool, overwrite: bool = False
) -> list[Path]:
    """Restores LR images like `upscale_files`, but on a server; see `sr_tf.serving.client.connect`."""
    from sr_tf.serving.client import connect

    with connect(server, model) as served:
        return _restore_files(source, target, model, tile, strict, overwrite, served.scale, served.restore)


def _restore_files(
    source: Path, target: Path, model: str, tile: int, strict: bool, overwrite: bool, scale: int, restore: Callable
) -> list[Path]:
    about = {"Description": f"Reconstructed by super-resolution ({model}), not measured. Research use only."}

    def convert(path: Path, lr: np.ndarray) -> bytes:
        count = sum(1 for _ in tiles(*lr.shape[:2], tile))
        with tqdm(total=count, unit="tile", leave=False, disable=None if count > 4 else True) as bar:
            sr = restore(lr, tile, bar.update)
        return _png(crop_to(sr, _stored_size(path, lr.shape, scale)), path, about)

    return convert_images(source, target, strict, overwrite, convert)


def _stored_size(path: Path, lr_shape: tuple[int, ...], scale: int) -> tuple[int, int] | None:
    """Reads the scene's size (H, W) from its LR file; None if there is none, or if it does not fit the LR."""
    with Image.open(path) as image:
        width, _, height = image.info.get(_SIZE, "").partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        return None
    size = (int(height), int(width))
    fits = all(-(-full // scale) == small for full, small in zip(size, lr_shape[:2], strict=True))
    return size if fits else None


def _png(image: np.ndarray, source: Path, about: dict[str, str]) -> bytes:
    text = PngImagePlugin.PngInfo()
    for key, value in {"Software": f"sr_tf {sr_tf.__version__}", **about}.items():
        text.add_text(key, value)
    with Image.open(source) as original:
        profile = original.info.get("icc_profile")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", pnginfo=text, icc_profile=profile)
    return buffer.getvalue()
