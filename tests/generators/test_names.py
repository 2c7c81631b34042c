"""The names of generators, as users write them and in tables."""

import pytest

from sr_tf.errors import UserError
from sr_tf.generators.load import load_generator
from sr_tf.generators.names import ModelName, labels, parse_model


def test_a_label_is_the_last_part_of_the_path_or_run_and_step():
    wheres = ["small", "m3@0.5", "mixed+", "runs/small-gan", "/data/runs/a/best/step-00001000.keras", "mine.keras"]
    assert labels(wheres) == {
        "small": "small",
        "m3@0.5": "m3@0.5",
        "mixed+": "mixed+",
        "small-gan": "runs/small-gan",
        "a/step-00001000": "/data/runs/a/best/step-00001000.keras",
        "mine": "mine.keras",
    }
    assert list(labels(wheres).values()) == wheres
    assert labels([]) == {}


@pytest.mark.parametrize("wheres", [["small", "small"], ["first/run", "second/run"]])
def test_two_generators_of_one_label_are_refused(wheres):
    with pytest.raises(UserError, match=f"--models={wheres[0]},{wheres[1]}: two have the same name in the table"):
        labels(wheres)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m3", ModelName("m3")),
        ("m3@0.5", ModelName("m3", 0.5)),
        ("m3+", ModelName("m3", ensemble=True)),
        ("m3@0.25+", ModelName("m3", 0.25, True)),
        ("m3@1", ModelName("m3")),
        ("fast", ModelName("mixed")),
        ("best", ModelName("mixed", ensemble=True)),
        ("runs/small-gan@0", ModelName("runs/small-gan", 0.0)),
    ],
)
def test_the_syntax_of_models(text, expected):
    assert parse_model(text) == expected
    assert parse_model(str(expected)) == expected


def test_alpha_of_its_own_flag_is_the_same_as_behind_the_name():
    assert parse_model("m3", alpha=0.5) == parse_model("m3@0.5")
    assert parse_model("m3+", alpha=0.5) == parse_model("m3@0.5+")


@pytest.mark.parametrize("text", ["2", "-0.1", "half", "nan", ""])
def test_an_alpha_outside_0_to_1_is_refused(text):
    with pytest.raises(UserError, match=f"small@{text}: found alpha {text!r}, expected a number from 0 to 1"):
        parse_model(f"small@{text}")


def test_combinations_without_a_meaning_are_refused():
    with pytest.raises(UserError, match=r"m3\+@0\.5: expected the \+ at the end: m3@0\.5\+"):
        parse_model("m3+@0.5")
    with pytest.raises(UserError, match=r"--model=m3@0\.5 --alpha=0\.3: alpha is given twice"):
        parse_model("m3@0.5", alpha=0.3)
    for text, single in (("best", "mixed"), ("m3@0.5+", "m3@0.5")):
        with pytest.raises(UserError, match=f"can only restore images; expected a single generator, as {single}$"):
            load_generator(text)


def test_a_path_that_exists_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine@0.5", "mine+", "best"):
        (tmp_path / name).mkdir()
        assert parse_model(name) == ModelName(name)
