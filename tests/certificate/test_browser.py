"""The certificate in Chromium."""

from chromium import IN_BROWSER, launched, watched

from sr_tf.certificate.page import to_html

pytestmark = IN_BROWSER


def test_the_page_opens_without_a_request_and_shows_tiles_at_1_to_1(counted, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(to_html(*counted), "utf-8")
    with launched() as chromium:
        tab = chromium.new_page(viewport={"width": 1100, "height": 900})
        requests, complaints = watched(tab)
        tab.goto(page.as_uri())
        sizes = tab.evaluate(
            "Promise.all([...document.images].map(image => image.decode().then(() => "
            "[image.naturalWidth, image.clientWidth, image.naturalHeight, image.clientHeight])))"
        )
        cut_off = tab.evaluate(
            "[...document.querySelectorAll('.wide')].filter(one => one.scrollWidth > one.clientWidth).length"
        )
        wide = tab.evaluate("document.documentElement.scrollWidth")
    assert [url for url in requests if not url.startswith("data:")] == [page.as_uri()] and complaints == []
    assert sizes and all(natural == shown and high == tall for natural, shown, high, tall in sizes)
    assert wide <= 1100 and cut_off == 0
