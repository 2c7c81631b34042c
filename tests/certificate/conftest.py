import msgspec
import numpy as np
import pytest

from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.write import Options, write_archive
from sr_tf.certificate.certify import certify
from sr_tf.certificate.page import to_html
from sr_tf.certificate.record import CellFacts, CellsOfMethod
from sr_tf.data.smear import render_smear
from sr_tf.images.reading import write_png


@pytest.fixture(scope="session")
def archived(tmp_path_factory):
    """(a drawn smear's file, its archive without generators)."""
    folder = tmp_path_factory.mktemp("certified")
    slide, archive = folder / "sme<a>r.png", folder / "smear.sr.zip"
    write_png(slide, render_smear(5, 200, 540))
    write_archive(slide, archive, Options(gate=QUALITIES["visual"], models=()))
    return slide, archive


@pytest.fixture(scope="session")
def certified(archived):
    """(the certificate of that archive, its pictures)."""
    slide, archive = archived
    return certify(archive, slide)


@pytest.fixture
def page(certified, tmp_path):
    """The file of its page."""
    path = tmp_path / "page.html"
    path.write_text(to_html(*certified), "utf-8")
    return path


@pytest.fixture
def equal(tmp_path):
    """(a slide, its archive of equal pixels without any name or hash)."""
    slide, archive = tmp_path / "secret-name.png", tmp_path / "equal.sr.zip"
    write_png(slide, np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 80, 3)))
    write_archive(slide, archive, Options(gate=QUALITIES["lossless"], models=(), deidentify=True))
    return slide, archive


@pytest.fixture(scope="session")
def counted(certified):
    """(a certificate with counts of cells, its pictures)."""
    names = ("restored", "JPEG quality 90", "AVIF at equal bytes", "bicubic ×4 at equal bytes")
    methods = [CellsOfMethod(name, 0.5, 33, 33, 0.0, (0.0, 0.0), 4, 4, 0.844, (0.1, 1.0), 4, 29, 28) for name in names]
    cells = CellFacts("sr-tf validate", "red cells", True, "how", "ab" * 32, "κ 0.42 against labels.", methods)
    return msgspec.structs.replace(certified[0], cells=cells), certified[1]
