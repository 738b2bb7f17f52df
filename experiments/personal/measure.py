"""How well a head of a person's own ratings orders photographs that it has not seen, by how many were rated.

python experiments/personal/measure.py --oasis FOLDER --mobilenet FILE --cache FOLDER

Writes curves.csv (features, method, ratings, and over people the SRCC, its change against everyone's model and the
share of people whom it serves better), choice.csv (which photographs to rate), weights.csv (how much a rating counts),
accuracy.csv (what is said of accuracy against what is true), curves.png, and the tables in README.md.
"""

import argparse
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import ndtri

from awcu.files import write_csv
from awcu.inference.predictor import AestheticModel
from awcu.metrics.ranks import midranks, spearman
from awcu.models.config import ModelConfig
from awcu.models.network import AestheticNet, normalization
from awcu.models.pretrained import BUNDLED
from awcu.personal.features import pooled_features
from awcu.personal.head import FOR_EVERYONE, LinearScore, fit
from awcu.personal.model import everyone
from awcu.plots.style import BLUE, DPI, GREY, VERMILION, save_png
from awcu.tables.readme import refresh_block
from awcu.text import markdown_table, number

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

HERE = Path(__file__).parent
MIDPOINT, WIDTH = 4.0, 6.0  # of beauty ratings from 1 to 7
FOLDS = 6  # of the photographs; a person's unseen ones are those of the first, for the main curves also of the second
RATINGS = (10, 25, 50, 100, 150)
BACKBONES = {
    "EfficientNet-Lite0": ("lite0",),
    "EfficientNet-Lite2": ("lite2",),
    "MobileNetV2": ("mobilenet",),
    "all three side by side": ("lite0", "lite2", "mobilenet"),
}
MAIN = "all three side by side"
OWN = "the model of the package"


class Crowd:
    """The model of everyone but one person: ridge regression of the others' mean ratings, test photographs left out.

    A linear smoother, so that leaving a person out costs a product: the penalty is the one with the smallest
    leave-one-out error for the mean of all.
    """

    def __init__(self, features: Floats, ratings: Floats, learned: Rows) -> None:
        self.features, self.ratings, self.learned = features, ratings, learned
        self.total, self.count = np.nansum(ratings, 0), (~np.isnan(ratings)).sum(0)
        centred = features[learned] - features[learned].mean(0)
        spectrum, basis = np.linalg.eigh(centred @ centred.T)
        spectrum = spectrum.clip(0)
        mean = (self.total / self.count)[learned]
        target, unit, best = mean - mean.mean(), spectrum.sum() / len(learned), np.inf
        for penalty in np.logspace(-3, 2, 21) * unit:
            shrunk = spectrum / (spectrum + penalty)
            leverage = basis**2 @ shrunk + 1 / len(learned)
            left_out = (target - basis @ (shrunk * (basis.T @ target))) / (1 - leverage)
            if np.square(left_out).mean() < best:
                best = np.square(left_out).mean()
                self.solver = centred.T @ (basis / (spectrum + penalty)) @ basis.T
                self.leverage = leverage

    def others(self, person: int) -> Floats:
        """`(n,)` mean rating of all but this person."""
        own = self.ratings[person]
        rated = ~np.isnan(own)
        return np.asarray((self.total - np.where(rated, own, 0)) / (self.count - rated))

    def head(self, person: int) -> LinearScore:
        """What the others' ratings make of the features."""
        mean = self.others(person)[self.learned]
        weight = self.solver @ (mean - mean.mean())
        return LinearScore(weight, float(mean.mean() - self.features[self.learned].mean(0) @ weight))

    def cross_fitted(self, person: int) -> Floats:
        """`(n,)` its scores, of each photograph that it learned from by the head of all the others."""
        scores, mean = self.head(person).of(self.features), self.others(person)
        rows = self.learned
        scores[rows] = mean[rows] - (mean[rows] - scores[rows]) / (1 - self.leverage)
        return scores


