"""The paired bootstrap by its definition and in closed form, its intervals by how often they hold; differences.csv."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from factories import FOREIGN_METRICS, leave_run, scored
from scipy import stats

from awcu.errors import RecordError, TableError
from awcu.metrics.bootstrap import redraws
from awcu.runs.predictions import ScoredPhotographs
from awcu.tables.intervals import Estimate, Sampling
from awcu.tables.paired import (
    NOTHING,
    PairedDifference,
    find_differences,
    paired_differences,
    read_differences,
    write_differences,
)
from awcu.tables.spec import HeatMap, TableSpec

SPEC = TableSpec("t", "w=uniform", {metric: metric.removeprefix("test/") for metric in FOREIGN_METRICS})


def by_metric(runs: Mapping[str, Mapping[int, ScoredPhotographs]]) -> dict[str, PairedDifference]:
    return {one.metric: one for one in paired_differences(SPEC, runs) if one.baseline != NOTHING}


class TestPairedDifferences:
    def test_by_definition(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each redraw of the photographs is the same for both variants and all seeds."""
        monkeypatch.setattr("awcu.metrics.bootstrap.RESAMPLES", 30)
        runs = {
            "w=uniform": {seed: scored(seed) for seed in (0, 1)},
            "w=step": {seed: scored(seed + 5, noise=2) for seed in (0, 1)},
        }
        found = by_metric(runs)
        (times,) = redraws(60)
        rows = [np.repeat(np.arange(60), one.astype(int)) for one in (np.ones(60), *times)]
        for metric, foreign in FOREIGN_METRICS.items():
            one, two = (
                np.array([[foreign(mine[seed], row) for row in rows] for seed in (0, 1)]) for mine in runs.values()
            )
            gains, mine = two - one, found[metric]
            assert (mine.variant, mine.seeds, mine.photographs) == ("w=step", (0, 1), 60)
            assert mine.difference == pytest.approx(gains[:, 0].mean())
            assert mine.error == pytest.approx(gains[:, 1:].mean(axis=0).std(ddof=1))
            assert mine.error_of_one == pytest.approx(np.sqrt(gains[:, 1:].var(axis=1, ddof=1).mean()))

    def test_values_alone_by_definition(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of all of a variant's own seeds, also those that the baseline lacks."""
        monkeypatch.setattr("awcu.metrics.bootstrap.RESAMPLES", 30)
        runs = {"w=uniform": {0: scored(0)}, "w=step": {seed: scored(seed) for seed in (0, 1)}}
        found = {(one.variant, one.metric): one for one in paired_differences(SPEC, runs) if one.baseline == NOTHING}
        assert {variant for variant, _ in found} == {"w=uniform", "w=step"}
        (times,) = redraws(60)
        rows = [np.repeat(np.arange(60), one.astype(int)) for one in (np.ones(60), *times)]
        for metric, foreign in FOREIGN_METRICS.items():
            values = np.array([[foreign(runs["w=step"][seed], row) for row in rows] for seed in (0, 1)])
            mine = found["w=step", metric]
            assert (mine.seeds, mine.photographs) == ((0, 1), 60)
            assert mine.difference == pytest.approx(values[:, 0].mean())
            assert mine.error == pytest.approx(values[:, 1:].mean(axis=0).std(ddof=1))

    def test_accuracy_in_closed_form(self) -> None:
        """The accuracy gain is a mean over photographs, whose bootstrap variance is Σ (c − c̄)² / n²."""
        runs = {"w=uniform": {0: scored(0)}, "w=step": {0: scored(5, noise=2)}}
        gain = np.subtract(
            *((one[0].score > 0) == one[0].high for one in (runs["w=step"], runs["w=uniform"])), dtype=float
        )
        assert by_metric(runs)["test/accuracy"].error == pytest.approx(gain.std() / np.sqrt(60), rel=0.05)

    def test_seeds_that_see_the_same_photographs_share_their_luck(self) -> None:
        same = {"w=uniform": {0: scored(0), 1: scored(0)}, "w=step": {0: scored(5), 1: scored(5)}}
        for one in by_metric(same).values():
            assert one.error == pytest.approx(one.error_of_one)

    def test_seeds_that_see_other_photographs_do_not(self) -> None:
        parts = range(400), range(400, 800)
        other = {
            "w=uniform": {seed: scored(seed, part) for seed, part in enumerate(parts)},
            "w=step": {seed: scored(seed + 5, part, noise=2) for seed, part in enumerate(parts)},
        }
        for one in by_metric(other).values():
            assert one.photographs == 800
            assert one.error == pytest.approx(one.error_of_one / np.sqrt(2), rel=0.08)

    def test_only_common_seeds_and_defined_metrics(self) -> None:
        flat = replace(scored(5), score=np.ones(60))
        found = by_metric({"w=uniform": {0: scored(0), 1: scored(1)}, "w=step": {1: flat, 2: scored(6)}})
        assert {one.seeds for one in found.values()} == {(1,)}
        # All scores equal: everything but the ranking is defined.
        assert list(found) == ["test/accuracy", "test/balanced_accuracy", "test/auroc"]


class TestFind:
    def test_of_the_runs_below_a_folder(self, tmp_path: Path) -> None:
        said = {
            ("w=uniform", 0): scored(0),
            ("w=uniform", 1): scored(1),
            ("w=step", 0): scored(5),
            ("w=step", 1): scored(6),
        }
        records = [leave_run(tmp_path, *where, one) for where, one in said.items()]
        runs = {variant: {seed: said[variant, seed] for seed in (0, 1)} for variant in ("w=uniform", "w=step")}
        assert find_differences(SPEC, records, tmp_path) == paired_differences(SPEC, runs)

    def test_contrasts_are_compared_too(self, tmp_path: Path) -> None:
        said = {"w=uniform": scored(0), "w=step": scored(5), "w=drop": scored(6)}
        records = [leave_run(tmp_path, variant, 0, one) for variant, one in said.items()]
        rows = dict.fromkeys(said, "")
        found = find_differences(replace(SPEC, rows=rows, contrasts=(("w=step", "w=drop"),)), records, tmp_path)
        gains = {
            (one.variant, one.baseline): one for one in found if one.metric == "test/srcc" and one.baseline != NOTHING
        }
        assert list(gains) == [("w=drop", "w=uniform"), ("w=step", "w=uniform"), ("w=step", "w=drop")]
        drop, step, contrast = gains.values()
        assert contrast.difference == pytest.approx(step.difference - drop.difference)
        swapped = replace(SPEC, baseline="w=drop")
        of_baseline = next(
            one
            for one in find_differences(swapped, records, tmp_path)
            if (one.variant, one.baseline, one.metric) == ("w=step", "w=drop", "test/srcc")
        )
        assert contrast == of_baseline

    def test_a_contrast_without_all_its_predictions_is_left_out(self, tmp_path: Path) -> None:
        records = [leave_run(tmp_path, "w=uniform", 0, scored(0))]
        records += [
            leave_run(tmp_path, variant, seed, scored(seed) if seed < 2 else None)
            for variant in ("w=step", "w=drop")
            for seed in (0, 1, 2)
        ]
        spec = replace(SPEC, rows=dict.fromkeys(("w=step", "w=drop"), ""), contrasts=(("w=step", "w=drop"),))
        found = find_differences(spec, records, tmp_path)
        assert {(one.variant, one.baseline) for one in found} == {
            ("w=uniform", NOTHING), ("w=drop", "w=uniform"), ("w=step", "w=uniform"),
        }  # fmt: skip

    def test_a_variant_without_all_its_predictions_is_left_out(self, tmp_path: Path) -> None:
        records = [leave_run(tmp_path, "w=uniform", seed, scored(seed)) for seed in (0, 1)]
        records += [leave_run(tmp_path, "w=step", seed, scored(5) if seed else None) for seed in (0, 1)]
        records += [leave_run(tmp_path, "w=power", seed, scored(6)) for seed in (1, 2)]
        found = find_differences(SPEC, records, tmp_path)
        assert {(one.variant, one.baseline, one.seeds) for one in found} == {
            ("w=uniform", NOTHING, (0, 1)), ("w=power", NOTHING, (1, 2)), ("w=power", "w=uniform", (1,)),
        }  # fmt: skip
        assert find_differences(SPEC, records[2:4], tmp_path) == []

    def test_a_run_that_is_not_among_the_records_does_not_count(self, tmp_path: Path) -> None:
        records = [
            leave_run(tmp_path, variant, 0, scored(place)) for place, variant in enumerate(("w=uniform", "w=step"))
        ]
        found = find_differences(SPEC, [records[0], replace(records[1], created="later")], tmp_path)
        assert {(one.variant, one.baseline) for one in found} == {("w=uniform", NOTHING)}

    def test_of_each_column(self, tmp_path: Path) -> None:
        spec = replace(SPEC, heat_map=HeatMap(("test/auroc",), "size", {"size=5": "5", "": "all"}))
        records = [
            leave_run(tmp_path, f"{size}{variant}", 0, scored(place + len(size)))
            for size in ("", "size=5 ")
            for place, variant in enumerate(("w=uniform", "w=step"))
        ]
        of_five = {"w=uniform": {0: scored(7)}, "w=step": {0: scored(8)}}
        of_all = {"w=uniform": {0: scored(0)}, "w=step": {0: scored(1)}}
        expected = [*paired_differences(SPEC, of_five, "size=5"), *paired_differences(SPEC, of_all)]
        assert find_differences(spec, records, tmp_path) == expected
        assert {one.column for one in expected} == {"size=5", ""}

    def test_predictions_of_another_run(self, tmp_path: Path) -> None:
        record = leave_run(tmp_path, "w=uniform", 0, scored(0))
        (tmp_path / "w=uniform-0" / "record.json").unlink()
        replace(record, metrics=record.metrics | {"test/auroc": 0.1}).save(tmp_path / "w=uniform-0" / "record.json")
        with pytest.raises(RecordError, match="they are not of one run"):
            find_differences(SPEC, [record], tmp_path)


class TestCoverage:
    """Two models that err by ±1 and ±.8, on some photographs whatever the seed; each seed also has its own bias.

    Ratings and errors are normal, so the true gains come from very many photographs.
    """

    STRENGTHS, BIAS, LASTING, PASSING = (1.0, 0.8), 0.15, 1.0, 0.5
    PHOTOGRAPHS, TESTED, SEEDS, WORLDS = 400, 120, 5, 200
    SPEC = TableSpec("t", "one", {"test/accuracy": "accuracy", "test/srcc": "SRCC"})

    def truth(self) -> dict[str, float]:
        rng, n = np.random.default_rng(0), 400_000
        rating = rng.normal(0.4, 1, n)
        found = []
        for strength in self.STRENGTHS:
            score = rating + strength * rng.normal(0, np.hypot(self.LASTING, self.PASSING), n)
            biased = score + strength * rng.normal(0, self.BIAS, n)
            found.append([((biased > 0) == (rating > 0)).mean(), stats.spearmanr(score, rating).statistic])
        return dict(zip(self.SPEC.columns, np.subtract(found[1], found[0]), strict=True))

    def gains(self, rng: np.random.Generator, one_split: bool) -> dict[str, tuple[list[float], Sampling]]:
        """One world: each metric's gain by seed, and what the photographs say of it."""
        rating = rng.normal(0.4, 1, self.PHOTOGRAPHS)
        ids = np.array([f"p{place:03d}" for place in range(self.PHOTOGRAPHS)])
        lasting = rng.normal(0, self.LASTING, (2, self.PHOTOGRAPHS))
        tested = [
            np.arange(self.TESTED) if one_split else rng.permutation(self.PHOTOGRAPHS)[: self.TESTED]
            for _ in range(self.SEEDS)
        ]
        runs: dict[str, dict[int, ScoredPhotographs]] = {}
        for name, strength, errors in zip(("one", "two"), self.STRENGTHS, lasting, strict=True):
            for seed, rows in enumerate(tested):
                own = rng.normal(0, self.PASSING, self.TESTED) + rng.normal(0, self.BIAS)
                score = rating[rows] + strength * (errors[rows] + own)
                runs.setdefault(name, {})[seed] = ScoredPhotographs(ids[rows], score, rating[rows] > 0, rating[rows])
        points = {
            name: [one.metrics(np.ones((1, self.TESTED))) for one in mine.values()] for name, mine in runs.items()
        }
        found = {}
        for one in paired_differences(self.SPEC, runs, pairs=[("two", "one")]):
            key = one.metric.removeprefix("test/")
            values = [float((b[key] - a[key])[0]) for a, b in zip(points["one"], points["two"], strict=True)]
            found[one.metric] = values, one.sampling(range(self.SEEDS), float(np.mean(values)))
        return found

    @pytest.mark.slow
    @pytest.mark.parametrize("one_split", [True, False])
    def test_nineteen_of_twenty_intervals_hold_the_truth(
        self, monkeypatch: pytest.MonkeyPatch, one_split: bool
    ) -> None:
        monkeypatch.setattr("awcu.metrics.bootstrap.RESAMPLES", 200)
        truth, rng = self.truth(), np.random.default_rng(1)
        overlap = 0.0 if one_split else self.TESTED / (self.PHOTOGRAPHS - self.TESTED)
        held: dict[str, list[tuple[bool, bool]]] = {metric: [] for metric in truth}
        for _ in range(self.WORLDS):
            for metric, (values, sampling) in self.gains(rng, one_split).items():
                both = Estimate.of(values, overlap, sampling), Estimate.of(values, overlap)
                held[metric].append(tuple(abs(one.mean - truth[metric]) <= one.half_width for one in both))
        for metric, each in held.items():
            over_both, over_seeds = np.mean(each, axis=0)
            assert over_both >= 0.93, metric
            # On one split the seeds know nothing of the luck with its photographs.
            assert not one_split or over_seeds < 0.85, metric


ONE = PairedDifference("size=5", "w=step", "w=uniform", "test/auroc", (0, 2, 11), 388, 0.1 + 0.2, 1e-3 / 3, 2e-3 / 3)
LINE = "size=5,w=step,w=uniform,test/auroc,0 2 11,388,0.30000000000000004,0.0003333333333333333,0.0006666666666666666"


def test_round_trip(tmp_path: Path) -> None:
    path, many = tmp_path / "differences.csv", [ONE, replace(ONE, column="", variant="w=a b", metric="test/srcc")]
    write_differences(many, path)
    header, line, _ = path.read_text().splitlines()
    assert header == "column,variant,baseline,metric,seeds,photographs,difference,error,error_of_one"
    assert line == LINE
    assert read_differences(path) == many


def test_none_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "differences.csv"
    assert read_differences(path) == []
    write_differences([ONE], path)
    write_differences([], path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("photographs", "pictures", "has the columns .*'pictures'.*, not .*'photographs'.*; collect it again with"),
        ("388", "many", "line 2 cannot be read .*'many'.*; collect it again with --runs"),
        ("0 2 11", "0;2", "line 2 cannot be read .*'0;2'"),
        (",0.0006666666666666666", "", "line 2 cannot be read"),
        (LINE, f"{LINE}\n{LINE}", "has test/auroc of 'size=5 w=step' twice; collect"),
    ],
)
def test_refuses(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "differences.csv"
    write_differences([ONE], path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RecordError, match=message):
        read_differences(path)


def test_only_for_its_own_difference() -> None:
    # A record's metrics have passed through single precision.
    assert ONE.sampling([0, 2, 11], 0.3 + 1e-5) == Sampling(1e-3 / 3, 2e-3 / 3, 388)
    with pytest.raises(TableError, match=r"over seeds \(0, 2, 11\), results.csv as \+0.300000 over \(0, 2\); collect"):
        ONE.sampling([0, 2], 0.3)
