"""Tables as text and as Markdown, and what a terminal gets to see."""

import io
import sys

import pytest

from sr_tf.errors import UserError
from sr_tf.messages import exit_code, markdown_table, printable, tell, text_table

ROWS = [["", "PSNR (dB) ↑", "SSIM"], ["bicubic", "36.27", "0.927"], ["m3", "∞", "–"]]


def test_a_text_table_aligns_the_first_column_left_and_the_others_right():
    assert text_table(ROWS) == (
        "         PSNR (dB) ↑   SSIM\n"
        "bicubic        36.27  0.927\n"
        "m3                 ∞      –"
    )  # fmt: skip


def test_a_markdown_table_has_the_same_alignment():
    assert markdown_table(ROWS) == (
        "|  | PSNR (dB) ↑ | SSIM |\n| --- | ---: | ---: |\n| bicubic | 36.27 | 0.927 |\n| m3 | ∞ | – |"
    )


def test_a_table_may_have_one_column_or_headings_only():
    assert text_table([["method"], ["m1"]]) == "method\nm1    "
    assert markdown_table([["method"], ["m1"]]) == "| method |\n| --- |\n| m1 |"
    assert text_table([["method", "PSNR"]]) == "method  PSNR"


def test_control_characters_are_shown_and_not_obeyed():
    assert printable("a\x1b[31mb\x07\x9b2J\u202egnp.\x7f") == r"a\x1b[31mb\x07\x9b2J\u202egnp.\x7f"
    assert printable("Präparat ≥ 3\tµm\n") == "Präparat ≥ 3\tµm\n"


def test_messages_and_results_escape_control_characters(capsys):
    def action():
        print("label\x1b]0;title\x07\rforged")
        tell("first\x1b[2J\nsecond")
        raise UserError("name\x1b[31m: is\nbad")

    assert exit_code("sr-tf", action) == 2
    printed = capsys.readouterr()
    assert printed.out == "label\\x1b]0;title\\x07\\x0dforged\n".replace("\\x0d", "\\r")
    assert printed.err == "first\\x1b[2J second\nsr-tf: error: name\\x1b[31m: is bad\n"


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "? 3 ?"), ("latin-1", "? 3 µ"), ("utf-8", "≥ 3 µ")])
def test_what_the_terminal_cannot_show_is_replaced(monkeypatch, encoding, shown):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
    assert exit_code("sr-tf", lambda: print("≥ 3 µ", "\udce4")) == 0
    assert raw.getvalue().decode(encoding) == f"{shown} ?\n"


class _Full(io.StringIO):
    def flush(self):
        raise OSError(28, "No space left on device")


def test_results_that_cannot_be_written_are_an_error_but_messages_are_not(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", _Full())
    assert exit_code("sr-tf", lambda: print("result")) == 2
    assert capsys.readouterr().err == "sr-tf: error: standard output: cannot be written (No space left on device)\n"
    monkeypatch.undo()
    monkeypatch.setattr(sys, "stderr", _Full())
    assert exit_code("sr-tf", lambda: print("message", file=sys.stderr, flush=True)) == 0
