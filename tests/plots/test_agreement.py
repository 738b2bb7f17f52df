"""The agreement plot shows the numbers it was given, each point with its own number and name."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from awcu.errors import TableError
from awcu.plots.agreement import agreement_plot
from awcu.tables.agreement import Point, RankAgreement
from awcu.tables.intervals import Estimate
from awcu.tables.spec import Agreement, Side, TableSpec

SPEC = TableSpec(
    title="Do frozen features rank alike?",
    baseline="w=uniform",
    columns={"test/srcc": "SRCC", "test/auroc": "AUROC"},
    rows={"w=uniform": "uniform"},
    agreement=Agreement(("test/auroc", "test/srcc"), Side("head=frozen", "head only"), Side("", "fine-tuned")),
)


def found(points: int = 9, spread: float = 0.01) -> list[RankAgreement]:
    rng = np.random.default_rng(0)
    made = []
    for metric in SPEC.columns:
        means = rng.normal(0.01, spread, (points, 2))
        each = [
            Point(f"weighting number {place}", Estimate(x, 0.01, 8), Estimate(y, 0.02, 8))
            for place, (x, y) in enumerate(means)
        ]
        seeds = tuple(range(8))
        made.append(RankAgreement(metric, tuple(each), 0.5, 0.1, 0.8, seeds, "the half-width", "gallery; 8 seeds"))
    return made


def test_points_and_crosses(tmp_path: Path, drawn: list[Figure]) -> None:
    agreement_plot(SPEC, found(), tmp_path / "agreement.png")
    for axis, one in zip(drawn[0].axes, found(), strict=True):
        assert axis.get_title(loc="left") == SPEC.columns[one.metric]
        assert axis.get_xlabel() == "difference to uniform, head only"
        assert axis.get_ylabel() == "difference to uniform, fine-tuned"
        assert axis.get_xlim() == axis.get_ylim()
        dots = [line.get_xydata()[0] for line in axis.lines if line.get_marker() == "o"]  # type: ignore[index]
        assert [tuple(dot) for dot in dots] == [(point.x.mean, point.y.mean) for point in one.points]
        for point, container in zip(one.points, axis.containers, strict=True):
            across, up = (bars.get_segments()[0] for bars in container.lines[2])  # type: ignore[attr-defined]
            assert across[:, 0] == pytest.approx([point.x.mean - 0.01, point.x.mean + 0.01])
            assert up[:, 1] == pytest.approx([point.y.mean - 0.02, point.y.mean + 0.02])
        assert axis.texts[0].get_text() == "Spearman ρ = .50 [.10, .80] over 9 weightings, 8 seeds"
    styles = [line.get_linestyle() for line in drawn[0].axes[0].lines]
    assert (styles.count("--"), styles.count(":")) == (2, 1)


def test_every_number_has_its_name(tmp_path: Path, drawn: list[Figure]) -> None:
    agreement_plot(SPEC, found(), tmp_path / "agreement.png")
    texts = [text.get_text() for text in drawn[0].texts]
    for count in range(1, 10):
        assert texts[texts.index(str(count)) + 1] == f"weighting number {count - 1}"
    assert "gallery; 8 seeds" in texts[1].replace("\n", " ")


@pytest.mark.parametrize("spread", [0.01, 0.0005, 0.0])
def test_no_number_covers_another_even_where_points_coincide(
    tmp_path: Path, drawn: list[Figure], spread: float
) -> None:
    agreement_plot(SPEC, found(spread=spread), tmp_path / "agreement.png")
    for axis in drawn[0].axes:
        boxes = [text.get_window_extent() for text in axis.texts[1:]]
        assert len(boxes) == 9
        panel = axis.get_window_extent()
        for place, box in enumerate(boxes):
            assert panel.x0 <= box.x0 <= box.x1 <= panel.x1
            # Extents are rounded to whole pixels; half a pixel at each side is no overlap.
            assert not any(box.padded(-1).overlaps(other.padded(-1)) for other in boxes[place + 1 :])


def test_no_text_overlaps_another(tmp_path: Path, drawn: list[Figure]) -> None:
    agreement_plot(SPEC, found(), tmp_path / "agreement.png")
    figure = drawn[0]
    boxes = [text.get_window_extent() for text in figure.texts]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    for axis in figure.axes:
        boxes += [axis.texts[0].get_window_extent(), axis.xaxis.label.get_window_extent()]
        boxes += [axis._left_title.get_window_extent(), axis.yaxis.label.get_window_extent()]  # type: ignore[attr-defined]
    for place, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])


def test_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one.png", "two.png"):
        agreement_plot(SPEC, found(), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with pytest.raises(TableError, match="has no agreement; add one to its"):
        agreement_plot(replace(SPEC, agreement=None), found(), tmp_path / "three.png")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        agreement_plot(SPEC, found(4), tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
