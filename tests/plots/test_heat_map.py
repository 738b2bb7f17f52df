"""The heat map shows each column's differences, marks the right ones, and says what is missing."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories import run as record
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from awcu.errors import TableError
from awcu.plots import ladder as plots
from awcu.plots.heat_map import COLOURS, EMPTY, heat_map
from awcu.runs.record import RunRecord
from awcu.tables.comparability import split_records
from awcu.tables.intervals import Estimate, holm
from awcu.tables.paired import PairedDifference
from awcu.tables.spec import HeatMap, TableSpec
from awcu.tables.table import Table
from awcu.text import number

COLUMNS = {"size=50": "50", "size=100": "100", "": "all of them"}
PLAN = HeatMap(("test/auroc", "test/srcc"), "training photographs", COLUMNS)
SPEC = TableSpec(
    title="What each weighting gains",
    baseline="w=uniform",
    columns={"test/srcc": "SRCC", "test/auroc": "AUROC"},
    rows={"w=uniform": "uniform", "w=step": "step ×4, δ = 1", "w=power": "power, γ = 1", "w=drop": "drop"},
    heat_map=PLAN,
)
SEEDS = 6


def run(column: str, variant: str, seed: int, **metrics: float) -> RunRecord:
    rng = np.random.default_rng([seed, *map(ord, column + variant)])
    gain = {"w=step": 0.012, "w=power": 0.05 if column else 0.0, "w=drop": -0.03}.get(variant, 0.0)
    scores = {f"test/{name}": 0.8 + 0.01 * seed + gain + rng.normal(0, 0.006) for name in ("auroc", "srcc")}
    return record(
        variant=" ".join(sorted([*column.split(), variant])),
        weighting=variant,
        seed=seed,
        split_fingerprint=str(seed),
        n={"train": 80, "test": 20},
        metrics=scores | {key.replace("_", "/", 1): value for key, value in metrics.items()},
    )


def runs() -> list[RunRecord]:
    return [run(column, variant, seed) for column in COLUMNS for variant in SPEC.rows for seed in range(SEEDS)]


def panels(figure: Figure) -> list[Axes]:
    return [axis for axis in figure.axes if axis.get_title()]


def squares(axis: Axes) -> dict[tuple[int, int], dict[str, Any]]:
    """(column, row) → colour, whether framed, and its texts from above."""
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for patch in axis.patches:
        assert isinstance(patch, Rectangle)
        place = (math.floor(patch.get_x()), math.floor(patch.get_y()))
        mine = found.setdefault(place, {"framed": False, "texts": []})
        mine |= {"colour": patch.get_facecolor()} if patch.get_fill() else {"framed": True}
    for text in sorted(axis.texts, key=lambda text: text.get_position()[1]):
        x, y = text.get_position()
        if y > 0 and text.get_text():
            found[math.floor(x), math.floor(y)]["texts"].append(text)
    return found


def said(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def differences(metric: str, records: list[RunRecord]) -> dict[tuple[int, int], Estimate]:
    found = {}
    for x, mine in enumerate(split_records(records, COLUMNS).values()):
        table = Table.of_column(SPEC, mine)
        for y, row in enumerate(table.rows[1:]):
            difference = row.cells[metric].difference
            assert difference is not None
            found[x, y] = difference
    return found


def test_squares_are_the_columns_tables(tmp_path: Path, drawn: list[Figure]) -> None:
    heat_map(SPEC, runs(), tmp_path / "heat_map.png")
    assert [axis.get_title() for axis in panels(drawn[0])] == ["AUROC", "SRCC"]
    for axis, metric in zip(panels(drawn[0]), PLAN.metrics, strict=True):
        expected = differences(metric, runs())
        found = squares(axis)
        assert set(found) == set(expected)
        limit = max(abs(one.mean) for one in expected.values())
        adjusted = dict(zip(expected, holm([one.p_value for one in expected.values()]), strict=True))
        for place, one in expected.items():
            square = found[place]
            texts = [text.get_text() for text in square["texts"]]
            assert texts == [number(one.mean, signed=True), f"±{one.spread}"]
            assert square["colour"] == pytest.approx(COLOURS(0.5 + one.mean / limit / 2))
            assert square["framed"] == (adjusted[place] < 0.05)
            assert (square["texts"][0].get_weight() == "bold") == square["framed"]
        assert {square["framed"] for square in found.values()} == {True, False}


def test_intervals_are_over_photographs_where_they_are_known(tmp_path: Path, drawn: list[Figure]) -> None:
    mean = differences("test/auroc", runs())[1, 0].mean
    known = PairedDifference("size=100", "w=step", "w=uniform", "test/auroc", tuple(range(SEEDS)), 388, mean, 0.2, 0.3)
    heat_map(SPEC, runs(), tmp_path / "heat_map.png", [known])
    found = squares(panels(drawn[0])[0])
    estimates = differences("test/auroc", runs())
    assert float(found[1, 0]["texts"][1].get_text().strip("±")) > 0.3 > 0.1 > float(estimates[1, 0].spread)
    for place in {*estimates} - {(1, 0)}:
        assert found[place]["texts"][1].get_text() == f"±{estimates[place].spread}"
    text = said(drawn[0])
    assert "a difference is paired by seed and test photograph, its interval over both (bootstrap of 388" in text
    assert "a difference is paired by seed, its interval over seeds only" in text


def test_holm_goes_over_the_whole_panel(tmp_path: Path, drawn: list[Figure]) -> None:
    """Some difference survives within its column's table, but not among all squares of its panel."""
    heat_map(SPEC, runs(), tmp_path / "heat_map.png")
    alone = sum(
        row.cells["test/auroc"].significant
        for mine in split_records(runs(), COLUMNS).values()
        for row in Table.of_column(SPEC, mine).rows
    )
    assert sum(square["framed"] for square in squares(panels(drawn[0])[0]).values()) < alone


