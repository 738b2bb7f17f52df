"""The ladder plot shows the table's numbers, at the right places, and says what is missing."""

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from factories import run as record
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from awcu.errors import LadderError
from awcu.plots import ladder as plots
from awcu.plots.ladder import ladder
from awcu.runs.record import RunRecord
from awcu.tables.spec import Ladder, TableSpec
from awcu.tables.table import Table

PLAN = Ladder(
    metrics=("test/auroc", "test/accuracy"),
    x_label="weight of the non-ambiguous (|d| ≥ 1) relative to the ambiguous",
    series={"d = 1": {"w=1": 1, "w=2": 2, "w=8": 8, "w=drop": math.inf}},
    others=("w=power", "w=soft"),
)
SPEC = TableSpec(
    title="Which weighting wins",
    baseline="w=1",
    columns={"test/accuracy": "accuracy", "test/auroc": "AUROC"},
    rows={"w=power": "power, γ = 1", "w=soft": "soft labels from votes"},
    ladder=PLAN,
)
VARIANTS = (*PLAN.positions, *PLAN.others)


def run(variant: str, seed: int, **metrics: float) -> RunRecord:
    score = 0.8 + 0.01 * VARIANTS.index(variant) + 0.004 * seed * (-1) ** VARIANTS.index(variant)
    scores = {"test/accuracy": score, "test/auroc": score + 0.05, "test/trivial/auroc": 0.5}
    return record(
        variant=variant,
        weighting=variant,
        seed=seed,
        split_fingerprint=str(seed),
        n={"train": 80, "test": 11},
        metrics=scores | {"test/" + name: value for name, value in metrics.items()},
    )


def table(metrics: dict[str, float] | None = None, spec: TableSpec = SPEC) -> Table:
    runs = [run(variant, seed, **metrics or {}) for variant in VARIANTS for seed in range(3)]
    return Table.from_records(spec, runs)


def texts(figure: Figure) -> str:
    keys = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    inside = [text.get_text() for axis in figure.axes for text in axis.texts]
    return " ".join("\n".join([*(text.get_text() for text in figure.texts), *keys, *inside]).split())


def points(axis: Axes) -> dict[float, tuple[float, float, float]]:
    """Place → mean and both ends of the interval."""
    found = {}
    for container in axis.containers:
        line, _, bars = container.lines  # type: ignore[attr-defined]
        (x,), (y,) = line.get_data()
        ends = bars[0].get_segments()[0][:, 1] if bars else (y, y)
        found[round(float(x), 9)] = (float(y), float(ends[0]), float(ends[1]))
    return found


def test_places_are_doublings_then_infinity_then_the_others() -> None:
    gap = plots.GAP
    assert plots._places(PLAN) == {
        "w=1": 0.0,
        "w=2": 1.0,
        "w=8": 3.0,
        "w=drop": 3 + gap,
        "w=power": 3 + 2 * gap,
        "w=soft": 3 + 3 * gap,
    }
    assert plots._places(replace(PLAN, series={})) == {"w=power": 0.0, "w=soft": gap}
    assert plots._places(replace(PLAN, series={"d = 1": {"w=drop": math.inf}}, others=())) == {"w=drop": 0.0}


def test_two_series_lie_beside_each_other_and_what_both_hold_between_them() -> None:
    plan = replace(PLAN, series={"d = 1": {"w=1": 1, "w=2": 2}, "d = 0.5": {"w=1": 1, "w=half": 2}}, others=("w=x",))
    assert plots._places(plan) == {"w=1": 0, "w=2": 1, "w=half": 1, "w=x": 1 + plots.GAP}
    looks = plots._looks(plan)
    assert [looks[variant][2] for variant in ("w=1", "w=2", "w=half", "w=x")] == [0, -0.13, 0.13, 0]
    assert looks["w=1"][:2] == looks["w=2"][:2] != looks["w=half"][:2]
    assert len({look[:2] for look in looks.values()}) == 3


def test_png_of_the_promised_size(tmp_path: Path) -> None:
    path = tmp_path / "plots" / "ladder.png"
    ladder(table(), path)
    height, width = imread(path).shape[:2]
    assert height == plots.HEIGHT * plots.DPI
    assert width >= 2 * plots.PANEL_WIDTH * plots.DPI - 1
    assert [one.name for one in path.parent.iterdir()] == ["ladder.png"]


