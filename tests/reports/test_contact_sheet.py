"""The contact sheet: as a file, and as a person sees it in a browser."""

import io
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from demo.test_browser import CHROMIUM, PHONE, browsing
from PIL import Image

from awcu.reports.contact_sheet import SIDE, Shown, ShownSeries, contact_sheet_html, is_contact_sheet, thumbnail

NAMES = ["IMG 1 <b>&amp;.jpg", "a%20b?.jpg", "#3.jpg", "日本.jpg"]


def picture(width=600, height=400, level=90):
    return np.full((height, width, 3), level, np.uint8)


@pytest.fixture
def page(tmp_path):
    """Two series of photographs that are there, one of them with portraits, and one photograph alone."""
    (tmp_path / "photos").mkdir()
    shown = []
    for place, name in enumerate(NAMES):
        pixels = picture(*((400, 600) if place == 3 else (600, 400)), level=60 * place + 30)
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
        small = thumbnail(pixels)
        shown.append(
            Shown(tmp_path / "photos" / name, f"3.{place}", ["softer", "darker"] if place == 1 else [], *small)
        )
    series = [ShownSeries(shown[:2], "2024-05-06 07:08:09, 1 s"), ShownSeries([shown[2], *[shown[3]] * 9], "")]
    page = tmp_path / "out" / "pick.html"
    page.parent.mkdir()
    html = contact_sheet_html(series, [(tmp_path / "photos" / NAMES[0], "1.0")], "What there is.", ["A note."], page)
    page.write_text(html, encoding="utf-8")
    return page


def test_a_thumbnail_keeps_the_proportions():
    content, size = thumbnail(picture(600, 200), 300)
    with Image.open(io.BytesIO(content)) as small:
        assert (small.format, small.size, size) == ("JPEG", (300, 100), (300, 100))
    assert thumbnail(picture(60, 20), 300)[1] == (60, 20), "never larger than the photograph"
    assert thumbnail(picture(2000, 2), 300)[1] == (300, 1)


def test_names_are_escaped_and_what_is_lacking_is_said(page):
    text = page.read_text()
    assert "<b>&amp;.jpg" not in text
    assert "IMG 1 &lt;b&gt;&amp;amp;.jpg" in text
    assert "softer, darker" in text
    assert "http" not in text, "nothing is fetched"


def test_it_is_known_again(page, tmp_path):
    assert is_contact_sheet(page)
    (tmp_path / "other.html").write_text("<html></html>")
    assert not is_contact_sheet(tmp_path / "other.html")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
class TestBrowser:
    def test_pictures_are_there_and_lead_to_the_photographs(self, page):
        with browsing(page.as_uri()) as seen:
            widths = seen.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
            assert set(widths) == {SIDE, SIDE * 2 // 3 + 1}
            links = seen.eval_on_selector_all("a", "all => all.map(one => one.href)")
            assert {Path(link_path(link)).name for link in links} == set(NAMES)
            assert all(Path(link_path(link)).is_file() for link in links)
            best, *rest = boxes(seen)
            assert all(best["x"] < box["x"] and best["width"] >= box["width"] for box in rest)

    def test_on_a_telephone_nothing_sticks_out(self, page):
        with browsing(page.as_uri(), **PHONE) as seen:
            assert seen.evaluate("document.documentElement.scrollWidth") == 390
            best, first, second, *_ = [
                box.bounding_box() for box in seen.locator("section").nth(1).locator("figure").all()
            ]
            assert best["width"] > 300
            assert first["y"] == second["y"] > best["y"]


def boxes(seen):
    """Where the photographs of the second series are."""
    return [one.bounding_box() for one in seen.locator("section").nth(1).locator("figure").all()]


def link_path(link):
    return unquote(urlsplit(link).path)
