import base64
import contextlib
import hashlib
import io
import zipfile
import zlib

import numpy as np
import planted_slides
import planted_vendors
import pytest
import tifffile
from PIL import Image
from planted_slides import SECRET

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.cli.main import main
from sr_tf.slides.slide import open_slide

SLIDES = planted_slides.SLIDES | planted_vendors.SLIDES
_PARTS = ("JaneDoe", "S19-4711", SECRET[:12])


def written_forms():
    for part in (*_PARTS, SECRET):
        plain = part.encode()
        yield from (plain, part.encode("utf-16-le"), part.encode("utf-16-be"), plain.hex().encode(), plain[::-1])
    yield base64.b64encode(SECRET.encode())[:20]


def contents(path):
    """The bytes of a file, and what is compressed in it."""
    data = path.read_bytes()
    yield path.name, data
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            yield from ((name, file.read(name)) for name in file.namelist())
    if data.startswith(b"\x89PNG"):
        with Image.open(io.BytesIO(data)) as image:
            yield "PNG", repr(image.info).encode() + (image.info.get("icc_profile") or b"")
    start = 0
    while (start := data.find(b"\x78", start)) >= 0:
        with contextlib.suppress(zlib.error):
            yield f"{path.name} from {start}", zlib.decompressobj().decompress(data[start:], 1 << 20)
        start += 1


def links(slide):
    """What would recognise the slide's file."""
    data = slide.read_bytes()
    hashes = [hashlib.new(name, data).hexdigest().encode() for name in ("sha256", "sha1", "md5")]
    size = [str(len(data)).encode()] if len(data) > 10_000 else []  # shorter numbers occur by chance
    return [*hashes, *(bytes.fromhex(value.decode()) for value in hashes), *size]


@pytest.mark.parametrize("quality", ["visual", "lossless"])
@pytest.mark.parametrize("name", SLIDES)
def test_nothing_that_was_planted_is_found(name, quality, tmp_path, capfd):
    folder = tmp_path / SECRET
    folder.mkdir()
    slide = SLIDES[name](folder / f"{SECRET} {name}")
    assert SECRET.encode() in slide.read_bytes()
    archive, restored, region = tmp_path / "a.zip", tmp_path / "r.ome.tif", tmp_path / "r.png"
    commands = (
        ["archive", slide, archive, "--deidentify", "--models", "", "--quality", quality],
        ["restore", archive, restored],
        ["restore", archive, region, "--region", "0,0,256,200"],
        ["info", archive, "--map", tmp_path / "map.png"],
        ["verify", archive],
    )
    for command in commands:
        assert main([str(part) for part in command]) == 0, capfd.readouterr().err
    printed = capfd.readouterr().out.encode()
    found = [entry for path in (archive, restored, region, tmp_path / "map.png") for entry in contents(path)]
    for place, data in [*found, ("output", printed)]:
        for form in written_forms():
            assert form not in data, f"{form} in {place}"
    texts = [data for place, data in found if place in ("archive.json", "README.txt")] + [printed]
    with tifffile.TiffFile(restored) as file:
        texts.append(file.pages[0].description.encode())
    for link in links(slide):
        assert not [text for text in texts if link in text]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [SECRET, "a.zip", "r.ome.tif", "r.png", "map.png"]
    )
    check_pixels(slide, archive, restored, quality)
    assert main(["verify", str(archive), "--against", str(slide)]) == 0
    assert "only the pixels are compared" in capfd.readouterr().err


def check_pixels(slide, archive, restored, quality):
    with ArchivedSlide(archive) as archived, open_slide(slide) as original, open_slide(restored) as again:
        assert (
            archived.header.associated == {}
            and set(archived.header.source) == {"second_reader"}
            and again.associated() == {}
        )
        size = original.info.width, original.info.height
        for one in (archived, again):
            difference = one.read(0, 0, *size).astype(int) - original.read(0, 0, *size)
            assert np.abs(difference).max() < (1 if quality == "lossless" else 80)
        assert archived.header.slide.mpp == original.info.mpp == again.info.mpp
        if quality == "lossless" and original.grid:
            assert archived.header.native


def test_a_users_generator_is_named_by_its_weights(tmp_path, capsys):
    from sr_tf.models.edsr import EDSR

    slide = planted_slides.png(tmp_path / "slide.png")
    (tmp_path / SECRET).mkdir()
    model = EDSR(1, 4, 4, 1.0, True)
    model.build((None, None, None, 3))
    generator, archive = tmp_path / SECRET / "g.keras", tmp_path / "a.zip"
    model.save(generator)
    assert main(["archive", str(slide), str(archive), "--deidentify", "--models", str(generator)]) == 0
    with ArchivedSlide(archive, (str(generator),)) as opened:
        assert [record["name"] for record in opened.header.generators] == ["custom"]
    assert main(["info", str(archive)]) == 0
    assert SECRET not in capsys.readouterr().out.replace(str(tmp_path), "")


def test_a_damaged_label_stops_only_who_wants_it(tmp_path, capsys):
    slide = planted_slides.svs(tmp_path / "slide.svs")
    with tifffile.TiffFile(slide) as file:
        page = file.pages[2]
        start, length = page.dataoffsets[0], page.databytecounts[0]
    data = bytearray(slide.read_bytes())
    data[start : start + length] = b"\xff" * length
    slide.write_bytes(data)
    archive = ["archive", str(slide), str(tmp_path / "a.zip"), "--models", ""]
    assert main(archive) == 2
    error = capsys.readouterr().err
    assert "label" in error and "--associated strip" in error
    assert main([*archive, "--deidentify"]) == 0
    assert main([*archive, "--associated", "strip", "--overwrite"]) == 0
