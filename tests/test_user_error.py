import pytest

from sr_tf.errors import UserError, reason, unreadable, unwritable


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("no device"), "no device"),
        (ValueError("first line\n  second line"), "first line second line"),
        (ValueError(), "ValueError"),
        (ValueError("x" * 1000), "x" * 200),
        ("a text", "a text"),
    ],
)
def test_a_reason_is_one_line(error, expected):
    assert reason(error) == expected


def test_messages_name_the_file():
    error = OSError(5, "Input/output error")
    assert isinstance(unreadable("a", error), UserError)
    assert str(unreadable("a", error)) == "a: cannot be read (Input/output error)"
    assert str(unwritable("a", error)) == "a: cannot be written (Input/output error)"
