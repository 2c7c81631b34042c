"""Nothing gets the name of an archive that could not be restored, and `verify` fails where `restore` would."""

import json
import zipfile

import cv2
import numpy as np
import pytest
from archived_slides import archived
from jpeg_tiffs import tiles_of, write_tiff
from PIL import Image
from test_light import run_without_keras

import sr_tf.archive.proof as proof
import sr_tf.archive.write as write
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.associated import segments_of
from sr_tf.archive.container import Writer
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.header import Header
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.write import Options, write_archive
from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.disk.outputs import journal_of
from sr_tf.errors import UserError


@pytest.fixture(scope="module")
def jpeg_slide(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiles")
    return write_tiff(folder / "slide.tif", (64, 64), tiles_of((64, 64), "420"), (2, 2))


@pytest.fixture(scope="module")
def with_generator(tmp_path_factory):
    """An archive with a block that a generator restores."""
    folder = tmp_path_factory.mktemp("generator")
    pixels = cv2.GaussianBlur(render_smear(7, 256, 300), (0, 0), 1.2)
    Image.fromarray(pixels).save(folder / "field.png")
    made = archived(folder / "field.png", folder, "visual", models=("archive4",))
    with ArchiveFile(made.archive) as archive:
        assert archive.kind(0, 0).generator
    return made


def rewritten(source, target, change):
    """Copies an archive with another `archive.json`; every hash is right."""
    with zipfile.ZipFile(source) as file:
        names = [name for name in file.namelist() if name not in ("archive.json", "README.txt")]
        contents = {name: file.read(name) for name in names}
        text = json.loads(file.read("archive.json"))
        stored = {name for name in names if file.getinfo(name).compress_type == zipfile.ZIP_STORED}
    change(text)
    text["members"] = {}
    writer = Writer(target)
    for name, content in contents.items():
        if name in ("blocks", "segments"):
            writer.add_stream(name, iter([content]))
        else:
            writer.add(name, content, compress=name not in stored)
    writer.finish(Header.from_json(json.dumps(text), None))
    return target


def refusal(slide, target, **options):
    with pytest.raises(UserError) as error:
        write_archive(slide, target, Options(QUALITIES["lossless"], (), **options))
    text = str(error.value)
    assert text.startswith(f"{target}: is not written, because it could not be restored: ")
    assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == [journal_of(target).name]
    return text


def test_no_archive_gets_its_name_if_a_block_has_other_pixels(jpeg_slide, tmp_path, monkeypatch):
    read = ArchiveFile.stored_image

    def wrong(archive, row, column):
        stored = read(archive, row, column)
        return stored._replace(image=stored.image ^ 1)

    monkeypatch.setattr(ArchiveFile, "stored_image", wrong)
    text = refusal(jpeg_slide, tmp_path / "out" / "a.sr.zip")
    assert "block 0,0, stored as exact, the original's JPEG segments, has other pixels" in text


def test_no_archive_gets_its_name_if_its_tiles_cannot_be_copied(jpeg_slide, tmp_path, monkeypatch):
    from dataclasses import replace

    def wrong(slide, lossless, deidentify):
        return replace(segments_of(slide.grid), subsampling=(1, 1))

    monkeypatch.setattr(write, "segments_to_keep", wrong)
    assert "tile 0,0: libtiff cannot decode the copied tile" in refusal(jpeg_slide, tmp_path / "out" / "a.sr.zip")


def test_no_archive_gets_its_name_if_it_cannot_be_opened(jpeg_slide, tmp_path, monkeypatch):
    assemble = write.assemble_archive

    def cut(draft, *arguments):
        assemble(draft, *arguments)
        draft.write_bytes(draft.read_bytes()[:-300])

    monkeypatch.setattr(write, "assemble_archive", cut)
    text = refusal(jpeg_slide, tmp_path / "out" / "a.sr.zip")
    assert ".new" not in text


def test_an_interrupted_archive_that_failed_its_proof_is_finished_later(jpeg_slide, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(proof, "pyramid_info", lambda header, tile: (_ for _ in ()).throw(ValueError("no")))
        refusal(jpeg_slide, tmp_path / "out" / "a.sr.zip")
    write_archive(jpeg_slide, tmp_path / "out" / "a.sr.zip", Options(QUALITIES["lossless"], ()))
    assert main(["verify", str(tmp_path / "out" / "a.sr.zip")]) == 0


def test_verify_says_which_generator_is_missing(with_generator, tmp_path, capsys):
    def other(text):
        text["generators"][0] |= {"weights_sha256": "ab" * 32}

    def own(text):
        text["generators"][0] |= {"name": str(tmp_path / "own.keras"), "weights_sha256": "cd" * 32}

    (tmp_path / "own.keras").write_bytes(b"never opened")
    for change, parts in (
        (other, ("the generator archive4 has other weights (SHA-256 2af93a6017e5…)", "(expected abababababab…)")),
        (own, ("own.keras (weights cdcdcdcdcdcd…) does not ship with sr_tf; name its file with --models",)),
    ):
        path = rewritten(with_generator.archive, tmp_path / f"{change.__name__}.sr.zip", change)
        for command in (["verify", str(path)], ["restore", str(path), str(tmp_path / "out.tif")]):
            assert main(command) == 2
            errors = capsys.readouterr().err
            assert all(part in errors for part in parts), errors
        assert not (tmp_path / "out.tif").exists()


def test_a_generator_is_found_by_its_weights_whatever_its_name(with_generator, tmp_path):
    path = rewritten(
        with_generator.archive, tmp_path / "a.sr.zip", lambda text: text["generators"][0].update(name="once")
    )
    assert main(["verify", str(path)]) == 0
    height, width = with_generator.pixels.shape[:2]
    with ArchivedSlide(path) as renamed, ArchivedSlide(with_generator.archive) as archive:
        np.testing.assert_array_equal(renamed.read(0, 0, width, height), archive.read(0, 0, width, height))


def test_verify_of_an_archive_with_generators_imports_no_framework(with_generator, tmp_path):
    code = """
from sr_tf.archive import proof
print(proof.check_restorable(arguments[0]))
proof.is_installed = lambda module: True
print(proof.check_restorable(arguments[0]))
"""
    first, second = run_without_keras(code, with_generator.archive).splitlines()
    assert "its blocks need generators, and keras is not installed" in first
    assert second == "[]"


def test_an_absent_engine_is_a_finding(with_generator, monkeypatch):
    monkeypatch.setattr(proof, "is_installed", lambda module: module != "openvino")
    assert proof.check_restorable(with_generator.archive) == []
    (found,) = proof.check_restorable(with_generator.archive, engine="openvino")
    assert "openvino is not installed" in found
