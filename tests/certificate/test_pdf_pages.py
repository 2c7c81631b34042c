"""The certificate's PDF as PDFium reads it: what stands on which page."""

import re

import msgspec
import pypdfium2
import pytest

from sr_tf.certificate.content import sections, verdict
from sr_tf.certificate.pdf import to_pdf
from sr_tf.certificate.record import NOTE, Share

METHODS = ("restored", "JPEG quality 90", "AVIF at equal bytes", "bicubic ×4 at equal bytes")


def pages_of(pdf):
    """The text of each page, its lines joined by single spaces."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [" ".join(page.get_textpage().get_text_bounded().split()) for page in document]


def test_the_pdf_has_what_the_page_has_and_each_page_its_note_whatever_the_slide_is_called(counted):
    certificate, pictures = counted
    slide = msgspec.structs.replace(certificate.archive.slide, name="a very long name of a slide " * 8)
    certificate = msgspec.structs.replace(
        certificate, archive=msgspec.structs.replace(certificate.archive, slide=slide)
    )
    pages = pages_of(to_pdf(certificate, pictures))
    assert pages[0].count(NOTE) == 2  # at its head too
    assert all(NOTE in page for page in pages)
    text = " ".join(pages)
    for section in sections(certificate):
        assert section.title in text
    for words in (
        verdict(certificate),
        *certificate.not_measured,
        certificate.archive.sha256,
        "κ 0.42 against labels.",
    ):
        assert words in text
    assert "28 of 29" in text and "4 blocks have any" in text
    assert "cannot be checked" in text and "The page is no signature" in text


@pytest.fixture(scope="module")
def bare(counted):
    """The same certificate without pictures, whose stored forms are as many as asked for."""

    def make(ways):
        certificate, _ = counted
        stored = [Share(f"way {number}", 1, 10) for number in range(ways)]
        archive = msgspec.structs.replace(certificate.archive, stored=stored)
        detail = msgspec.structs.replace(certificate.detail, shown=[])
        return msgspec.structs.replace(certificate, archive=archive, shown=[], detail=detail)

    return make


@pytest.mark.parametrize("ways", [1, 12])  # so that pages break at other places
def test_titles_and_small_tables_are_not_divided(bare, ways):
    pages = pages_of(to_pdf(bare(ways), {}))
    (detail,) = (page for page in pages if "(cycles/pixel)" in page)
    assert all(re.search(rf"{re.escape(name)} 0\.\d+ [\d.]+ px", detail) for name in METHODS)
    (cells,) = (page for page in pages if "Red cells, counted and typed" in page)
    assert cells.count("28 of 29") == len(METHODS)
    assert "95 % interval" in cells  # a heading that is not divided word by word


def test_a_long_table_has_its_headings_on_each_page(bare):
    pages = pages_of(to_pdf(bare(90), {}))
    with_rows = [page for page in pages if re.search(r"\bway \d+ 1 10 ", page)]
    assert len(with_rows) >= 2 and all("stored as blocks bytes share" in page for page in with_rows)
    assert all(any(f"way {number} 1 10" in page for page in with_rows) for number in range(90))