@dataclass(frozen=True, eq=False)
class Person:
    """One person and one fold of photographs.

    Attributes:
        number: Of the person.
        features: `(n, d)`.
        ratings: `(n,)` minus the midpoint, nan where there is none.
        pool: Rows that may be rated, in a random order.
        unseen: Rows of the fold that the person has rated.
        prior: Everyone's head.
        crowd: Behind it; None where it is not of this data.
    """

    number: int
    features: Floats
    ratings: Floats
    pool: Rows
    unseen: Rows
    prior: LinearScore
    crowd: Crowd | None

    def order(self, scores: Floats) -> float:
        """SRCC of scores `(n,)` with the ratings of the unseen photographs; 0 where all scores are equal."""
        return float(np.nan_to_num(spearman(scores[self.unseen], self.ratings[self.unseen])))


def people(
    features: Floats, ratings: Floats, prior: LinearScore | None = None, draw: int = 0, tested: int = 1
) -> Iterator[Person]:
    """Every person on every tested fold; towards the head of the others, or towards the one given."""
    folds = np.random.default_rng(0).permutation(len(features)) % FOLDS
    for fold in range(tested):
        learned = np.flatnonzero(folds != fold)
        crowd = Crowd(features, ratings, learned) if prior is None else None
        for who, own in enumerate(ratings):
            rated = ~np.isnan(own)
            unseen = np.flatnonzero(rated & (folds == fold))
            if np.ptp(own[unseen]) == 0:  # whoever rates all alike has no order
                continue
            pool = np.random.default_rng((draw, who, fold)).permutation(learned[rated[learned]])
            head = crowd.head(who) if crowd is not None else prior
            assert head is not None
            yield Person(who, features, own, pool, unseen, head, crowd)


Method = Callable[[Person, Rows], Floats]
"""Scores `(n,)` after these photographs were rated."""


def alone(person: Person, rows: Rows) -> Floats:
    """A head of one's own ratings, towards nothing."""
    nothing = LinearScore(np.zeros(person.features.shape[1]), 0.0)
    return fit(person.features[rows], person.ratings[rows], nothing).score.of(person.features)


def both(person: Person, rows: Rows) -> Floats:
    """What the package solves: ridge regression towards everyone's head."""
    return fit(person.features[rows], person.ratings[rows], person.prior).score.of(person.features)


def solved(person: Person, rows: Rows, features: Floats, prior: Floats, **settings: Any) -> Floats:
    """The same on other features `(n, m)`, towards scores `(n,)`."""
    # The prior must be linear in the features: a column of its own, too small for the ridge to use.
    columns = np.column_stack([features, 1e-6 * prior])
    towards = LinearScore(np.append(np.zeros(features.shape[1]), 1e6), 0.0)
    return fit(columns[rows], person.ratings[rows], towards, **settings).score.of(columns)


def towards_cross_fitted(person: Person, rows: Rows) -> Floats:
    """Towards everyone's scores, which of the rated photographs themselves are cross-fitted."""
    assert person.crowd is not None
    return solved(person, rows, person.features, person.crowd.cross_fitted(person.number))


def ranked(person: Person, rows: Rows) -> Floats:
    """Ratings as normal scores of their ranks, with the standard deviation that they had."""
    own = person.ratings[rows]
    normal = np.asarray(ndtri(midranks(own) / len(own))) * own.std()
    return fit(person.features[rows], normal, person.prior).score.of(person.features)


Values = dict[int, list[float]]
"""Person → SRCC on each tested fold."""


def measured(
    found: Iterator[Person], methods: Mapping[str, Method], counts: Sequence[int] = RATINGS
) -> dict[tuple[str, int], Values]:
    """SRCC on the unseen photographs by method and number of ratings; everyone's model has 0 of them."""
    values: dict[tuple[str, int], Values] = {}
    for person in found:
        general = person.order(person.prior.of(person.features))
        values.setdefault(("everyone", 0), {}).setdefault(person.number, []).append(general)
        for count in counts:
            for name, method in methods.items():
                srcc = person.order(method(person, person.pool[:count]))
                values.setdefault((name, count), {}).setdefault(person.number, []).append(srcc)
    return values


def row(values: Values, base: Values) -> dict[str, Any]:
    """Mean over people, the 95 % half-width over them, and the same of the change against another method."""
    mine, other = (np.array([np.mean(one[person]) for person in values]) for one in (values, base))
    return {
        "people": len(mine),
        "srcc": mine.mean(),
        "half_width": _half(mine),
        "change": (mine - other).mean(),
        "change_half_width": _half(mine - other),
        "better": (mine > other).mean() + (mine == other).mean() / 2,
    }


