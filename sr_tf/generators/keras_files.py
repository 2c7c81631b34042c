"""Reading `.keras` files: everything in them is checked before a network is built, and only known networks are.

Such a file is a ZIP file with `config.json`, `metadata.json` and `model.weights.h5`. Keras itself would build whatever
the configuration names, of any size, and read weights from wherever the HDF5 file points to.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np

from sr_tf.disk.files import input_file
from sr_tf.disk.json_files import decode_json
from sr_tf.disk.zip_files import open_stored
from sr_tf.errors import UserError, reason

if TYPE_CHECKING:
    import h5py

_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_LONGEST_JSON = 1 << 16
_MOST_OBJECTS = 20_000
"""Groups and data sets of an HDF5 file that are visited; the largest network has fewer than 4,000."""
_DEEPEST = 8

_FLOAT = np.dtype("<f4")
_Filters = Annotated[int, msgspec.Meta(ge=1, le=1024)]


class _Policy(msgspec.Struct, forbid_unknown_fields=True):
    name: Literal["float32", "mixed_bfloat16"]


class _PolicyObject(msgspec.Struct, forbid_unknown_fields=True):
    class_name: Literal["DTypePolicy"]
    config: _Policy
    module: Literal["keras"]
    registered_name: None = None


class _Shape(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The constructor arguments of a network, as its `get_config` returns them."""

    name: str
    trainable: bool
    dtype: _PolicyObject

    def arguments(self) -> dict:
        """The arguments that determine the network's form."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name not in _Shape.__struct_fields__}


class _EDSR(_Shape, forbid_unknown_fields=True, kw_only=True):
    blocks: Annotated[int, msgspec.Meta(ge=1, le=512)]
    filters: _Filters
    scale: Literal[2, 4, 8, 16]
    residual_scaling: Annotated[float, msgspec.Meta(ge=-100, le=100)] | Annotated[int, msgspec.Meta(ge=-100, le=100)]
    one_step: bool = False
    quality_input: bool = False

    def arguments(self) -> dict:
        found = super().arguments()
        return found if self.quality_input else {name: found[name] for name in found if name != "quality_input"}

    def weights(self) -> dict[str, tuple[int, ...]]:
        same = (self.filters,) * 2
        parts = {"head": (4 if self.quality_input else 3, self.filters), **_body(self.blocks, same), "body_end": same}
        steps = 0 if self.one_step else int(math.log2(self.scale))
        last = 3 * self.scale**2 if self.one_step else 3
        for number, outputs in enumerate([4 * self.filters] * steps + [last], 2):
            parts[f"layers/conv2d_{number}"] = (self.filters, outputs)
        return _convolutions(parts)


class _CodedFilter(_Shape, forbid_unknown_fields=True, kw_only=True):
    blocks: Annotated[int, msgspec.Meta(ge=1, le=512)]
    filters: _Filters
    scale: Literal[1]
    residual_scaling: Annotated[float, msgspec.Meta(ge=-100, le=100)] | Annotated[int, msgspec.Meta(ge=-100, le=100)]

    def weights(self) -> dict[str, tuple[int, ...]]:
        same = (self.filters,) * 2
        parts = {"head": (13, self.filters), **_body(self.blocks, same), "body_end": same}
        return _convolutions({**parts, "layers/conv2d_2": (self.filters, 12)})


class _Reducer(_Shape, forbid_unknown_fields=True, kw_only=True):
    scale: Literal[2, 4, 8, 16]
    filters: _Filters

    def weights(self) -> dict[str, tuple[int, ...]]:
        same = (self.filters, self.filters)
        return _convolutions({"head": (3 * self.scale**2, same[0]), "body": same, "layers/conv2d_2": (same[0], 3)})


def weight_shapes(architecture: dict) -> list[tuple[int, ...]]:
    """The shapes of a network's weights in the order of `get_weights`.

    Args:
        architecture: the constructor arguments of `sr_tf.models.edsr.EDSR`, or at scale 1 of `CodedFilter`.
    """
    kind = _CodedFilter if architecture["scale"] == 1 else _EDSR
    return list(kind(name="", trainable=True, dtype=None, **architecture).weights().values())


def _body(blocks: int, channels: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """The convolutions of residual blocks, as `_convolutions` takes them."""
    names = ["residual_block" + f"_{i}" * (i > 0) for i in range(blocks)]
    return {f"body/{name}/{part}": channels for name in names for part in ("expand", "contract")}


def _convolutions(parts: dict[str, tuple[int, int]]) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of 3×3 convolutions by their names in the HDF5 file, in the order of `get_weights`.

    Args:
        parts: the channels in and out of each convolution by the name that Keras gives it in the file.
    """
    shapes = {}
    for part, (inputs, outputs) in parts.items():
        shapes |= {f"{part}/vars/0": (3, 3, inputs, outputs), f"{part}/vars/1": (outputs,)}
    return shapes


