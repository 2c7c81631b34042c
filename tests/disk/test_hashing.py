import hashlib

import pytest

from sr_tf.disk.hashing import hash_of_file, sha256_of_file
from sr_tf.errors import UserError


@pytest.mark.parametrize("content", [b"", b"a", bytes(range(256)) * 5000])
def test_hashes_are_those_of_hashlib(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert sha256_of_file(path) == sha256_of_file(str(path)) == hashlib.sha256(content).hexdigest()
    assert hash_of_file(path, "md5") == hashlib.md5(content).hexdigest()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing: cannot be read \(No such file or directory\)"):
        sha256_of_file(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\)"):
        sha256_of_file(tmp_path)