def _half(values: Floats) -> float:
    return 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5


def read(folder: Path) -> tuple[list[Path], Floats]:
    """Paths of the photographs and ratings `(people, n)` minus the midpoint, nan where there is none."""
    with (folder / "raters.csv").open(encoding="utf-8") as file:
        lines = list(csv.reader(file))[1:]
    ratings = np.array([[float(cell) if cell else np.nan for cell in line[1:]] for line in lines]).T
    return [folder / "images" / line[0] for line in lines], ratings - MIDPOINT


def backbone(name: str, mobilenet: Path) -> AestheticModel:
    """An ImageNet backbone under heads that were not trained."""
    full = "mobilenetv2_100" if name == "mobilenet" else f"tf_efficientnet_{name}"
    weights: dict[str, Any] = {"weights_file": str(mobilenet)} if name == "mobilenet" else {"pretrained": "package"}
    size, aspect = (224, "warp") if name == "mobilenet" else (256, "keep")
    mean, std = ((0.5,) * 3, (0.5,) * 3) if name == "mobilenet" else normalization(full)
    pad_type = "same" if name == "mobilenet" else ""
    config = ModelConfig(
        network={"backbone": full, "image_size": size, "pad_type": pad_type},  # type: ignore[typeddict-item]
        objective="score",
        scale=(1.0, 7.0),
        midpoint=MIDPOINT,
        attribute_names=(),
        attribute_loss="multi_label",
        preparation={"size": size, "aspect": aspect, "mean": mean, "std": std},  # type: ignore[typeddict-item]
        train_fingerprint="",
        reference=None,
    )
    return AestheticModel(config, AestheticNet(full, 1, image_size=size, pad_type=pad_type, **weights))


def turned(parts: Sequence[Floats]) -> Floats:
    """Features side by side, each of mean square 1, turned to their own axes: the same ridge regression, but faster."""
    centred = [part - part.mean(0) for part in parts]
    columns = np.hstack([one / np.sqrt(np.square(one).sum(1).mean()) for one in centred])
    left, singular, _ = np.linalg.svd(columns, full_matrices=False)
    kept = singular > 1e-6 * singular[0]
    return np.asarray(left[:, kept] * singular[kept])


def directions(person: Person, groups: NDArray[np.int64], known: dict[tuple[int, int], Floats]) -> Floats:
    """`(n, m)` features whose ridge penalty of 1 is how other people's tastes spread: empirical Bayes.

    Every other person's taste is what his or her ratings leave beyond the mean of all, linear in the first principal
    axes with weights from one normal distribution, whose covariance expectation-maximisation finds (Laird & Ware 1982).
    People are left out by groups.
    """
    assert person.crowd is not None
    key = id(person.crowd), int(groups[person.number])
    if key not in known:
        others = np.flatnonzero(groups != groups[person.number])
        left = [_taste(person.crowd, who) for who in others]
        spread, noise = np.eye(AXES) * 0.1, 2.0
        for _ in range(ROUNDS):
            spread, noise = _round(left, spread, noise)
        variance, basis = np.linalg.eigh(spread)
        known[key] = person.features[:, :AXES] @ (basis * np.sqrt(variance.clip(0) / noise))
    return known[key]


AXES, ROUNDS = 100, 10


def _taste(crowd: Crowd, who: int) -> tuple[Floats, Floats, float, int]:
    rows = crowd.learned[~np.isnan(crowd.ratings[who, crowd.learned])]
    own, mean = crowd.ratings[who, rows], crowd.others(who)[rows]
    centred = mean - mean.mean()
    slope = (centred @ own + 5 * mean.var()) / (centred @ centred + 5 * mean.var())
    rest = own - own.mean() - slope * centred
    axes = crowd.features[rows, :AXES] - crowd.features[rows, :AXES].mean(0)
    return axes.T @ axes, axes.T @ rest, float(rest @ rest), len(rows)


def _round(left: Sequence[tuple[Floats, Floats, float, int]], spread: Floats, noise: float) -> tuple[Floats, float]:
    inverse = np.linalg.inv(spread + 1e-10 * np.trace(spread) * np.eye(AXES))
    total, squares, count = np.zeros((AXES, AXES)), 0.0, 0
    for gram, product, square, n in left:
        covariance = np.linalg.inv(inverse + gram / noise)
        mean = covariance @ product / noise
        total += covariance + np.outer(mean, mean)
        squares += square - 2 * mean @ product + mean @ gram @ mean + float((covariance * gram).sum())
        count += n
    return total / len(left), squares / count


