"""`sr-tf reader-results` from end to end, and its errors."""

import json
import re
import shutil

import pytest
from readers import answer_file, by_parity, one_differs

from sr_tf.cli.main import main


@pytest.fixture
def own(study, tmp_path):
    """A copy of the study that a test may change."""
    return shutil.copytree(study[0], tmp_path / "study")


@pytest.fixture
def files(study, tmp_path):
    return [
        answer_file(tmp_path / "a.csv", study[1], "Ann <b>", one_differs, gap=9),
        answer_file(tmp_path / "z.csv", study[1], "Zoe", by_parity, gap=15),
    ]


def run(*arguments):
    return main([str(part) for part in ("reader-results", *arguments)])


def test_the_command_writes_a_page_and_a_record(study, own, files, capsys):
    assert run(own, *files) == 0
    said = capsys.readouterr()
    rows = {line.split("  ")[0]: line for line in said.out.splitlines()}
    assert "11 of 12" in rows["Ann <b>"] and "91.7" in rows["Ann <b>"]
    assert "12 of 12" in rows["Zoe"] and "100.0" in rows["Zoe"] and "yes" in rows["Zoe"]
    assert "23 of 24" in rows["together"]
    assert "Ann <b>: 9 days between readings, the guideline asks for 14" in said.err
    assert "Zoe: 12 cases in both forms, the guideline asks for 60" in said.err
    record = json.loads((own / "results.json").read_text("utf-8"))
    assert [one["share"] for one in record["concordance"]] == pytest.approx([11 / 12, 1, 23 / 24])
    assert record["differing"] == [{"reader": "Ann <b>", "case": 1, "original": "cannot say", "restored": "abnormal"}]
    page = (own / "results.html").read_text("utf-8")
    assert "Ann <b>" not in page and "Ann &lt;b&gt;" in page and page.count("<figure>") == 1
    case = study[1].cases[0]
    shown = re.findall(r'<img loading="lazy" src="([^"]+)"', page)
    assert shown == [f"reader/images/{name}.png" for name in (case.original, case.restored)]
    assert all((own / path).is_file() for path in shown)


def test_results_are_replaced_only_on_request_and_elsewhere_lead_to_the_images(own, files, tmp_path, capsys):
    page = tmp_path / "elsewhere" / "page.html"
    assert run(own, *files, "--out", page) == 0
    assert '"../study/reader/images/' in page.read_text("utf-8")
    assert run(own, *files, "--out", page) == 2
    assert "expected a new name, or --overwrite" in capsys.readouterr().err
    assert run(own, *files, "--out", page, "--overwrite") == 0
    assert run(own, *files, "--out", files[0], "--overwrite") == 2
    assert "is the file of answers itself" in capsys.readouterr().err


def test_a_key_that_was_changed_is_refused(own, files, capsys):
    key = own / "key.json"
    content = json.loads(key.read_text("utf-8"))
    case = content["cases"][0]
    case["original"], case["restored"] = case["restored"], case["original"]
    key.write_text(json.dumps(content), "utf-8")
    assert run(own, *files) == 2
    assert "the key is not the one that was sealed" in capsys.readouterr().err
    content["sessions"][0].pop()
    key.write_text(json.dumps(content), "utf-8")
    assert run(own, *files) == 2
    assert "do not show every image of its cases once" in capsys.readouterr().err
    key.write_text("{}", "utf-8")
    assert run(own, *files) == 2
    assert f"{key}: expected the key.json of a reader study" in capsys.readouterr().err
    key.unlink()
    assert run(own, *files) == 2
    assert f"{key}: no such file, expected the key.json" in capsys.readouterr().err


def test_answers_of_one_session_are_not_enough(study, own, tmp_path, capsys):
    half = answer_file(tmp_path / "half.csv", study[1], "Ann", by_parity, sessions=(1,))
    assert run(own, half) == 2
    error = capsys.readouterr().err
    assert error == f"sr-tf: error: {half}: no reader answered a case in both sessions, expected the answers of both\n"
    assert not (own / "results.html").exists()
