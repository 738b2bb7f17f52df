"""An experiment's page in a real browser, as a colleague opens it: from the file, without a network."""

import io
from contextlib import contextmanager

import numpy as np
import pytest
from demo.test_browser import CHROMIUM, PHONE, browsing
from PIL import Image

from awcu.reports.experiment import Experiment, gather
from awcu.reports.experiment_page import report_html

COLOUR = "(element, name) => getComputedStyle(element)[name].match(/\\d+/g).slice(0, 3).map(Number)"

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")]

TABLE = """
title: Which weighting wins
baseline: weighting=uniform
columns: {test/auroc: AUROC, test/srcc: SRCC}
rows: {weighting=uniform: uniform, weighting=step: step ×4}
ladder: {metrics: [test/auroc], x_label: weight, series: {δ = 1: {weighting=uniform: 1, weighting=step: 4}}}
"""


@pytest.fixture(scope="module")
def file(experiment_runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mailed")
    (folder / "table.yaml").write_text(TABLE)
    report = gather(Experiment.find("experiment=smoke"), experiment_runs, folder, [], 2)
    (folder / "report.html").write_text(report_html(report), encoding="utf-8")
    return folder / "report.html"


@contextmanager
def opened(file, **settings):
    """The page; fails where it says anything on the console or asks for anything but itself."""
    said = []
    with browsing(file.as_uri(), **settings) as page:
        page.on("console", lambda message: said.append(message.text))
        page.reload()
        yield page
    assert said == []


@pytest.fixture
def page(file):
    with opened(file) as page:
        yield page


def column(page, table, place):
    """The cells of a column, without the trivial predictor's."""
    cells = page.locator(f"{table} tbody:not([data-fixed]) tr > :nth-child({place})")
    return [text.split("±")[0].split(" (")[0].strip() for text in cells.all_inner_texts()]


def test_sorted_by_clicks_and_back(page):
    as_it_came = column(page, ".comparison", 1)
    assert as_it_came == ["uniform", "step ×4", "weighting=drop"]
    header = page.locator(".comparison thead th").nth(1)
    for order, expected in (("descending", True), ("ascending", False)):
        header.get_by_role("button", name="AUROC").click()
        assert header.get_attribute("aria-sort") == order
        *values, none = column(page, ".comparison", 2)
        assert values == sorted(values, reverse=expected)
        assert none == "–", "what has no value is last in either order"
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") is None
    assert column(page, ".comparison", 1) == as_it_came
    assert page.locator(".comparison tr").nth(1).inner_text().startswith("trivial predictor")


def test_sorted_by_the_keyboard(page):
    page.locator(".comparison thead button").first.focus()
    page.keyboard.press("Enter")
    assert column(page, ".comparison", 1) == ["step ×4", "uniform", "weighting=drop"]
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    sorted_by = page.locator(".comparison th[aria-sort]")
    assert sorted_by.count() == 1
    assert sorted_by.inner_text().startswith("AUROC")


def test_photographs_are_sorted_by_rating(page):
    first = page.locator("table.photographs").first
    first.get_by_role("button", name="rating").click()
    ratings = [float(text.split()[0]) for text in first.locator("td[data-label=rating]").all_inner_texts()]
    assert ratings == sorted(ratings, reverse=True)
    assert len(ratings) == 2


def test_every_picture_is_there(page):
    sizes = page.eval_on_selector_all(
        "img:not(.plot)", "all => all.map(one => Math.max(one.naturalWidth, one.naturalHeight))"
    )
    assert sizes == [240] * 24
    # Ladder and curves.
    widths = page.eval_on_selector_all(".plot", "all => all.map(one => one.naturalWidth)")
    assert len(widths) == 2
    assert min(widths) > 400


def ground(page):
    red, green, blue = page.eval_on_selector("body", COLOUR, "backgroundColor")
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def drawn(page, place):
    """Grey values of a figure as it is seen."""
    shot = page.locator(".plot").nth(place).screenshot()
    with Image.open(io.BytesIO(shot)) as picture:
        return np.asarray(picture.convert("L")).astype(int)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(file, scheme):
    with opened(file, color_scheme=scheme) as page:
        level = ground(page)
        assert (level < 60) == (scheme == "dark")
        red, green, blue = page.eval_on_selector("h1", COLOUR, "color")
        assert abs(0.2126 * red + 0.7152 * green + 0.0722 * blue - level) > 85
        for place in (0, 1):
            grey = drawn(page, place)
            # The figure has no ground of its own, and its ink is far from the page's.
            assert np.abs(np.median(grey) - level) < 4
            assert (np.abs(grey - level) > 120).mean() > 0.002


def test_on_a_telephone_nothing_sticks_out(file):
    with opened(file, **PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        # The table scrolls by itself, its first column stays.
        scrolled = page.locator(".scroll").first
        scrolled.evaluate("element => { element.scrollLeft = 200; }")
        assert page.locator(".comparison tbody th").first.bounding_box()["x"] == scrolled.bounding_box()["x"]
        picture = page.locator(".photographs img").first.bounding_box()
        assert 90 < picture["width"] < 130