def test_labels_and_the_baselines_means(tmp_path: Path, drawn: list[Figure]) -> None:
    heat_map(SPEC, runs(), tmp_path / "heat_map.png")
    first, second = panels(drawn[0])
    assert [text.get_text() for text in first.get_xticklabels()] == ["50", "100", "all of them"]
    assert [text.get_text() for text in first.get_yticklabels()] == ["uniform (mean)", *list(SPEC.rows.values())[1:]]
    assert not any(text.get_text() for text in second.get_yticklabels())
    assert first.get_xlabel() == "training photographs"
    tables = [Table.of_column(SPEC, mine) for mine in split_records(runs(), COLUMNS).values()]
    means = [number(table.rows[0].cells["test/auroc"].value.mean) for table in tables]
    assert [text.get_text() for text in first.texts if text.get_position()[1] < 0] == means
    bars = [axis.get_xlabel() for axis in drawn[0].axes if not axis.get_title()]
    assert bars == ["difference to uniform"] * 2
    text = said(drawn[0])
    assert text.startswith("What each weighting gains Bold in a frame: survives Holm's correction over its panel")
    assert "widened for overlapping test splits" in text
    assert (
        "gallery (aaaa), photographs: 80 train, 20 test, 6 splits; 6 seeds (0, 1, 2, 3, 4, 5); commit 1a2b3c4" in text
    )
    assert "–: no runs" not in text
    assert "†" not in text


def test_what_is_missing_is_said(tmp_path: Path, drawn: list[Figure]) -> None:
    records = [one for one in runs() if one.variant != "size=50 w=step" and "size=100" not in one.variant]
    records = [one for one in records if (one.variant, one.seed) != ("w=step", 3)]
    records += [run("", "w=odd", 0)]
    records = [one for one in records if one.variant != "w=drop"]
    records += [run("", "w=drop", seed, test_auroc=math.nan if seed else 0.5) for seed in range(3)]
    records += [run("", "w=drop", seed, probe_converged=0.0) for seed in range(3, SEEDS)]
    heat_map(SPEC, records, tmp_path / "heat_map.png")
    found = squares(panels(drawn[0])[0])
    texts = {place: [text.get_text() for text in square["texts"]] for place, square in found.items()}
    for place in [(0, 0), *((1, y) for y in range(3))]:
        assert texts[place] == ["–"]
        assert found[place]["colour"] == pytest.approx(to_rgba(EMPTY))
    assert texts[2, 0][1].endswith(", n = 5")
    assert texts[2, 2] == ["nan", "2 of 6 †"]
    levels = [text.get_text() for text in panels(drawn[0])[0].texts if text.get_position()[1] < 0]
    assert levels[1] == "–"
    assert len(found) == 9, "a variant that is not listed has no row"
    for word in ("–: no runs", "n: pairs of seeds, where fewer", "†: some of its runs did not converge"):
        assert word in said(drawn[0])