# ---- which photographs to rate


def chosen(person: Person, rule: str, count: int, random: np.random.Generator) -> Rows:
    """The first photographs that are rated, half of them at random and half by a rule; by "random" all at random.

    The rules see features, everyone's scores and, but for the first two, nothing of the ratings:

    - variance: the photograph whose rating is least known to the head, given those rated before (D-optimal);
    - others: the one whose rating most reduces that of all others (V-optimal, Seo et al. 2000);
    - farthest: the one farthest from all rated, in features;
    - disagreement: the one where what was learned so far changes everyone's order most.
    """
    rows, features = person.pool, person.features[person.pool]
    centred = features - features.mean(0)
    scores = person.prior.of(features)
    scores = scores - scores.mean()
    gram = centred @ centred.T
    start = gram / (PENALTY * np.trace(gram) / len(rows)) + np.outer(scores, scores) / (FOR_EVERYONE * scores.var()) + 1
    known, free, taken = start.copy(), np.ones(len(rows), bool), list[int]()
    distance = np.diag(gram)[:, None] + np.diag(gram) - 2 * gram
    while len(taken) < min(count, len(rows)):
        left = np.flatnonzero(free)
        if rule == "random" or len(taken) < 2 or random.random() < 0.5:
            place = int(left[0])  # the pool is in a random order
        elif rule == "variance":
            place = int(left[np.argmax(known[left, left])])
        elif rule == "others":
            place = int(left[np.argmax(np.square(known[:, left]).sum(0) / (known[left, left] + 1))])
        elif rule == "farthest":
            place = int(left[np.argmax(distance[np.ix_(left, taken)].min(1))])
        else:
            inner = start[np.ix_(taken, taken)] + np.eye(len(taken))
            learned = start[:, taken] @ np.linalg.solve(inner, person.ratings[rows[taken]] - scores[taken])
            place = int(left[np.argmax(np.abs(learned - learned.mean())[left])])
        free[place] = False
        taken.append(place)
        known -= np.outer(known[place], known[place]) / (known[place, place] + 1)
    return rows[taken]


RULES = ("random", "variance", "others", "farthest", "disagreement")
PENALTY = 10.0  # of the rules that need one before there are ratings


def choices(found: Iterator[Person], counts: Sequence[int]) -> dict[tuple[str, int], Values]:
    """SRCC by rule and number of ratings."""
    values: dict[tuple[str, int], Values] = {}
    for person in found:
        for rule in RULES:
            rows = chosen(person, rule, max(counts), np.random.default_rng(person.number))
            for count in counts:
                srcc = person.order(both(person, rows[:count]))
                values.setdefault((rule, count), {}).setdefault(person.number, []).append(srcc)
    return values


# ---- how much a rating counts


def weighted(rule: Callable[[Person, Rows], Floats]) -> Method:
    """`both` with weights."""

    def method(person: Person, rows: Rows) -> Floats:
        weight = rule(person, rows)
        return fit(person.features[rows], person.ratings[rows], person.prior, weight).score.of(person.features)

    return method


def clear(person: Person, rows: Rows) -> Floats:
    """Four times as much for a rating at least two points off the midpoint."""
    return np.where(np.abs(person.ratings[rows]) >= 2, 4.0, 1.0)


def off_the_mean(person: Person, rows: Rows) -> Floats:
    """In proportion to the distance from the person's own mean, and half a point at least."""
    own = person.ratings[rows]
    return np.maximum(np.abs(own - own.mean()), 0.5)


def agreed(person: Person, rows: Rows) -> Floats:
    """Over the variance of the others' ratings of the photograph."""
    assert person.crowd is not None
    return np.asarray(1 / (0.25 + np.nanvar(person.crowd.ratings[:, rows], 0)))


WEIGHTS: dict[str, Method] = {
    "uniform": both,
    "×4 from two points off the midpoint": weighted(clear),
    "distance from the person's mean": weighted(off_the_mean),
    "agreement of the others": weighted(agreed),
}


# ---- is it true what is said


