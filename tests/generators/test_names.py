"""The names of generators in tables."""

import pytest

from sr_tf.errors import UserError
from sr_tf.generators.names import labels


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