def test_one_seed_has_no_interval(tmp_path: Path, drawn: list[Figure]) -> None:
    heat_map(SPEC, [one for one in runs() if one.seed == 0], tmp_path / "heat_map.png")
    texts = [text.get_text() for square in squares(panels(drawn[0])[0]).values() for text in square["texts"]]
    assert len(texts) == 9
    assert "±" not in "".join([*texts, said(drawn[0])])
    assert "a difference is paired by seed" in said(drawn[0])


@pytest.mark.parametrize("metrics", [("test/auroc",), ("test/auroc", "test/srcc")])
def test_nothing_overlaps_or_leaves_the_figure(tmp_path: Path, drawn: list[Figure], metrics: tuple[str, ...]) -> None:
    columns = {"": "all", "size=50": "fifty training photographs"}
    long = replace(SPEC, title="A title that is a good deal longer than the two columns of squares below it are wide")
    spec = replace(long, heat_map=HeatMap(metrics, "training photographs", columns))
    heat_map(spec, [one for one in runs() if "size=100" not in one.variant], tmp_path / "heat_map.png")
    figure = drawn[0]
    boxes = [text.get_window_extent() for text in figure.texts]
    for axis in figure.axes:
        low, high = axis.get_xlim()
        ticks = [text for text in axis.get_xticklabels() if low <= text.get_position()[0] <= high]
        labels = [*ticks, *axis.get_yticklabels(), *axis.texts, axis.title, axis.xaxis.label]
        boxes += [text.get_window_extent() for text in labels if text.get_text()]
    for place, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])


def test_same_records_same_bytes_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one.png", "two.png"):
        heat_map(SPEC, runs(), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert imread(tmp_path / "one.png").shape[1] >= 6.4 * plots.DPI

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        heat_map(SPEC, runs()[:24], tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_no_difference_at_all(tmp_path: Path, drawn: list[Figure]) -> None:
    same = [replace(one, metrics=dict.fromkeys(PLAN.metrics, 0.5)) for one in runs()]
    heat_map(SPEC, same, tmp_path / "heat_map.png")
    assert not any(square["framed"] for square in squares(panels(drawn[0])[0]).values())


def test_refuses(tmp_path: Path) -> None:
    path = tmp_path / "heat_map.png"
    with pytest.raises(TableError, match="'What each weighting gains' has no heat_map; add one"):
        heat_map(replace(SPEC, heat_map=None), runs(), path)
    with pytest.raises(TableError, match="lists no row but the baseline; add others to rows"):
        heat_map(replace(SPEC, rows={"w=uniform": "uniform"}), runs(), path)
    with pytest.raises(TableError, match="no runs; a heat map needs"):
        heat_map(SPEC, [], path)
    lacking = [one for one in runs() if one.variant != "size=50 w=uniform"]
    with pytest.raises(TableError, match="column 'size=50' of the heat map: no run of the baseline 'w=uniform'"):
        heat_map(SPEC, lacking, path)
    twice = [*runs(), replace(run("size=50", "w=step", 0), data_fingerprint="bbbb")]
    with pytest.raises(TableError, match="column 'size=50' of the heat map: one table has different data_fingerprint"):
        heat_map(SPEC, twice, path)
    assert not path.exists()


def test_columns_may_be_different_data_sets(tmp_path: Path, drawn: list[Figure]) -> None:
    records = [replace(one, data_fingerprint="bbbb") if "size=50" in one.variant else one for one in runs()]
    heat_map(SPEC, records, tmp_path / "heat_map.png")
    assert "gallery (aaaa, bbbb), photographs" in said(drawn[0])


def test_panels_of_many_columns_stand_below_one_another(tmp_path: Path, drawn: list[Figure], monkeypatch) -> None:
    heat_map(SPEC, runs(), tmp_path / "beside.png")
    monkeypatch.setattr("awcu.plots.heat_map.MOST_ABREAST", 3)
    heat_map(SPEC, runs(), tmp_path / "below.png")
    beside, below = ([axis.get_position() for axis in figure.axes[::2]] for figure in drawn)
    assert beside[0].y0 == beside[1].y0
    assert beside[0].x1 < beside[1].x0
    assert below[0].x0 == below[1].x0
    assert below[0].y0 > below[1].y1
    assert [axis.get_yticklabels()[1].get_text() for axis in drawn[1].axes[::2]] == [SPEC.rows["w=step"]] * 2
