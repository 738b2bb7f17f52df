"""How often the tables' intervals hold the truth, in simulated worlds of the experiments' own sizes.

python experiments/coverage/simulate.py    # about six minutes on one core

Writes coverage.csv (a row a design, quantity, metric and method), calibration.csv (simulated beside committed spreads)
and the tables in README.md; coverage.csv alone decides what they say.

A world is a population of photographs: features, and a mean score that is linear in them but for noise. A data set is
drawn from it and split as the experiment does. Linear heads learn high or low by weighted least squares, each run with
noise of its own seed, and are tested on the split's test photographs. The truth is the mean over very many new data
sets; on one split, the mean over new seeds and new test photographs of the heads that this training set gives.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from awcu.files import write_csv
from awcu.runs.record import read_results_csv
from awcu.tables.intervals import Estimate, Sampling
from awcu.tables.readme import refresh_block
from awcu.text import markdown_table

HERE = Path(__file__).parent
Floats = NDArray[np.float64]

FEATURES = 60
REDRAWS = 100  # of the test photographs in a world
METRICS = ("srcc", "accuracy")
ROWS = ("uniform", "x4", "drop")
QUANTITIES = {"uniform": ("uniform", None), "x4 - uniform": ("x4", "uniform"), "drop - uniform": ("drop", "uniform")}


@dataclass(frozen=True)
class Design:
    """How an experiment draws its data and what its runs vary by.

    Attributes:
        experiment: The committed table that it is like.
        photographs: Of the set.
        test: Share of them in a test split.
        seeds: Runs of a row.
        one_split: Whether all seeds share one split.
        noise: Standard deviation of the mean score that no feature tells, in units of what they tell.
        midpoint: Standard deviations from the mean score to the midpoint, downwards.
        shared: Noise of a seed that all rows share, as a share of the head's length.
        own: Noise of a seed in each row alone, likewise.
        clear: Share of the photographs that count as clear.
        ratio: What the clear ones count in row x4; 2 where few steps of training follow the weights less than a solver.
    """

    experiment: str
    photographs: int
    test: float
    seeds: int
    one_split: bool
    noise: float
    midpoint: float
    shared: float
    own: dict[str, float]
    clear: float
    ratio: float = 4.0

    @property
    def overlap(self) -> float:
        """As `Estimate.of` takes it."""
        return 0.0 if self.one_split else self.test / (1 - self.test)


STEP = "weighting.delta=1 weighting.ratio={} weighting=step"
RENDERED = {"uniform": STEP.format(1), "x4": STEP.format(4), "drop": STEP.format("inf")}
FINE_TUNED = {row: f"task.objective=binary {variant}" for row, variant in RENDERED.items()}
SOLVED = {
    "uniform": "sample_weights.class_balance=False weighting=uniform",
    "x4": "weighting.delta=1.0 weighting.ratio=4.0 weighting=step",
    "drop": "weighting.delta=1.0 weighting=drop",
}
# Sizes are the sets' own; noises are set by hand so that the spreads over seeds come near the committed ones.
DESIGNS = {
    "OASIS, 5 splits": Design(
        "weighting/oasis", 760, 0.2, 5, False, 0.8, -0.45, 0.5, {"uniform": 0.0, "x4": 0.0, "drop": 0.0}, 0.46, 2.0
    ),
    "OASIS, 20 splits, heads": Design(
        "probe_weighting/oasis", 760, 0.2, 20, False, 0.6, -0.45, 0.0, {"uniform": 0.0, "x4": 0.0, "drop": 0.0}, 0.46
    ),
    "BIQ2021, 5 splits of a half": Design(
        "weighting/biq2021", 3000, 0.5, 5, False, 1.0, 0.74, 0.5, {"uniform": 0.0, "x4": 0.0, "drop": 0.2}, 0.63, 2.0
    ),
    "BIQ2021, 10 splits, heads": Design(
        "probe_weighting/biq2021", 3000, 0.2, 10, False, 1.0, 0.74, 0.0, {"uniform": 0.0, "x4": 0.0, "drop": 0.0}, 0.63
    ),
    "gallery, one split, 4 seeds": Design(
        "reproduce", 2400, 0.5, 4, True, 1.5, 0.5, 0.18, {"uniform": 0.06, "x4": 0.06, "drop": 0.2}, 0.23
    ),
}


class World(NamedTuple):
    """What a population lets one know.

    Attributes:
        values: Row → `(seeds, metrics)` on the test photographs of each seed.
        redrawn: Row → `(seeds, metrics, REDRAWS)`, the same with the photographs drawn anew, alike for all runs.
        truth: Row → `(metrics,)` of this world's training set; None where the truth is over data sets.
        photographs: Distinct test photographs.
    """

    values: dict[str, Floats]
    redrawn: dict[str, Floats]
    truth: dict[str, Floats] | None
    photographs: int


def world(design: Design, rng: np.random.Generator) -> World:
    """Draw a data set, train every run on it, and test it."""
    beta = _direction()
    n = design.photographs
    features, rating = _photographs(design, beta, n, rng)
    order = (
        [rng.permutation(n)] * design.seeds if design.one_split else [rng.permutation(n) for _ in range(design.seeds)]
    )
    many = round(n * design.test)
    # Poisson counts are drawn faster than multinomial ones, and a metric does not mind their total.
    times = np.vstack([np.ones(n), rng.poisson(1, (REDRAWS, n))])
    values: dict[str, list[Floats]] = {row: [] for row in ROWS}
    redrawn: dict[str, list[Floats]] = {row: [] for row in ROWS}
    solved: dict[str, Floats] = {}
    for seed, places in enumerate(order):
        test, train = places[:many], places[many + n // 10 :]
        if seed == 0 or not design.one_split:
            solved = {row: _solved(design, row, features[train], rating[train]) for row in ROWS}
        for row, head in _noisy(design, solved, rng).items():
            found = _metrics(features[test], rating[test], head, times[:, test])
            values[row].append(found[:, 0])
            redrawn[row].append(found[:, 1:])
    truth = _truth(design, beta, solved, rng) if design.one_split else None
    tested = len(np.unique(np.concatenate([places[:many] for places in order])))
    return World(
        {row: np.array(one) for row, one in values.items()},
        {row: np.array(one) for row, one in redrawn.items()},
        truth,
        tested,
    )


def _truth(design: Design, beta: Floats, solved: dict[str, Floats], rng: np.random.Generator) -> dict[str, Floats]:
    """Metrics of a training set's heads over 20 new seeds, each with 2,000 new photographs of its own."""
    found: dict[str, list[Floats]] = {row: [] for row in ROWS}
    for _ in range(20):
        features, rating = _photographs(design, beta, 2000, rng)
        for row, head in _noisy(design, solved, rng).items():
            found[row].append(_metrics(features, rating, head, np.ones((1, 2000)))[:, 0])
    return {row: np.mean(one, axis=0) for row, one in found.items()}