def said(found: Iterator[Person], counts: Sequence[int]) -> Iterator[dict[str, Any]]:
    """What leave-one-out says of SRCC, by predictions with and without the bias, against all unseen photographs.

    The truth is itself known from some photographs only, so that an interval is right where both together hold it.
    """
    rows: dict[tuple[str, int], list[tuple[float, float, bool]]] = {}
    for person in found:
        for count in counts:
            taken, rest = person.pool[:count], np.append(person.pool[count:], person.unseen)
            own = person.ratings[taken]
            if np.ptp(own) == 0 or np.ptp(person.ratings[rest]) == 0:
                continue
            head = fit(person.features[taken], own, person.prior)
            true = float(spearman(head.score.of(person.features[rest]), person.ratings[rest]))
            for kind in ("ordering", "held_out"):
                told = float(np.nan_to_num(spearman(getattr(head, kind), own)))
                errors = [np.sqrt((1 + one**2 / 2) / (n - 3)) for one, n in ((told, count), (true, len(rest)))]
                apart = abs(np.arctanh(np.clip(told, -0.999, 0.999)) - np.arctanh(true))
                rows.setdefault((kind, count), []).append((told, true, apart <= 1.96 * np.hypot(*errors)))
    for (kind, count), each in rows.items():
        told, true, right = np.mean(each, axis=0)
        yield {
            "prediction": kind,
            "ratings": count,
            "people": len({*each}),
            "said": told,
            "true": true,
            "right": right,
        }


# ---- all of it


def curve(name: str, found: dict[tuple[str, int], Values]) -> Iterator[dict[str, Any]]:
    """Rows of curves.csv."""
    for (method, count), values in found.items():
        yield {"features": name, "method": method, "ratings": count} | row(values, found["everyone", 0])


def against(name: str, found: dict[tuple[str, int], Values], base: str) -> Iterator[dict[str, Any]]:
    """Rows of a file that compares with one of its own at the same number of ratings."""
    for (method, count), values in found.items():
        if method != "everyone":
            yield {name: method, "ratings": count} | row(values, found[base, count])


def draws(features: Floats, ratings: Floats, count: int) -> tuple[float, float]:
    """Standard deviation of a person's SRCC over which photographs were rated, and over people."""
    both_draws = [measured(people(features, ratings, draw=draw), {"both": both}, (count,)) for draw in (0, 1)]
    one, other = (found["both", count] for found in both_draws)
    apart = np.array([a - b for person in one for a, b in zip(one[person], other[person], strict=True)])
    over = np.array([np.mean(values) for values in one.values()])
    return float(np.sqrt(np.square(apart).mean() / 2)), float(over.std(ddof=1))


def main() -> None:
    """Measure everything, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--oasis", type=Path, required=True, help="folder of raters.csv and images/")
    parser.add_argument("--mobilenet", type=Path, required=True, help="MobileNetV2 by ImageNet, as .safetensors")
    parser.add_argument("--cache", type=Path, help="where features are kept")
    arguments = parser.parse_args()
    paths, ratings = read(arguments.oasis)
    package_model = AestheticModel.from_pretrained(BUNDLED)
    names = dict.fromkeys(name for some in BACKBONES.values() for name in some)
    models = {name: backbone(name, arguments.mobilenet) for name in names} | {OWN: package_model}
    pooled = {name: pooled_features(one, paths, arguments.cache).pooled for name, one in models.items()}
    rows = list(curves(pooled, everyone(package_model, pooled[OWN], WIDTH), ratings))
    write_csv(HERE / "curves.csv", tuple(rows[0]), rows)
    # Not the crowd's, which has learned from the photographs that are rated.
    features, prior = package(pooled[OWN], everyone(package_model, pooled[OWN], WIDTH))
    main_features = turned([pooled[name] for name in BACKBONES[MAIN]])
    others = {
        "choice": list(against("rule", choices(people(main_features, ratings), (10, 25, 50, 100)), "random")),
        "weights": list(
            against("weights", measured(people(main_features, ratings), WEIGHTS, (25, 50, 100)), "uniform")
        ),
        "accuracy": list(said(people(features, ratings, prior), (25, 40, 100))),
    }
    for name, table in others.items():
        write_csv(HERE / f"{name}.csv", tuple(table[0]), table)
        print(name, *table, sep="\n", flush=True)
    print("draws", draws(main_features, ratings, 50))
    save_png(drawn(rows), HERE / "curves.png")
    refresh_block(HERE / "README.md", "curves", summary(rows))


def curves(pooled: Mapping[str, NDArray[np.float32]], own: LinearScore, ratings: Floats) -> Iterator[dict[str, Any]]:
    """Rows of curves.csv for every set of features."""
    for name, parts in BACKBONES.items():
        features = turned([pooled[part] for part in parts])
        methods = {"alone": alone, "both": both} | (tried(len(ratings)) if name == MAIN else {})
        yield from curve(name, measured(people(features, ratings, tested=1 + (name == MAIN)), methods))
        print(name, flush=True)
    features, prior = package(pooled[OWN], own)
    yield from curve(OWN, measured(people(features, ratings), {"alone": alone, "both": both}))
    found = measured(people(features, ratings, prior), {"alone": alone, "both": both})
    yield from curve(f"{OWN}, its own score", found)


def package(pooled: NDArray[np.float32], own: LinearScore) -> tuple[Floats, LinearScore]:
    """Features of the package's model, and its own score as a head on them."""
    features, scores = turned([pooled]), own.of(pooled)
    weight = np.linalg.lstsq(features, scores - scores.mean(), rcond=None)[0]
    return features, LinearScore(weight, float(scores.mean()))


