"""The forest plot shows the table's differences, row by row, and says what is missing."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from factories import run
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from awcu.errors import ForestError
from awcu.plots.forest import forest
from awcu.runs.record import RunRecord
from awcu.tables.paired import PairedDifference
from awcu.tables.spec import Forest, TableSpec
from awcu.tables.table import Table
from awcu.text import number

SPEC = TableSpec(
    title="Which family",
    baseline="w=uniform",
    columns={"test/accuracy": "accuracy", "test/auroc": "AUROC"},
    rows={"w=uniform": "uniform", "w=step": "step ×4, δ = 1", "w=power": "power, γ = 1", "w=drop": "drop"},
    forest=Forest(("test/auroc", "test/accuracy")),
)
GAINS = {"w=uniform": 0.0, "w=step": 0.02, "w=power": 0.0005, "w=drop": -0.03}


def record(variant: str, seed: int, **metrics: float) -> RunRecord:
    luck = 0.003 * math.sin(7 * seed + 3 * len(variant))
    scores = {"test/accuracy": 0.7 + GAINS[variant] / 2 + 5 * luck, "test/auroc": 0.8 + GAINS[variant] + luck}
    changed = {f"test/{name}": value for name, value in metrics.items()}
    return run(variant=variant, weighting=variant, seed=seed, metrics=scores | changed)


def records() -> list[RunRecord]:
    return [record(variant, seed) for variant in GAINS for seed in range(5)]


def points(axis: Axes) -> dict[float, tuple[float, float, bool]]:
    """Height → mean, half-width of the bar, whether filled."""
    found = {}
    for container in axis.containers:
        assert isinstance(container, ErrorbarContainer)
        line, _, bars = container.lines
        (x,), (y,) = line.get_data()
        (start, _), (end, _) = bars[0].get_segments()[0] if bars else ((x, y), (x, y))
        filled = to_rgba(line.get_markerfacecolor()) == to_rgba(line.get_color())
        found[float(y)] = (float(x), float(end - start) / 2, filled)
    return found


def words(figure: Figure) -> str:
    inside = [text.get_text() for axis in figure.axes for text in axis.texts]
    keys = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return " ".join(" ".join([*(text.get_text() for text in figure.texts), *keys, *inside]).split())


def test_points_are_the_tables_differences(tmp_path: Path, drawn: list[Figure]) -> None:
    table = Table.from_records(SPEC, records())
    forest(table, tmp_path / "forest.png")
    (figure,) = drawn
    assert [axis.get_title() for axis in figure.axes] == ["AUROC", "accuracy"]
    for axis, metric in zip(figure.axes, SPEC.forest.metrics if SPEC.forest else (), strict=True):
        found = points(axis)
        assert len(found) == 3
        for y, row in enumerate(table.rows[1:]):
            cell = row.cells[metric]
            assert cell.difference is not None
            assert found[y] == pytest.approx((cell.difference.mean, cell.difference.half_width, cell.significant))
        assert {filled for *_, filled in found.values()} == ({True, False} if metric == "test/auroc" else {False})
    first, second = figure.axes
    assert [text.get_text() for text in first.get_yticklabels()] == ["step ×4, δ = 1", "power, γ = 1", "drop"]
    assert not any(text.get_text() for text in second.get_yticklabels())
    # From above as in the table.
    assert first.get_ylim()[0] > first.get_ylim()[1]
    level = table.rows[0].cells["test/auroc"].value.mean
    text = words(figure)
    assert f"uniform: {number(level)}" in text
    assert text.startswith("Which family")
    assert "difference to uniform, 95 % interval filled: it survives Holm's correction one seed" in text
    assert "a difference is paired by seed, its interval over seeds only" in text


def test_a_faint_dot_a_seed(tmp_path: Path, drawn: list[Figure]) -> None:
    forest(Table.from_records(SPEC, records()), tmp_path / "forest.png")
    dots = [line for line in drawn[0].axes[0].lines if line.get_marker() == "."]
    for line, variant in zip(dots, list(GAINS)[1:], strict=True):
        expected = [
            record(variant, seed).metrics["test/auroc"] - record("w=uniform", seed).metrics["test/auroc"]
            for seed in range(5)
        ]
        assert list(line.get_xdata()) == pytest.approx(expected)


def test_intervals_are_over_photographs_where_they_are_known(tmp_path: Path, drawn: list[Figure]) -> None:
    mean = Table.from_records(SPEC, records()).rows[1].cells["test/auroc"].difference
    assert mean is not None
    known = PairedDifference("", "w=step", "w=uniform", "test/auroc", tuple(range(5)), 388, mean.mean, 0.2, 0.3)
    forest(Table.from_records(SPEC, records(), [known]), tmp_path / "forest.png")
    assert points(drawn[0].axes[0])[0][1] > 0.3
    assert "paired by seed and test photograph, its interval over both (bootstrap of 388" in words(drawn[0])


def test_what_is_missing_is_said(tmp_path: Path, drawn: list[Figure]) -> None:
    few = [one for one in records() if one.variant in ("w=uniform", "w=step")] + [record("w=drop", 0)]
    undefined = [record("w=power", seed, auroc=math.nan) for seed in range(5)]
    forest(Table.from_records(SPEC, few + undefined), tmp_path / "forest.png")
    text = words(drawn[0])
    assert "fewer seeds: drop (1)" in text
    # One seed has a point and no bar; what is undefined has words in its place.
    found = points(drawn[0].axes[0])
    assert found[2][1] == 0
    assert 1 not in found
    assert "nan (5 of 5)" in text
    none = [one for one in records() if one.variant != "w=drop"]
    forest(Table.from_records(SPEC, none), tmp_path / "forest.png")
    assert "no runs: drop" in words(drawn[1])
    assert len(points(drawn[1].axes[0])) == 2


def test_nothing_overlaps_or_leaves_the_figure(tmp_path: Path, drawn: list[Figure]) -> None:
    long = replace(SPEC, rows=SPEC.rows | {"w=step": "step ×4, δ = 1, both classes carrying half of the weight"})
    forest(Table.from_records(long, records()), tmp_path / "forest.png")
    (figure,) = drawn
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axis in figure.axes:
        texts += [*axis.texts, axis.title, axis.xaxis.label, *axis.get_yticklabels()]
        low, high = axis.get_xlim()
        texts += [text for text in axis.get_xticklabels() if low <= text.get_position()[0] <= high]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    for place, box in enumerate(boxes):
        assert figure.bbox.padded(1).containsx(box.x0)
        assert figure.bbox.padded(1).containsx(box.x1)
        assert figure.bbox.padded(1).containsy(box.y0)
        assert figure.bbox.padded(1).containsy(box.y1)
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])


def test_same_table_same_bytes(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        forest(Table.from_records(SPEC, records()), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_refuses(tmp_path: Path) -> None:
    with pytest.raises(ForestError, match=r"'Which family' has no forest; add one to its table\.yaml"):
        forest(Table.from_records(replace(SPEC, forest=None), records()), tmp_path / "forest.png")
    alone = [one for one in records() if one.variant == "w=uniform"]
    with pytest.raises(ForestError, match="'Which family' has runs of its baseline only; train another row"):
        forest(Table.from_records(SPEC, alone), tmp_path / "forest.png")
    assert list(tmp_path.iterdir()) == []
