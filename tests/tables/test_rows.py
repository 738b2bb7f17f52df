"""The rows of a table: statistics by hand and against scipy."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from factories import run
from scipy import stats

from awcu.errors import TableError
from awcu.runs.record import RunRecord
from awcu.tables.comparability import overlap
from awcu.tables.intervals import Estimate, holm
from awcu.tables.paired import NOTHING, PairedDifference
from awcu.tables.rows import Row, compared_rows, contrasted_rows
from awcu.tables.spec import TableSpec

SPEC = TableSpec(
    title="Which weighting wins",
    baseline="w=uniform",
    columns={"test/accuracy": "accuracy"},
    rows={"w=uniform": "uniform", "w=step": "step ×4, |d| ≥ 1"},
)
# Differences .02, .01, .00: mean .01, standard deviation .01.
UNIFORM = {0: 0.78, 1: 0.81, 2: 0.84}
STEP = {0: 0.80, 1: 0.82, 2: 0.84}
T_2 = 4.302652729911275  # 97.5 % quantile of Student's t, two degrees of freedom


def runs(scores: Mapping[str, Mapping[int, float]]) -> list[RunRecord]:
    return [
        run(variant=variant, weighting=variant, seed=seed, metrics={"test/accuracy": value})
        for variant, mine in scores.items()
        for seed, value in mine.items()
    ]


def rows(
    records: Sequence[RunRecord], differences: Sequence[PairedDifference] = (), spec: TableSpec = SPEC
) -> tuple[Row, ...]:
    return compared_rows(spec, records, overlap(records), differences, ())


def difference(found: Sequence[Row]) -> Estimate:
    estimate = found[1].cells["test/accuracy"].difference
    assert estimate is not None
    return estimate


class TestStatistics:
    def test_difference_by_hand(self) -> None:
        estimate = difference(rows(runs({"w=uniform": UNIFORM, "w=step": STEP})))
        assert estimate.mean == pytest.approx(0.01, abs=1e-15)
        assert estimate.half_width == pytest.approx(T_2 * 0.01 / math.sqrt(3), rel=1e-9)

    @pytest.mark.parametrize("n", [2, 3, 5, 20])
    def test_against_scipy(self, n: int) -> None:
        rng = np.random.default_rng(n)
        one, two = rng.normal(0.8, 0.02, n), rng.normal(0.79, 0.02, n)
        # Records in another order than the seeds: pairing must go by seed, not by place.
        records = runs({"w=step": dict(enumerate(one)), "w=uniform": dict(reversed(list(enumerate(two))))})
        cell = rows(records)[1].cells["test/accuracy"]
        low, high = stats.t.interval(0.95, n - 1, loc=one.mean(), scale=stats.sem(one))
        assert cell.value.mean - cell.value.half_width == pytest.approx(low)
        assert cell.value.mean + cell.value.half_width == pytest.approx(high)
        paired = stats.ttest_rel(one, two)
        interval = paired.confidence_interval(0.95)
        assert cell.difference is not None
        assert cell.difference.mean - cell.difference.half_width == pytest.approx(interval.low)
        assert cell.difference.mean + cell.difference.half_width == pytest.approx(interval.high)
        assert cell.adjusted_p == pytest.approx(paired.pvalue)
        assert cell.significant == (paired.pvalue < 0.05)

    def test_overlapping_splits_widen_values_and_differences(self) -> None:
        scores = {"w=uniform": UNIFORM, "w=step": STEP}
        # Of 100 photographs 20 are tested on: ρ/(1 − ρ) = 20/80, and 1/3 becomes 1/3 + 1/4.
        n = {"train": 50, "val": 10, "test": 20, "unused": 20, "excluded": 7}
        one = rows(runs(scores))
        many = rows([replace(run, split_fingerprint=str(run.seed), n=n) for run in runs(scores)])
        widening = math.sqrt((1 / 3 + 1 / 4) / (1 / 3))
        for before, after in zip(one, many, strict=True):
            value = before.cells["test/accuracy"].value
            assert after.cells["test/accuracy"].value == replace(
                value, half_width=pytest.approx(value.half_width * widening)
            )
        assert difference(many).half_width == pytest.approx(difference(one).half_width * widening)

    def test_contrasts_by_hand(self) -> None:
        spec = replace(
            SPEC, rows={**SPEC.rows, "w=drop": "drop"}, contrasts=(("w=step", "w=drop"), ("w=drop", "w=step"))
        )
        # Step less drop: .03, .00, −.03 + .03 = .00; mean .01, standard deviation √(.0003) = .0173.
        records = runs({"w=uniform": UNIFORM, "w=step": STEP, "w=drop": {0: 0.77, 1: 0.82, 2: 0.84}})
        found = contrasted_rows(spec, records, 0.0, ())
        step_less_drop, drop_less_step = (row.cells["test/accuracy"] for row in found)
        assert step_less_drop.difference is not None
        assert step_less_drop.difference.mean == pytest.approx(0.01)
        assert step_less_drop.difference.half_width == pytest.approx(T_2 * 0.01)
        # t = 1 with two degrees of freedom: p = 1 − 1/√3; two contrasts, so Holm doubles it.
        assert step_less_drop.difference.p_value == pytest.approx(1 - 1 / math.sqrt(3))
        assert step_less_drop.adjusted_p == pytest.approx(2 * (1 - 1 / math.sqrt(3)))
        assert drop_less_step.difference is not None
        assert drop_less_step.difference.mean == pytest.approx(-0.01)

    def test_holm_goes_over_the_rows_of_each_metric(self) -> None:
        rng = np.random.default_rng(0)
        columns = {"test/accuracy": "accuracy", "test/auroc": "AUROC"}
        records = [
            replace(one, metrics={key: one.metrics["test/accuracy"] + rng.normal(0, 0.004) for key in columns})
            for one in runs({f"w={place}": dict.fromkeys(range(6), 0.8 + place / 500) for place in range(5)})
        ]
        spec = replace(SPEC, columns=columns, baseline="w=2", rows={})
        found = rows(records, spec=spec)
        for metric in columns:
            cells = [row.cells[metric] for row in found]
            others = [cell for cell in cells if cell.difference is not None]
            assert [cell.adjusted_p is None for cell in cells] == [False, False, True, False, False]
            raw = [cell.difference.p_value for cell in others if cell.difference]
            assert [cell.adjusted_p for cell in others] == holm(raw)
            assert any(cell.adjusted_p != p for cell, p in zip(others, raw, strict=True))

    def test_rows_without_a_test_do_not_count(self) -> None:
        scores = {"w=uniform": UNIFORM, "w=step": STEP, "w=one": {0: 0.9}, "w=nan": {0: math.nan, 1: 0.9}}
        cells = {row.variant: row.cells["test/accuracy"] for row in rows(runs(scores))}
        assert cells["w=step"].difference is not None
        assert cells["w=step"].adjusted_p == cells["w=step"].difference.p_value
        for variant in ("w=one", "w=nan"):
            assert math.isnan(cells[variant].adjusted_p or 0)
            assert not cells[variant].significant


class TestPhotographs:
    """Differences whose interval is over photographs too."""

    KNOWN = PairedDifference("", "w=step", "w=uniform", "test/accuracy", (0, 1, 2), 388, 0.01, 0.02, 0.03)
    RECORDS = runs({"w=uniform": UNIFORM, "w=step": STEP, "w=power": UNIFORM})

    def test_interval_and_p_by_hand(self) -> None:
        # S²/n = .01²/3, what is counted twice is (.03² − .02²)/2 and more than that, so that .02² is left.
        cell = rows(self.RECORDS, [self.KNOWN])[1].cells["test/accuracy"]
        assert cell.difference is not None
        assert cell.difference.half_width == pytest.approx(stats.t.ppf(0.975, 387) * 0.02)
        assert cell.difference.p_value == pytest.approx(2 * stats.t.sf(0.5, 387))
        assert cell.photographs == 388
        # The mean of the row itself is over seeds.
        assert cell.value == rows(self.RECORDS)[1].cells["test/accuracy"].value
        assert cell.value_photographs == 0

    def test_values_by_hand(self) -> None:
        """S²/n is .02²/3, and what both contain is more than that, so that .03² is left."""
        records = runs({"w=uniform": UNIFORM, "w=step": STEP})
        means = {variant: np.mean(list(mine.values())) for variant, mine in (("w=uniform", UNIFORM), ("w=step", STEP))}
        known = [
            replace(self.KNOWN, variant=variant, baseline=NOTHING, difference=mean, error=0.03, error_of_one=0.06)
            for variant, mean in means.items()
        ]
        found = rows(records, known)
        cell = found[0].cells["test/accuracy"]
        assert cell.value.half_width == pytest.approx(stats.t.ppf(0.975, 387) * 0.03)
        assert cell.value_photographs == 388
        # Differences stay over seeds.
        assert found[1].cells["test/accuracy"].photographs == 0

    @pytest.mark.parametrize("changes", [{"seeds": (0, 1)}, {"difference": 0.0101}])
    def test_those_of_other_runs_are_refused(self, changes: dict[str, Any]) -> None:
        message = (
            r"differences.csv gives test/accuracy of 'w=step' less 'w=uniform' as \+0.010.* over seeds \(0, 1.*\), "
            r"results.csv as \+0.010000 over \(0, 1, 2\); collect both again with --runs"
        )
        with pytest.raises(TableError, match=message):
            rows(self.RECORDS, [replace(self.KNOWN, **changes)])
