"""Writes files as PyTorch does, in its two layouts, by plain pickle and struct: no test needs PyTorch."""

import collections
import contextlib
import io
import pickle
import struct
import sys
import types
import zipfile
from unittest import mock

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"int": 4}}
STORAGES = {"f4": "FloatStorage", "f2": "HalfStorage", "i8": "LongStorage", "u1": "ByteStorage"}


class Storage:
    """A flat array, pickled as PyTorch pickles a storage: by reference."""

    def __init__(self, key, values):
        self.key = key
        self.values = values


class Tensor:
    """A strided view of a storage, pickled as PyTorch pickles a tensor."""

    def __init__(self, storage, shape, strides, offset=0):
        self.args = (storage, offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.args


@contextlib.contextmanager
def _torch_names():
    """Names that pickle must find to write references to them; the reader never sees these modules."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def rebuild(*_):
        raise AssertionError("the reader must not call this")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        yield


def _dumped(state, legacy):
    """The pickle of a state dict and the storages that it refers to."""
    storages = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            if not isinstance(obj, Storage):
                return None
            storages[obj.key] = obj.values
            kind = getattr(sys.modules["torch"], STORAGES[obj.values.dtype.str[1:]])
            return ("storage", kind, obj.key, "cuda:0", obj.values.size, *([None] if legacy else []))

    stream = io.BytesIO()
    with _torch_names():
        Pickler(stream, protocol=2).dump(state)
    return stream.getvalue(), storages


def legacy_bytes(state):
    described, storages = _dumped(state, legacy=True)
    parts = [pickle.dumps(head, protocol=2) for head in (MAGIC, PROTOCOL, SYSTEM)]
    parts += [described, pickle.dumps(sorted(storages), protocol=2)]
    for key in sorted(storages):
        parts += [struct.pack("<q", storages[key].size), storages[key].tobytes()]
    return b"".join(parts)


def zip_bytes(state):
    return zipped_pickle(*_dumped(state, legacy=False))


def zipped_pickle(described, storages=types.MappingProxyType({})):
    """The layout since 2020 around any pickle."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("weights/data.pkl", described)
        archive.writestr("weights/byteorder", "little")
        for key, values in storages.items():
            archive.writestr(f"weights/data/{key}", values.tobytes())
        archive.writestr("weights/version", "3\n")
    return stream.getvalue()


def contiguous(key, values):
    strides = [stride // values.itemsize for stride in values.strides]
    return Tensor(Storage(key, values.ravel()), values.shape, tuple(strides))


def state_bytes(arrays, layout=zip_bytes):
    """A `.pth` file of named NumPy arrays."""
    named = {name: contiguous(str(i), values) for i, (name, values) in enumerate(arrays.items())}
    return layout(collections.OrderedDict(named))