_SHAPES = {
    "EDSR": ("sr_tf.models.edsr", _EDSR),
    "CodedFilter": ("sr_tf.models.coded_filter", _CodedFilter),
    "Reducer": ("sr_tf.models.reducer", _Reducer),
}


class _Named(msgspec.Struct):
    """What is read of a `config.json` before the arguments of the network that it names."""

    class_name: str
    module: str
    config: msgspec.Raw


def read_keras(path: Path, *networks: str) -> tuple[dict, list[np.ndarray]]:
    """Reads a network from a `.keras` file.

    Args:
        path: the file.
        networks: the classes of which it must contain one: "EDSR", "CodedFilter" or "Reducer".

    Returns:
        The constructor arguments that determine the network's form, and its weights in the order of `get_weights`.

    Raises:
        UserError: the file is missing or damaged, or contains another network, or something else than weights.
    """
    expected = f"expected a .keras file with {'an EDSR generator' if 'EDSR' in networks else f'a {networks[0]}'}"
    with input_file(path, expected):
        try:
            with open_stored(path, len(_MEMBERS)) as members:
                if set(members.namelist()) != _MEMBERS:
                    raise ValueError(f"contains {', '.join(members.namelist())[:100]}")
                if any(members.getinfo(name).file_size > _LONGEST_JSON for name in _MEMBERS if name.endswith(".json")):
                    raise ValueError("its config.json or metadata.json is too long")
                shape = _read_shape(members.read("config.json"), path, networks, expected)
                weights = _read_weights(members.read("model.weights.h5"), shape.weights())
        except (OSError, UserError):
            raise
        except Exception as error:  # damaged ZIP and HDF5 files raise almost any exception
            raise UserError(f"{path}: cannot be read as a .keras file ({reason(error)}), {expected}") from error
    return shape.arguments(), weights


def _read_shape(content: bytes, path: Path, networks: tuple[str, ...], expected: str) -> _Shape:
    name = f"{path}: config.json"
    named = decode_json(content, _Named, name, expected)
    if named.class_name not in networks:
        raise UserError(f"{path}: contains a {named.class_name[:80]}, {expected.replace('a .keras file with ', '')}")
    module, kind = _SHAPES[named.class_name]
    if named.module != module:
        raise UserError(f"{name}: the module {named.module[:80]!r}, expected {module!r}")
    return decode_json(bytes(named.config), kind, name, expected)


def _read_weights(content: bytes, shapes: dict[str, tuple[int, ...]]) -> list[np.ndarray]:
    """Reads the weights after their names, types and shapes were compared with those of the network."""
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        found: dict[str, h5py.Dataset] = {}
        _find(file, "", found, [0], 0)
        if found.keys() != shapes.keys():
            other = sorted(found.keys() ^ shapes.keys())[0]
            raise ValueError(f"{len(found)} weights, expected {len(shapes)}; the first other one is {other[:100]}")
        for name, shape in shapes.items():
            values = found[name]
            if values.shape != shape or values.dtype != _FLOAT:
                raise ValueError(f"{name}: {values.dtype} {list(values.shape)}, expected {_FLOAT} {list(shape)}")
            # Values that are compressed, lie in another file or are missing may cost more than the file's own size.
            if values.chunks or values.external or values.is_virtual or values.id.get_storage_size() != values.nbytes:
                raise ValueError(f"{name}: its values are not stored in this file as they are")
        weights = [found[name][()] for name in shapes]
    for name, values in zip(shapes, weights, strict=True):
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: contains NaN or infinite values")
    return weights


def _find(group: h5py.Group, path: str, found: dict[str, h5py.Dataset], visited: list[int], depth: int) -> None:
    """Collects the data sets of a group and of its sub-groups. Follows no links, which may point to other files."""
    import h5py

    for name in group:
        visited[0] += 1
        if visited[0] > _MOST_OBJECTS or depth > _DEEPEST:
            raise ValueError("too many groups")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{path}{name}: is a link")
        one = group[name]
        if isinstance(one, h5py.Group):
            _find(one, f"{path}{name}/", found, visited, depth + 1)
        else:
            found[path + name] = one
