"""The files of a run folder, and what reading them imports."""

import json
import subprocess
import sys

import pytest

from sr_tf.errors import UserError
from sr_tf.generators.runs import kept_generators, keras_file, pretrained_of, reducer_path


def write_run(folder, kept, **config):
    (folder / "best").mkdir(parents=True)
    (folder / "best" / "scores.json").write_text(json.dumps(kept))
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_run_folder_stands_for_its_best_generator(tmp_path):
    run = write_run(tmp_path / "run", [{"file": "b.keras", "step": 2}, {"file": "a.keras", "step": 1}])
    assert keras_file(str(run)) == run / "best" / "b.keras"
    assert keras_file("anything.keras").name == "anything.keras"


def test_a_folder_without_kept_generators_is_refused(tmp_path):
    assert kept_generators(tmp_path / "best") == []
    with pytest.raises(UserError, match=rf"{tmp_path}: contains no best/scores\.json, expected the folder of"):
        keras_file(str(tmp_path))


DAMAGES = {
    "no step": '[{"file": "a.keras"}]',
    "cut": "{",
    "a number": "3",
    "empty": "",
    "a list": "[[]]",
    "a path": '[{"file": "../a.keras", "step": 1}]',
    "a long name": json.dumps([{"file": "a" * 9999 + ".keras", "step": 1}]),
    "a null character": '[{"file": "a\\u0000.keras", "step": 1}]',
    "another suffix": '[{"file": "a.h5", "step": 1}]',
    "a number as file": '[{"file": 1, "step": 1}]',
    "a text as step": '[{"file": "a.keras", "step": "1"}]',
    "a negative step": '[{"file": "a.keras", "step": -1}]',
    "a text as score": '[{"file": "a.keras", "step": 1, "psnr": "30"}]',
    "a huge score": json.dumps([{"file": "a.keras", "step": 1, "psnr": 10**400}]),
    "NaN": '[{"file": "a.keras", "step": 1, "psnr": NaN}]',
    "null": '[{"file": "a.keras", "step": 1, "psnr": null}]',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("content", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_list_is_refused(tmp_path, content):
    (tmp_path / "scores.json").write_text(content)
    with pytest.raises(UserError, match=r"scores\.json: .*expected the JSON list of kept generators"):
        kept_generators(tmp_path)


def test_the_reducer_lies_beside_its_generator(tmp_path):
    assert reducer_path(tmp_path / "step-00001000.keras") == tmp_path / "step-00001000.reducer.keras"


def test_fine_tuning_starts_from_the_generator_that_the_run_names(tmp_path):
    tuned = write_run(tmp_path / "tuned", [], phase="gan", pretrained="small")
    assert pretrained_of(str(tuned)) == pretrained_of(str(tuned / "best" / "a.keras")) == "small"
    assert pretrained_of(str(write_run(tmp_path / "mse", [], phase="pretrain", pretrained="small"))) is None
    with pytest.raises(UserError, match=r"interpolation needs the run's .*config\.json"):
        pretrained_of(str(tmp_path))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"phase": 1}', '{"phase": "gan", "pretrained": 3}', "[" * 99_999])
def test_a_damaged_configuration_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"interpolation needs the run's .*config\.json, which cannot be read"):
        pretrained_of(str(tmp_path))


def test_a_file_by_its_name_alone_has_no_run(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    with pytest.raises(UserError, match=r"x\.keras: interpolation needs the run's .*config\.json"):
        pretrained_of("x.keras")


def test_generators_are_named_and_prepared_without_importing_keras():
    modules = ("engines", "interpolation", "load", "names", "reduction", "restorer", "runs", "upscale", "weights_hash")
    imports = ", ".join(f"sr_tf.generators.{name}" for name in modules)
    check = f"import sys, {imports}; assert not {{'tensorflow', 'keras', 'jax', 'openvino'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, capture_output=True)
