import re

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from awcu.plots.style import BLUE
from awcu.reports.inline_svg import inline_svg, key_figure


@pytest.fixture
def figure():
    figure = Figure(figsize=(3, 2))
    axis = figure.subplots()
    axis.plot([1, 2], [3, 4], color=BLUE)
    axis.plot([1, 2], [4, 3], color="#123456")
    axis.set_xlabel("the x axis")
    return figure


def test_text_stays_text_and_colours_are_the_pages(figure):
    svg = inline_svg(figure, 'what "it" <shows>')
    assert ">the x axis</text>" in svg
    assert "font-family" not in svg
    assert 'aria-label="what &#34;it&#34; &lt;shows&gt;"' in svg
    assert "stroke: var(--blue)" in svg
    assert "var(--ink)" in svg
    assert set(re.findall("#[0-9a-f]{6}", svg)) == {"#123456"}


def test_nothing_of_a_file_of_its_own_is_left(figure):
    svg = inline_svg(figure, "")
    for unwanted in ("http", "<style", "<metadata", "<?xml", "<!--", "xmlns"):
        assert unwanted not in svg


def test_parts_refer_to_parts_that_are_there(figure):
    svg = inline_svg(figure, "")
    ids = re.findall(r' id="([^"]+)"', svg)
    assert len(set(ids)) == len(ids) > 0
    assert set(ids) == {*re.findall(r'href="#([^"]+)"', svg), *re.findall(r"url\(#([^)]+)\)", svg)}


def test_a_key_has_a_line_a_sign():
    svg = inline_svg(key_figure([Line2D([], [], label="one"), Line2D([], [], label="two")]), "")
    assert re.findall(r">(\w+)</text>", svg) == ["one", "two"]