def tried(people: int) -> dict[str, Method]:
    """What might be better than `both`."""
    groups, known = np.random.default_rng(1).permutation(people) % 4, dict[tuple[int, int], Floats]()

    def empirical(person: Person, rows: Rows) -> Floats:
        assert person.crowd is not None
        found = directions(person, groups, known)
        unit = np.square(found[rows] - found[rows].mean(0)).sum(1).mean()
        prior = person.prior.of(person.features)
        return solved(person, rows, found, prior, penalties=np.array([1.0, 2.0, 4.0]) / unit)

    return {"both, cross-fitted": towards_cross_fitted, "both, ranks": ranked, "tastes of others": empirical}


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: SRCC by features, method and number of ratings."""
    lines = []
    for features in dict.fromkeys(one["features"] for one in rows):
        mine = [one for one in rows if one["features"] == features]
        general = next(one for one in mine if one["method"] == "everyone")
        for method in dict.fromkeys(one["method"] for one in mine if one["method"] != "everyone"):
            cells = [f"{number(one['srcc'])} ± {number(one['half_width'])}" for one in mine if one["method"] == method]
            better = next(one["better"] for one in mine if (one["method"], one["ratings"]) == (method, 50))
            lines.append([features, method, number(general["srcc"]), *cells, f"{100 * better:.0f} %"])
    header = ["features", "method", "everyone", *(f"{count}" for count in RATINGS), "better at 50"]
    return markdown_table(header, lines, "ll" + "r" * (len(header) - 2))


def drawn(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """SRCC against the number of ratings, a panel a general model."""
    figure = Figure(figsize=(9, 3.6), dpi=DPI, layout="constrained")
    titles = {
        MAIN: "general model: the others' beauty ratings",
        f"{OWN}, its own score": "general model: the package's",
    }
    for axis, (features, title) in zip(figure.subplots(1, 2, sharey=True), titles.items(), strict=True):
        mine = [one for one in rows if one["features"] == features]
        level = next(one["srcc"] for one in mine if one["method"] == "everyone")
        axis.axhline(level, color=GREY, linestyle="--", linewidth=1, label="general model")
        for method, label, colour, marker in (
            ("alone", "own ratings alone", VERMILION, "s"),
            ("both", "own ratings, towards the general model", BLUE, "o"),
        ):
            points = [one for one in mine if one["method"] == method]
            count, srcc, half = (np.array([one[key] for one in points]) for key in ("ratings", "srcc", "half_width"))
            axis.errorbar(count, srcc, half, color=colour, marker=marker, markersize=4, capsize=2, label=label)
        axis.set(title=title, xlabel="photographs rated", xticks=RATINGS)
        axis.title.set_fontsize(10)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_ylim(0, 0.65)
    figure.axes[0].set_ylabel("SRCC on photographs not seen")
    figure.axes[0].legend(frameon=False, fontsize=8, loc="lower right")
    return figure


if __name__ == "__main__":
    main()
