"""`.keras` files: what this project writes is read; everything else is one line before any network is built."""

import io
import json
import os
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

from sr_tf.errors import UserError
from sr_tf.generators.keras_files import read_keras
from sr_tf.generators.load import load_generator, load_reducer
from sr_tf.models.edsr import EDSR, architecture
from sr_tf.models.reducer import Reducer

WEIGHTS = "model.weights.h5"


def saved(network, path):
    network.build((None, None, None, 3))
    random = np.random.default_rng(1)
    network.set_weights([random.normal(size=weight.shape).astype(np.float32) for weight in network.weights])
    network.save(path)
    return network


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("keras") / "generator.keras"
    saved(EDSR(2, 4, 4, 0.1), path)
    return path


def changed(source, target, members):
    """Writes a copy of a `.keras` file in which some members have other bytes; None: it is left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in dict.fromkeys([*old.namelist(), *members]):
            content = members.get(name, b"") if name in members else old.read(name)
            if content is not None:
                new.writestr(name, content)
    return target


def refusal(path, network="EDSR"):
    with pytest.raises(UserError) as error:
        read_keras(path, network)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and "expected" in message and "\n" not in message
    return message


@pytest.mark.parametrize(
    "make",
    [
        lambda: EDSR(2, 4, 4, 0.1),
        lambda: EDSR(1, 4, 2, 1, True),
        lambda: EDSR(12, 3, 8),
        lambda: Reducer(4),
        lambda: Reducer(2, 5),
    ],
)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_form_and_weights_are_those_that_keras_reads(make, policy, tmp_path):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        network = saved(make(), tmp_path / "a.keras")
    finally:
        keras.mixed_precision.set_global_policy(before)
    shape, weights = read_keras(tmp_path / "a.keras", type(network).__name__)
    expected = (
        architecture(network) if isinstance(network, EDSR) else {"scale": network.scale, "filters": network.filters}
    )
    assert shape == expected
    for found, weight in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(found, weight)
    if isinstance(network, EDSR):
        loaded = load_generator(tmp_path / "a.keras")
    else:
        saved(EDSR(1, 4, network.scale), tmp_path / "b.keras")
        (tmp_path / "a.keras").rename(tmp_path / "b.reducer.keras")
        loaded = load_reducer(tmp_path / "b.keras")
    assert loaded.compute_dtype == "float32"
    for weight, wanted in zip(loaded.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, wanted)


@pytest.mark.parametrize(
    "name, value",
    [
        ("blocks", 10**9), ("blocks", 0), ("blocks", -1), ("blocks", "2"), ("blocks", 3), ("blocks", None),
        ("filters", 10**6), ("filters", 5), ("filters", [4]), ("filters", 10**400), ("scale", 3), ("scale", 2),
        ("scale", 2**40), ("residual_scaling", "1"), ("residual_scaling", 1e300), ("one_step", True),
        ("one_step", 0), ("dtype", "float64"), ("dtype", {"module": "builtins"}), ("more", 1), ("name", 3),
    ],
)  # fmt: skip
def test_a_configuration_that_does_not_fit_is_refused(file, tmp_path, name, value):
    with zipfile.ZipFile(file) as members:
        config = json.loads(members.read("config.json"))
    config["config"][name] = value
    refusal(changed(file, tmp_path / "a.keras", {"config.json": json.dumps(config).encode()}))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"[" * 50_000, b"[]", b'{"class_name": "EDSR"}', b" " * 70_000]
)
def test_a_damaged_configuration_is_refused(file, tmp_path, content):
    refusal(changed(file, tmp_path / "a.keras", {"config.json": content}))


def test_other_networks_are_named_and_not_built(file, tmp_path):
    assert "contains a EDSR, expected a Reducer" in refusal(file, "Reducer")
    layers = [keras.Input((4,)), keras.layers.Lambda(lambda values: values)]
    keras.Sequential(layers).save(tmp_path / "a.keras")
    assert "contains a Sequential, expected an EDSR generator" in refusal(tmp_path / "a.keras")
    with zipfile.ZipFile(file) as members:
        config = json.loads(members.read("config.json"))
    other = {**config, "module": "os"}
    assert "the module 'os'" in refusal(
        changed(file, tmp_path / "b.keras", {"config.json": json.dumps(other).encode()})
    )


@pytest.mark.parametrize(
    "member, content", [("metadata.json", None), (WEIGHTS, None), ("assets/a", b""), ("../a", b"")]
)
def test_other_members_are_refused(file, tmp_path, member, content):
    refusal(changed(file, tmp_path / "a.keras", {member: content}))


def test_what_is_no_keras_file_is_refused(file, tmp_path):
    content = file.read_bytes()
    for name, damaged in (("empty", b""), ("text", b"text"), ("cut", content[:-30]), ("half", content[:20_000])):
        (tmp_path / name).write_bytes(damaged)
        refusal(tmp_path / name)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(tmp_path / "packed", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert "is compressed" in refusal(tmp_path / "packed")
    os.mkfifo(tmp_path / "pipe")
    assert "is a device, pipe or socket" in refusal(tmp_path / "pipe")
    assert "is a folder" in refusal(tmp_path)


def compressed(weights):
    del weights["head/vars/0"]
    weights["head/vars"].create_dataset("0", data=np.zeros((3, 3, 3, 4), "<f4"), compression="gzip")


def without_values(weights):
    del weights["head/vars/0"]
    weights["head/vars"].create_dataset("0", shape=(3, 3, 3, 4), dtype="<f4")


def in_another_file(weights):
    del weights["head/vars/0"]
    place = [("/etc/passwd", 0, 432)]
    weights["head/vars"].create_dataset("0", shape=(3, 3, 3, 4), dtype="<f4", external=place)


def replaced(value):
    def change(weights):
        del weights["head/vars/0"]
        weights["head/vars/0"] = value

    return change


def circle(weights):
    weights["head/again"] = weights["/"]


def virtual(weights):
    del weights["head/vars/0"]
    layout = h5py.VirtualLayout((3, 3, 3, 4), "<f4")
    layout[:] = h5py.VirtualSource("other.h5", "a", (3, 3, 3, 4))
    weights["head/vars"].create_virtual_dataset("0", layout)


@pytest.mark.parametrize(
    "change",
    [
        compressed, without_values, in_another_file, circle, virtual,
        replaced(h5py.ExternalLink("other.h5", "/a")), replaced(h5py.SoftLink("/body_end/vars/0")),
        replaced(np.zeros((3, 3, 3, 4), "<f8")), replaced(np.zeros((3, 3, 3, 5), "<f4")), replaced("text"),
        replaced(np.full((3, 3, 3, 4), np.nan, "<f4")),
        lambda weights: weights.create_group("a").create_dataset("b", data=1),
    ],
)  # fmt: skip
def test_other_weights_are_refused(file, tmp_path, change):
    with zipfile.ZipFile(file) as members:
        buffer = io.BytesIO(members.read(WEIGHTS))
    with h5py.File(buffer, "r+") as weights:
        change(weights)
    refusal(changed(file, tmp_path / "a.keras", {WEIGHTS: buffer.getvalue()}))


def test_random_damage_is_one_line(file, tmp_path):
    """In a process of its own, so that a crash of the HDF5 library would be seen."""
    program = """if True:
        import random, sys, zipfile
        from pathlib import Path
        from sr_tf.errors import UserError
        from sr_tf.generators.keras_files import read_keras
        source, target = map(Path, sys.argv[1:])
        with zipfile.ZipFile(source) as members:
            parts = {name: members.read(name) for name in members.namelist()}
        chance = random.Random(3)
        for number in range(150):
            name = chance.choice(list(parts))
            content = bytearray(parts[name])
            for _ in range(chance.choice((1, 2, 8))):
                content[chance.randrange(len(content))] = chance.choice((0, 1, 127, 255))
            with zipfile.ZipFile(target, "w") as members:
                for other, whole in parts.items():
                    members.writestr(other, bytes(content) if other == name else whole)
            try:
                read_keras(target, "EDSR")
            except UserError as error:
                assert str(error).startswith(f"{target}: ") and len(str(error).splitlines()) == 1
        print("done")
    """
    command = [sys.executable, "-c", program, str(file), str(tmp_path / "a.keras")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "done\n", done.stderr
