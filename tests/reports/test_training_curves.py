import math

import pytest

from awcu.reports.training_curves import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Run, charts

TITLES = {"train/loss": "loss", "val/auroc": "AUROC"}


def of(*values, row=0, column="val/auroc"):
    return Run(row, f"row {row}", [{"epoch": place + 1, column: value} for place, value in enumerate(values)])


def test_a_line_goes_from_edge_to_edge():
    (chart,) = charts([of(0.5, 0.6, 0.7), of(0.7, 0.5, row=1)], TITLES)
    assert chart.title == "AUROC"
    first, second = chart.lines
    # 4 % of the range are free above and below: 8/108 of the height at each end, halved.
    inner = HEIGHT - TOP - BOTTOM
    high, low = round(TOP + inner * 0.008 / 0.216, 1), round(TOP + inner * 0.208 / 0.216, 1)
    middle, left, right = round((LEFT + WIDTH - RIGHT) / 2, 1), LEFT, WIDTH - RIGHT
    assert first.path == f"M{left} {low:g} L{middle:g} {TOP + inner / 2:g} L{right} {high:g}"
    assert second.path == f"M{left} {high:g} L{middle:g} {low:g}"
    assert first.dots == [(left, low), (middle, TOP + inner / 2), (right, high)]
    assert (first.row, first.says) == (0, "row 0: .700 after epoch 3")
    assert [text for _, text in chart.across] == ["1", "2", "3"]
    assert [text for _, text in chart.up] == [".50", ".55", ".60", ".65", ".70"]


@pytest.mark.parametrize(
    ("values", "marks"),
    [((0.55, 1.07), [".6", ".8", "1.0"]), ((0.0, 4.9), [".0", "2.0", "4.0"]), ((0.5, 0.5), [".490", ".495", ".500"])],
)
def test_marks_say_exactly_where_they_are(values, marks):
    (chart,) = charts([of(*values)], TITLES)
    assert [text for _, text in chart.up][: len(marks)] == marks


def test_what_is_undefined_breaks_the_line():
    (chart,) = charts([of(0.5, math.nan, 0.7, 0.6)], TITLES)
    assert [part[0] for part in chart.lines[0].path.split() if part[0].isalpha()] == ["M", "M", "L"]
    assert len(chart.lines[0].dots) == 3


def test_one_epoch_is_a_dot_in_the_middle():
    (chart,) = charts([of(0.5)], TITLES)
    assert chart.lines[0].dots == [((LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2)]
    assert [text for _, text in chart.across] == ["1"]


def test_many_epochs_have_no_dots():
    (chart,) = charts([of(*([0.5] * 16))], TITLES)
    assert chart.lines[0].dots == []


def test_a_chart_for_each_column_that_says_something():
    runs = [of(0.9, 0.8, column="train/loss"), of(math.nan, row=1), Run(2, "row 2", [])]
    assert [(chart.title, len(chart.lines)) for chart in charts(runs, TITLES)] == [("loss", 2)]
    assert charts([], TITLES) == []
