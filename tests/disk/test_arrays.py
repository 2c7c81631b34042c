"""`.npz` files of others: types, shapes and sizes are checked before memory is taken."""

import io
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from sr_tf.disk.arrays import ArrayFile
from sr_tf.errors import UserError

VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


def header(descr="'<f4'", order="False", shape="(3, 4)"):
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def write(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def read(path, most=10):
    with ArrayFile(path, "expected arrays", most) as arrays:
        return arrays.read("a", "float32", (3, None))


def test_arrays_are_read_unchanged(tmp_path):
    np.savez(tmp_path / "a.npz", a=VALUES, b=np.asfortranarray(VALUES), text=np.array("some"), one=np.array([7]))
    with ArrayFile(tmp_path / "a.npz", "expected arrays", 10) as arrays:
        assert arrays.names == {"a", "b", "text", "one"}
        np.testing.assert_array_equal(arrays.read("a", "float32", (3, 4)), VALUES)
        by_columns = arrays.read("b", "float32", (3, 4))
        np.testing.assert_array_equal(by_columns, VALUES)
        by_columns[0, 0] = 5  # as with numpy.load
        assert arrays.read("text", "U", ()).item() == "some"
        assert arrays.read("one", "int64", ()).item() == 7
        with pytest.raises(UserError, match=r"a\.npz: cannot be read \(There is no item named 'c\.npy'.*expected arr"):
            arrays.read("c", "float32", ())


@pytest.mark.parametrize(
    "content",
    [
        header(shape="(3, 5)") + VALUES.tobytes(),
        header(shape="(4, 3)") + VALUES.tobytes(),
        header(shape="(3, 1000000000000)"),
        header(shape="(3, -4)"),
        header(shape="(3, 4.0)") + VALUES.tobytes(),
        header(shape="(3,)"),
        header(descr="'|O'") + VALUES.tobytes(),
        header(descr="'<f8'") + VALUES.tobytes(),
        header(descr="[('a', '<f4')]") + VALUES.tobytes(),
        header(descr="[" * 200 + "]" * 200),
        header() + VALUES.tobytes() + b"more",
        header() + VALUES.tobytes()[:-1],
        b"\x93NUMPY\x03\x00" + header()[8:],
        b"\x93NUMPY\x09\x00" + header()[8:],
        b"",
    ],
)
def test_other_arrays_are_one_line_and_take_no_memory(tmp_path, content):
    write(tmp_path / "a.npz", {"a.npy": content})
    tracemalloc.start()
    with pytest.raises(UserError, match=r"a\.npz: cannot be read \(.*\), expected arrays$"):
        read(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_compressed_encrypted_repeated_and_other_members_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    whole = header() + VALUES.tobytes()
    write(path, {"a.npy": whole}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="compressed or encrypted"):
        read(path)
    write(path, {"a.npy": whole})
    good = path.read_bytes()
    place = good.rfind(b"PK\1\2")
    for offset, value, expected in (
        (8, 1, "compressed or encrypted"),
        (10, 99, "compressed"),
        (24, 0xFFFFFF, "states"),
    ):
        changed = bytearray(good)
        struct.pack_into("<H" if offset < 20 else "<L", changed, place + offset, value)
        path.write_bytes(changed)
        with pytest.raises(UserError, match=expected):
            read(path)
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning):
        archive.writestr("a.npy", whole)
        archive.writestr("a.npy", whole)
    with pytest.raises(UserError, match="two members have the same name"):
        read(path)
    write(path, {"a.npy": whole, "b.txt": b""})
    with pytest.raises(UserError, match=r"contains other files than arrays, expected arrays"):
        read(path)


def test_a_long_directory_is_not_read(tmp_path):
    path = tmp_path / "a.npz"
    write(path, {f"{number}.npy": b"" for number in range(2000)})
    with pytest.raises(UserError, match=r"its directory has more than 10 entries"):
        read(path)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, expected in (("pipe", "is a device, pipe or socket"), ("none", "no such file"), ("", "is a folder")):
        with pytest.raises(UserError, match=f"{expected}, expected arrays"):
            read(tmp_path / name)


def test_a_changed_value_is_detected(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, a=VALUES)
    content = bytearray(buffer.getvalue())
    content[content.find(VALUES.tobytes()) + 5] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npz: cannot be read \(Bad CRC-32"):
        read(tmp_path / "a.npz")
