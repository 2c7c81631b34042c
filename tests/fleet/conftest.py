"""Six small slides, one of them in a sub-folder with an odd name, and their archives."""

import shutil

import pytest
from fleets import draw, fleet

NAMES = ("one.png", "two.png", "=3.png", "sub/a & <b> 'c'.png", "sub/ü\n5.png", "sub/deeper/six.PNG")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A folder of six slides and a file that is none."""
    folder = tmp_path_factory.mktemp("drawn") / "slides"
    for seed, name in enumerate(NAMES):
        draw(folder / name, seed)
    (folder / "notes.txt").write_text("no slide")
    return folder


@pytest.fixture(scope="session")
def archived(drawn, tmp_path_factory):
    """(slides with a damaged one, their archives in a folder inside, what was printed)."""
    slides = tmp_path_factory.mktemp("archived") / "slides"
    shutil.copytree(drawn, slides)
    (slides / "damaged.svs").write_bytes(b"II*\0 no TIFF")
    return slides, slides / "out", fleet(slides, "--out", slides / "out")