def test_same_table_same_bytes(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        ladder(table(), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_points_are_the_tables_numbers(tmp_path: Path, drawn: list[Figure]) -> None:
    one = table()
    ladder(one, tmp_path / "ladder.png")
    places = plots._places(PLAN)
    for axis, metric in zip(drawn[0].axes, PLAN.metrics, strict=True):
        assert axis.get_ylabel() == SPEC.columns[metric]
        found = points(axis)
        for row in one.rows:
            cell = row.cells[metric]
            mean, difference = cell.value.mean, cell.difference
            half_width = 0 if difference is None else difference.half_width
            assert found[places[row.variant]] == pytest.approx((mean, mean - half_width, mean + half_width))
        labels = [text.get_text() for text in axis.get_xticklabels()]
        assert labels == ["1", "2", "8", "∞\n(drop)", "power,\nγ = 1", "soft\nlabels\nfrom votes"]


def test_a_point_of_fewer_seeds_is_compared_with_the_baseline_of_these_seeds(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    records = [run(variant, seed) for variant in ("w=1", "w=2") for seed in range(3)]
    records[0] = run("w=1", 0, auroc=0.5)
    ladder(Table.from_records(SPEC, [*records[:3], *records[4:]]), tmp_path / "ladder.png")
    second, third = (run("w=1", seed).metrics["test/auroc"] for seed in (1, 2))
    other = [run("w=2", seed).metrics["test/auroc"] for seed in range(3)]
    level = (0.5 + second + third) / 3
    gain = (other[1] - second + other[2] - third) / 2
    axis = drawn[0].axes[0]
    assert points(axis)[1.0][0] == pytest.approx(level + gain)
    dots = [line.get_ydata() for line in axis.lines if line.get_marker() == "."]
    assert sorted(value for values in dots for value in values) == pytest.approx(  # type: ignore[attr-defined]
        sorted([level + other[1] - second, level + other[2] - third])
    )


def test_filled_where_the_paired_difference_is_significant(tmp_path: Path, drawn: list[Figure]) -> None:
    one = table()
    ladder(one, tmp_path / "ladder.png")
    rows = {row.variant: row.cells["test/auroc"] for row in one.rows}
    places = {place: variant for variant, place in plots._places(PLAN).items()}
    filled = {}
    for container in drawn[0].axes[0].containers:
        line = container.lines[0]  # type: ignore[attr-defined]
        filled[places[round(float(line.get_xdata()[0]), 9)]] = line.get_markerfacecolor() != "white"
    assert filled == {variant: cell.significant for variant, cell in rows.items()}
    assert set(filled.values()) == {True, False}
    assert "95 % interval of the difference to w=1" in texts(drawn[0])
    assert "filled: the difference survives Holm's correction" in texts(drawn[0])


def test_no_label_overlaps_another(tmp_path: Path, drawn: list[Figure]) -> None:
    ladder(table(), tmp_path / "ladder.png")
    figure = drawn[0]
    boxes = [text.get_window_extent() for text in figure.texts]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    for axis in figure.axes:
        boxes += [text.get_window_extent() for text in [*axis.get_xticklabels(), axis.xaxis.label]]
    for place, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])


def test_trivial_predictor_within_sight_is_a_line(tmp_path: Path, drawn: list[Figure]) -> None:
    ladder(table({"trivial/auroc": 0.84}), tmp_path / "ladder.png")
    lines = [line for line in drawn[0].axes[0].lines if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in lines] == [0.84]  # type: ignore[index]
    assert "trivial predictor" in texts(drawn[0])


@pytest.mark.parametrize(("level", "text"), [(0.5, "trivial predictor .500 ↓"), (3.0, "trivial predictor 3.000 ↑")])
def test_trivial_predictor_out_of_sight_is_a_note(tmp_path: Path, drawn: list[Figure], level: float, text: str) -> None:
    ladder(table({"trivial/auroc": level}), tmp_path / "ladder.png")
    assert text in texts(drawn[0])
    low, high = drawn[0].axes[0].get_ylim()
    assert 0.7 < low < high < 1.1


def test_what_is_missing_is_said(tmp_path: Path, drawn: list[Figure]) -> None:
    records = [run(variant, seed) for variant in ("w=1", "w=2", "w=power") for seed in range(3)]
    records[3] = run("w=2", 0, auroc=math.nan)
    records += [run("w=8", 1)]
    ladder(Table.from_records(SPEC, records), tmp_path / "ladder.png")
    said = texts(drawn[0])
    assert "nan (1 of 3)" in said
    assert "fewer seeds: w=8 (1)" in said
    assert "no interval from one seed" in said
    assert "no runs: w=drop, soft labels from votes" in said
    assert "3 seeds (0, 1, 2)" in said
    assert 1.0 not in points(drawn[0].axes[0])
    assert 1.0 in points(drawn[0].axes[1])


def test_runs_that_did_not_converge_are_said(tmp_path: Path, drawn: list[Figure]) -> None:
    records = [run(variant, seed) for variant in VARIANTS for seed in range(3)]
    records = [
        replace(one, metrics=one.metrics | {"probe/converged": float(one.variant != "w=power" or one.seed > 0)})
        for one in records
    ]
    ladder(Table.from_records(SPEC, records), tmp_path / "ladder.png")
    assert "; power, γ = 1 (1 of 3 not converged)" in texts(drawn[0])
    assert texts(drawn[0]).count("not converged") == 1


def test_nothing_finite_to_draw(tmp_path: Path, drawn: list[Figure]) -> None:
    ladder(table({"auroc": math.nan}), tmp_path / "ladder.png")
    assert points(drawn[0].axes[0]) == {}


def test_refuses(tmp_path: Path) -> None:
    path = tmp_path / "ladder.png"
    with pytest.raises(LadderError, match="'Which weighting wins' has no ladder; add one"):
        ladder(table(spec=replace(SPEC, ladder=None)), path)
    elsewhere = replace(SPEC, ladder=replace(PLAN, series={"d = 1": {"w=16": 16}}, others=("w=x",)))
    with pytest.raises(LadderError, match=r"no run of w=16, w=x; train at least one of them"):
        ladder(table(spec=elsewhere), path)
    assert not path.exists()


def test_failure_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    path = tmp_path / "ladder.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        ladder(table(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("awcu.tables.table, awcu.tables.readme", {"torch", "pandas", "matplotlib", "scipy.stats", "hydra"}),
        ("awcu.plots.ladder, awcu.plots.heat_map", {"torch", "pandas", "matplotlib.pyplot", "hydra"}),
    ],
)
def test_tables_need_neither_torch_nor_matplotlib(modules: str, heavy: set[str]) -> None:
    code = f"import sys, {modules}; sys.exit(str({heavy} & set(sys.modules) or ''))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stderr.strip() == ""
