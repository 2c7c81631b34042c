"""Answers in CSV files: separators, rows that were not read, and one clear line for each error."""

import pytest
from readers import answer_file, by_parity

from sr_tf.errors import UserError
from sr_tf.reader_study.answers import COLUMNS, read_answers


@pytest.fixture
def answers(study, tmp_path):
    return answer_file(tmp_path / "answers.csv", study[1], "AB", by_parity)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_spreadsheets_write_csv_in_several_ways(study, answers, separator):
    expected = read_answers([answers], study[1])
    assert len(expected) == 24
    text = answers.read_text("utf-8").replace(",", separator).replace("\n", "\r\n").replace("normal", "Normal ")
    answers.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n" + separator.encode() * 7 + b"\r\n")
    assert read_answers([answers], study[1]) == expected


def test_images_that_were_not_read_are_left_out(study, answers, tmp_path):
    _, key = study
    half = answer_file(
        tmp_path / "half.csv", key, "AB", lambda case, restored: by_parity(case, restored) if case.number < 4 else None
    )
    assert len(read_answers([half], key)) == 6
    assert len(read_answers([half, answers], key)) == 24  # the same answer may stand twice
    assert read_answers([study[0] / "reader" / "answers-session-1.csv"], key) == []


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("session", "2", "found session '2', expected 1 for image"),
        ("image", "0" * 12, "found image '000000000000', expected an image of study"),
        ("finding", "odd", "found finding 'odd', expected one of: normal, abnormal, cannot say"),
        ("finding", "", "found finding '', expected one of"),
        ("confidence", "6", "found confidence '6', expected a whole number from 1 to 5"),
        ("confidence", "", "found confidence '', expected a whole number from 1 to 5"),
        ("quality", "good", "found quality 'good', expected a whole number from 1 to 5"),
        ("read_on", "05.01.2026", "found read_on '05.01.2026', expected a day as YYYY-MM-DD"),
        ("read_on", "2026-02-30", "found read_on '2026-02-30', expected a day as YYYY-MM-DD"),
        ("reader", "", "found no reader, expected a name or sign"),
        ("reader", "AB,more", "found 9 columns, expected 8"),
    ],
)
def test_a_bad_row_is_named(study, answers, column, value, said):
    lines = answers.read_text("utf-8").splitlines()
    cells = lines[3].split(",")
    cells[COLUMNS.index(column)] = value
    answers.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]), "utf-8")
    with pytest.raises(UserError) as error:
        read_answers([answers], study[1])
    assert str(error.value).startswith(f"{answers}: row 4: {said}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "row 1: found ''"),
        (b"a,b\n1,2\n", "row 1: found 'a,b'"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b'session,"number', "row 1: found"),
        (b"x" * (1 << 24) + b"x", "has more than 16,777,216 bytes"),
    ],
)
def test_other_files_are_refused(study, tmp_path, content, said):
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match="expected a CSV file with the columns session,number,image") as error:
        read_answers([path], study[1])
    assert str(error.value).startswith(f"{path}: {said}")


def test_two_answers_to_one_image_are_refused(study, answers, tmp_path):
    other = answer_file(tmp_path / "other.csv", study[1], "AB", lambda case, restored: "cannot say", sessions=(2,))
    with pytest.raises(UserError, match=r"AB answers image .* otherwise than in .*answers\.csv: row 14") as error:
        read_answers([answers, other], study[1])
    assert str(error.value).startswith(f"{other}: row 2: ")