def _direction() -> Floats:
    """How a population rates: the same in every world, of falling importance."""
    beta = np.random.default_rng(1).normal(size=FEATURES) / np.sqrt(1 + np.arange(FEATURES))
    return beta / np.linalg.norm(beta)


def _photographs(design: Design, beta: Floats, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    features = rng.normal(size=(n, FEATURES))
    rating = features @ beta + design.noise * rng.normal(size=n)
    return features, rating / np.hypot(1, design.noise) + design.midpoint


def _solved(design: Design, row: str, features: Floats, rating: Floats) -> Floats:
    """`(FEATURES + 1,)` weighted ridge regression of ±1, the last one the bias."""
    margin = np.abs(rating)
    clear = margin >= np.quantile(margin, 1 - design.clear)
    weight = {"uniform": np.ones(len(rating)), "x4": np.where(clear, design.ratio, 1.0), "drop": clear.astype(float)}[
        row
    ]
    weight = weight / weight.mean()
    columns = np.column_stack([features, np.ones(len(features))])
    weighted = columns * weight[:, None]
    return np.linalg.solve(columns.T @ weighted + 10 * np.eye(FEATURES + 1), weighted.T @ np.sign(rating))


def _noisy(design: Design, solved: dict[str, Floats], rng: np.random.Generator) -> dict[str, Floats]:
    """The heads of a training set as one seed finds them."""
    shared, found = rng.normal(size=FEATURES), {}
    for row, head in solved.items():
        noise = design.shared * shared + design.own[row] * rng.normal(size=FEATURES)
        found[row] = head + np.append(noise, 0.0) * np.linalg.norm(head[:-1]) / np.sqrt(FEATURES)
    return found


def _metrics(features: Floats, rating: Floats, head: Floats, times: Floats) -> Floats:
    """`(metrics, B)` Spearman's ρ, on the ranks of the whole sample, and accuracy, of samples that count `times`."""
    score = features @ head[:-1] + head[-1]
    one, other = (_standard(np.argsort(np.argsort(values)).astype(float)) for values in (score, rating))
    total = times.sum(axis=1)
    sums = times @ np.column_stack([one, other, one * one, other * other, one * other, (score > 0) == (rating > 0)])
    a, b, aa, bb, ab, right = (sums / total[:, None]).T
    return np.stack([(ab - a * b) / np.sqrt((aa - a * a) * (bb - b * b)), right])


def _standard(values: Floats) -> Floats:
    return (values - values.mean()) / values.std()


Interval = tuple[float, float]


def intervals(
    values: Floats, redrawn: Floats, overlap: float, photographs: int, rng: np.random.Generator
) -> dict[str, Interval]:
    """Lower and upper end by each method.

    Args:
        values: `(seeds,)`.
        redrawn: `(seeds, REDRAWS)`.
        overlap: As in `Estimate.of`.
        photographs: Distinct test photographs.
        rng: For the two-way bootstrap.
    """
    n, middle = len(values), float(values.mean())
    error = float(redrawn.mean(axis=0).std(ddof=1))
    sampling = Sampling(error, float(np.sqrt(redrawn.var(axis=1, ddof=1).mean())), photographs)
    plain = Estimate.of(values.tolist())
    resampled = Estimate.of(values.tolist(), overlap)
    drawn = rng.integers(n, size=(n, redrawn.shape[1]))
    two_way = np.quantile(redrawn[drawn, np.arange(redrawn.shape[1])].mean(axis=0), [0.025, 0.975])
    half = {
        "Student t over seeds": plain.half_width,
        "Nadeau-Bengio": resampled.half_width,
        "photographs": 1.96 * error,
        "seeds and photographs": _both(values, sampling),
        "seeds plus photographs": _both(values, sampling, once=False),
        "as in the tables": Estimate.of(values.tolist(), overlap, sampling).half_width,
    }
    found = {name: (middle - one, middle + one) for name, one in half.items()}
    return found | {"two-way bootstrap": (float(two_way[0]), float(two_way[1]))}


def _both(values: Floats, sampling: Sampling, once: bool = True) -> float:
    """Half-width over seeds and photographs as crossed samples.

    Args:
        values: `(seeds,)`.
        sampling: Of their mean.
        once: Take off what both variances contain, so that it counts once.
    """
    n, seeds, photographs = len(values), float(values.var(ddof=1)) / len(values), sampling.error**2
    twice = (sampling.error_of_one**2 - photographs) / (n - 1) if once else 0.0
    rest = max(0.0, seeds - max(0.0, twice))
    variance = photographs + rest
    freedom = variance**2 / (rest**2 / (n - 1) + photographs**2 / (sampling.photographs - 1))
    return float(np.sqrt(variance) * stdtrit(freedom, 0.975))


def measure(name: str, design: Design, worlds: int) -> Iterator[dict[str, Any]]:
    """A row a quantity, metric and method: how often it covers, and how wide it is."""
    rng = np.random.default_rng(list(DESIGNS).index(name))
    seen = [world(design, rng) for _ in range(worlds)]
    for quantity, (row, base) in QUANTITIES.items():
        values, redrawn = (_less([getattr(one, kind) for one in seen], row, base) for kind in ("values", "redrawn"))
        means = np.array([one.mean(axis=0) for one in values])
        truths = np.broadcast_to(means.mean(axis=0), means.shape)
        if design.one_split:
            truths = np.array(_less([one.truth for one in seen if one.truth], row, base))
        for place, metric in enumerate(METRICS):
            ideal = 1.96 * float((means[:, place] - truths[:, place]).std())
            found = [
                intervals(one[:, place], again[:, place], design.overlap, each.photographs, rng)
                for one, again, each in zip(values, redrawn, seen, strict=True)
            ]
            spread = float(np.mean([one[:, place].std(ddof=1) for one in values]))
            for method in found[0]:
                ends = np.array([one[method] for one in found])
                inside = (ends[:, 0] <= truths[:, place]) & (truths[:, place] <= ends[:, 1])
                yield {
                    "design": name,
                    "quantity": quantity,
                    "metric": metric,
                    "method": method,
                    "worlds": worlds,
                    "coverage": inside.mean(),
                    "half_width": (ends[:, 1] - ends[:, 0]).mean() / 2,
                    "ideal": ideal,
                    "spread": spread,
                }


def _less(found: list[dict[str, Floats]], row: str, base: str | None) -> list[Floats]:
    return [one[row] - one[base] if base else one[row] for one in found]


def calibration(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Simulated spreads over seeds beside the committed ones."""
    for name, design in DESIGNS.items():
        names = {"weighting": FINE_TUNED, "reproduce": RENDERED}.get(design.experiment.partition("/")[0], SOLVED)
        records = read_results_csv(HERE.parent / design.experiment / "results.csv")
        for quantity, (row, base) in QUANTITIES.items():
            for metric in METRICS:
                committed = [
                    {one.seed: one.metrics[f"test/{metric}"] for one in records if one.variant == names[each]}
                    for each in (row, base)
                    if each
                ]
                values = np.array([mine for _, mine in sorted(committed[0].items())])
                if base:
                    values = values - np.array([mine for _, mine in sorted(committed[1].items())])
                mine = next(
                    one for one in rows if (one["design"], one["quantity"], one["metric"]) == (name, quantity, metric)
                )
                yield {
                    "design": name,
                    "quantity": quantity,
                    "metric": metric,
                    "committed": float(values.std(ddof=1)),
                    "simulated": mine["spread"],
                }


def summary(rows: list[dict[str, Any]]) -> str:
    """Markdown: coverage and width of each method and design, over both metrics; for differences over both of them."""
    text = []
    for title, wanted in (("Differences", [*QUANTITIES][1:]), ("Values", [*QUANTITIES][:1])):
        lines = []
        for method in dict.fromkeys(row["method"] for row in rows):
            cells = [method]
            for name in DESIGNS:
                mine = [
                    row
                    for row in rows
                    if (row["method"], row["design"]) == (method, name) and row["quantity"] in wanted
                ]
                covered = sorted(100 * row["coverage"] for row in mine)
                width = np.mean([row["half_width"] / row["ideal"] for row in mine])
                cells.append(f"{covered[0]:.0f}–{covered[-1]:.0f} ({width:.2f})")
            lines.append(cells)
        text.append(f"{title}:\n\n{markdown_table(['', *DESIGNS], lines, 'l' + 'r' * len(DESIGNS))}")
    return "\n\n".join(text)


def main() -> None:
    """Simulate every design, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=500)
    worlds = parser.parse_args().worlds
    rows = []
    for name, design in DESIGNS.items():
        rows += list(measure(name, design, worlds))
        print(name, flush=True)
    write_csv(HERE / "coverage.csv", list(rows[0]), rows)
    spreads = list(calibration(rows))
    write_csv(HERE / "calibration.csv", list(spreads[0]), spreads)
    refresh_block(HERE / "README.md", "coverage", summary(rows))


if __name__ == "__main__":
    main()
