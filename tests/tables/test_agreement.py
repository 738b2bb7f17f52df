"""Rank agreement against scipy and by hand; only common seeds and variants count."""

import math
from dataclasses import replace

import numpy as np
import pytest
from factories import run as record
from scipy import stats

from awcu.errors import TableError
from awcu.runs.record import RunRecord
from awcu.tables import agreement
from awcu.tables.agreement import rank_agreements, sentence
from awcu.tables.spec import Agreement, HeatMap, Side, TableSpec

PLAN = Agreement(("test/auroc", "test/srcc"), Side("head=frozen", "head only"), Side("", "fine-tuned"))
SPEC = TableSpec(
    title="Do frozen features rank alike?",
    baseline="w=uniform",
    columns={"test/srcc": "SRCC", "test/auroc": "AUROC"},
    rows={"w=uniform": "uniform", **{f"w={place}": f"weighting {place}" for place in range(6)}},
    agreement=PLAN,
)
SEEDS = 5


def run(side: str, variant: str, seed: int, **metrics: float) -> RunRecord:
    rng = np.random.default_rng([seed, *map(ord, side + variant)])
    gain = 0.0 if variant == "w=uniform" else 0.01 * int(variant[2:])
    scores = {f"test/{name}": 0.7 + 0.02 * seed + gain + rng.normal(0, 0.02) for name in ("auroc", "srcc")}
    return record(
        experiment="agreement",
        variant=" ".join([*side.split(), variant]),
        weighting=variant,
        seed=seed,
        split_fingerprint=str(seed),
        n={"train": 80, "test": 20},
        metrics=scores | {f"test/{key}": value for key, value in metrics.items()},
    )


def runs() -> list[RunRecord]:
    return [run(side, variant, seed) for side in ("head=frozen", "") for variant in SPEC.rows for seed in range(SEEDS)]


def deltas(side: str, seeds: list[int], name: str = "auroc") -> np.ndarray:
    scores = np.array([[run(side, v, seed).metrics[f"test/{name}"] for seed in seeds] for v in SPEC.rows])
    return scores[1:] - scores[0]


def test_mean_differences_and_rho() -> None:
    found = rank_agreements(SPEC, runs())
    assert [one.metric for one in found] == ["test/auroc", "test/srcc"]
    for one in found:
        sides = [deltas(side, list(range(SEEDS)), one.metric[5:]) for side in ("head=frozen", "")]
        for place, point in enumerate(one.points):
            assert point.label == f"weighting {place}"
            assert point.x.mean == pytest.approx(sides[0][place].mean())
            assert point.y.mean == pytest.approx(sides[1][place].mean())
            # Widened: a fifth of the photographs is tested on.
            error = sides[1][place].std(ddof=1) * math.sqrt(1 / SEEDS + 0.25)
            assert point.y.half_width == pytest.approx(stats.t.ppf(0.975, SEEDS - 1) * error)
        assert one.rho == pytest.approx(stats.spearmanr(sides[0].mean(axis=1), sides[1].mean(axis=1)).statistic)
        assert one.seeds == tuple(range(SEEDS))


def test_interval_by_definition() -> None:
    (one, _) = rank_agreements(SPEC, runs())
    x, y = (deltas(side, list(range(SEEDS))) for side in ("head=frozen", ""))
    redrawn = [
        stats.spearmanr(x[:, draw].mean(axis=1), y[:, draw].mean(axis=1)).statistic
        for draw in np.random.default_rng(agreement.SEED).integers(SEEDS, size=(agreement.DRAWS, SEEDS))
    ]
    assert agreement.DRAWS == 2000
    assert (one.low, one.high) == pytest.approx(tuple(np.quantile(redrawn, [0.025, 0.975])))
    assert one == rank_agreements(SPEC, runs()[::-1])[0], "neither order nor chance may change the interval"


def test_only_common_seeds_and_variants() -> None:
    absent = {("head=frozen w=2", 1), ("w=3", 4), *(("w=5", seed) for seed in range(SEEDS))}
    records = [one for one in runs() if (one.variant, one.seed) not in absent]
    records.append(run("", "w=uniform", 99))
    one = rank_agreements(SPEC, records)[0]
    assert one.seeds == (0, 2, 3)
    assert [point.label for point in one.points] == [f"weighting {place}" for place in range(5)]
    assert one.points[0].x.mean == pytest.approx(deltas("head=frozen", [0, 2, 3])[0].mean())
    assert "3 seeds (0, 2, 3)" in one.provenance
    assert one.text.endswith(" over 5 weightings, 3 seeds")


def test_columns_of_a_heat_map_that_are_not_compared_do_not_matter() -> None:
    heat_map = HeatMap(("test/auroc",), "size", {"size=5": "5", "head=frozen": "frozen", "": "all"})
    others = [replace(one, variant=f"size=5 {one.variant}", seed=7) for one in runs() if "head" not in one.variant]
    assert rank_agreements(replace(SPEC, heat_map=heat_map), [*others[:3], *runs()]) == rank_agreements(SPEC, runs())


def test_sentence() -> None:
    found = rank_agreements(SPEC, runs())
    known = [replace(one, rho=rho, low=-0.04, high=0.951) for one, rho in zip(found, (0.812, 1.0), strict=True)]
    assert sentence(SPEC, known) == (
        "Agreement of “head only” with “fine-tuned” on the difference to uniform: AUROC: Spearman ρ = .81 [−.04, .95] "
        "over 6 weightings, 5 seeds; SRCC: Spearman ρ = 1.00 [−.04, .95] over 6 weightings, 5 seeds (in brackets the "
        "95 % bootstrap interval over seeds)."
    )


def test_refuses() -> None:
    with pytest.raises(TableError, match=r"'Do frozen features rank alike\?' has no agreement; add one"):
        rank_agreements(replace(SPEC, agreement=None), runs())
    two = [one for one in runs() if one.variant in ("w=uniform", "w=1", "w=2") or "head" in one.variant]
    with pytest.raises(
        TableError, match="needs at least three weightings with runs in both columns, not 2: train more"
    ):
        rank_agreements(SPEC, two)
    apart = [one for one in runs() if one.seed < 2 or (one.seed == 2) == ("head" in one.variant)]
    with pytest.raises(TableError, match="needs at least two seeds that all runs share, not 1: train the missing ones"):
        rank_agreements(SPEC, [one for one in apart if one.seed != 0])
    lacking = [one for one in runs() if one.variant != "head=frozen w=uniform"]
    with pytest.raises(TableError, match="no run of the baseline 'w=uniform' among 'w=0', 'w=1'"):
        rank_agreements(SPEC, lacking)
    undefined = [*(one for one in runs() if (one.variant, one.seed) != ("w=3", 2)), run("", "w=3", 2, srcc=math.nan)]
    with pytest.raises(TableError, match="agreement: test/srcc of 'w=3' is undefined for some seed; use another"):
        rank_agreements(SPEC, undefined)
