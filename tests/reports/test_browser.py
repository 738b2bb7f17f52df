"""An experiment's page in a real browser, as a colleague opens it: from the file, without a network."""

from contextlib import contextmanager

import pytest
from demo.test_browser import CHROMIUM, PHONE, browsing

from awcu.reports.experiment import Experiment, gather
from awcu.reports.experiment_page import report_html

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
    sizes = page.eval_on_selector_all("img", "all => all.map(one => Math.max(one.naturalWidth, one.naturalHeight))")
    assert sizes == [240] * 24


def test_curves_are_switched_by_row(page):
    page.get_by_role("checkbox", name="step ×4").focus()
    lines = page.locator('.run[data-row="1"]')
    assert lines.count() == 2 * 3
    colour = "element => getComputedStyle(element).stroke"
    before = lines.first.evaluate(colour)
    page.keyboard.press("Space")
    grey = lines.first.evaluate(colour)
    assert grey != before
    page.get_by_role("checkbox", name="uniform").uncheck()
    page.get_by_role("checkbox", name="step ×4").check()
    # The first colour is free again.
    assert lines.first.get_attribute("class") == "run c0"
    boxes = [line.bounding_box() for line in lines.all()]
    assert all(box["width"] > 100 for box in boxes)


def test_the_ladder_has_the_pages_font_and_colours(page):
    figure = page.locator("svg.figure").first
    assert figure.bounding_box()["height"] > 200
    fonts = page.evaluate(
        "['svg.figure text', 'body'].map(one => getComputedStyle(document.querySelector(one)).fontFamily)"
    )
    assert fonts[0] == fonts[1]


def luminance(page, selector, attribute):
    colour = page.eval_on_selector(selector, f"element => getComputedStyle(element).{attribute}")
    red, green, blue = (int(part) for part in colour.strip("rgb()").split(","))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(file, scheme):
    with opened(file, color_scheme=scheme) as page:
        ground = luminance(page, "body", "backgroundColor")
        assert (ground < 60) == (scheme == "dark")
        for selector, attribute in (("h1", "color"), ("svg.figure text", "fill"), (".chart text", "fill")):
            assert abs(luminance(page, selector, attribute) - ground) > 85


def test_on_a_telephone_nothing_sticks_out(file):
    with opened(file, **PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        # The table scrolls by itself, its first column stays.
        scrolled = page.locator(".scroll").first
        scrolled.evaluate("element => { element.scrollLeft = 200; }")
        assert page.locator(".comparison tbody th").first.bounding_box()["x"] == scrolled.bounding_box()["x"]
        picture = page.locator(".photographs img").first.bounding_box()
        assert 90 < picture["width"] < 130
