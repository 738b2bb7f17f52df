"""Differences between variants paired by seed and test photograph, and values alone: the committed differences.csv."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from awcu.errors import RecordError, TableError
from awcu.files import write_csv
from awcu.metrics.bootstrap import Floats, redraws
from awcu.runs.predictions import find_predictions
from awcu.runs.record import RunRecord
from awcu.tables.comparability import split_records
from awcu.tables.intervals import Sampling
from awcu.tables.spec import TableSpec

FILE = "differences.csv"
NOTHING = "–"
"""The baseline of a value alone, from which nothing is subtracted."""
TOLERANCE = 2e-5
"""Allowed gap between a difference from records, rounded to single precision, and the same from predictions."""


@dataclass(frozen=True)
class PairedDifference:
    """One variant's difference to another under one metric, and how much it would vary with other photographs.

    Attributes:
        column: Override tokens of the column of records; "" if there is only one column.
        variant: The variant without the column's tokens.
        baseline: The variant that is subtracted: the table's baseline, the second of a contrast, or `NOTHING`.
        metric: Key "test/<metric>".
        seeds: Seeds that both share.
        photographs: Number of distinct test photographs over these seeds.
        difference: Mean difference over the seeds.
        error: Standard error of that mean, as in `Sampling`.
        error_of_one: The same for one seed, as in `Sampling`.
    """

    column: str
    variant: str
    baseline: str
    metric: str
    seeds: tuple[int, ...]
    photographs: int
    difference: float
    error: float
    error_of_one: float

    def sampling(self, seeds: Sequence[int], difference: float) -> Sampling:
        """The sampling error that the photographs add to a difference over these seeds.

        Raises:
            TableError: The seeds or the value do not match this difference.
        """
        if tuple(seeds) != self.seeds or abs(difference - self.difference) > TOLERANCE:
            raise TableError(
                f"{FILE} gives {self.metric} of {self.variant!r} less {self.baseline!r} as {self.difference:+.6f} over "
                f"seeds {self.seeds}, results.csv as {difference:+.6f} over {tuple(seeds)}; collect both again "
                f"with --runs"
            )
        return Sampling(self.error, self.error_of_one, self.photographs)


def write_differences(found: Sequence[PairedDifference], path: Path) -> None:
    """Write one line per column, pair of variants and metric, at full precision; if there are none, delete the file."""
    if not found:
        path.unlink(missing_ok=True)
        return
    rows = (asdict(one) | {"seeds": " ".join(map(str, one.seeds))} for one in found)
    write_csv(path, [one.name for one in fields(PairedDifference)], rows)


def read_differences(path: Path) -> list[PairedDifference]:
    """Read what `write_differences` wrote; an empty list if there is no file.

    Raises:
        RecordError: A missing or unknown column, a cell that is not a number, or a column, pair of variants and
            metric that occur twice.
    """
    if not path.is_file():
        return []
    found: dict[tuple[str, ...], PairedDifference] = {}
    names = [one.name for one in fields(PairedDifference)]
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != names:
            raise RecordError(f"{path} has the columns {reader.fieldnames}, not {names}; collect it again with --runs")
        for row in reader:
            one = _parsed(row, f"{path}, line {reader.line_num}")
            if found.setdefault((one.column, one.variant, one.baseline, one.metric), one) is not one:
                whole = " ".join(filter(None, (one.column, one.variant)))
                raise RecordError(f"{path} has {one.metric} of {whole!r} twice; collect it again with --runs")
    return list(found.values())


def _parsed(row: Mapping[str, str], where: str) -> PairedDifference:
    try:
        return PairedDifference(
            row["column"],
            row["variant"],
            row["baseline"],
            row["metric"],
            tuple(map(int, row["seeds"].split())),
            int(row["photographs"]),
            *(float(row[name]) for name in ("difference", "error", "error_of_one")),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise RecordError(f"{where} cannot be read ({error}); collect it again with --runs") from error


class TestedPhotographs(Protocol):
    """What a run says of its test photographs, from which its metrics on any sample of them follow."""

    @property
    def image_ids(self) -> NDArray[np.str_]:
        """`(N,)`, no two alike."""
        ...

    def metrics(self, times: Floats) -> dict[str, Floats]:
        """Each metric `(B,)` where photograph i stands `times[b, i]` times, `(B, N)` ≥ 0; nan where undefined."""
        ...


Runs = Mapping[str, Mapping[int, TestedPhotographs]]


def find_differences(spec: TableSpec, records: Iterable[RunRecord], folder: Path) -> list[PairedDifference]:
    """Compute the differences of each column's variants from the predictions that runs below a folder have left.

    A pair of variants is left out if any seed that they share has none. A metric is left out
    if it is undefined or cannot be computed from predictions.

    Raises:
        RecordError: Predictions are damaged or belong to another run.
        TableError: A record fits no column.
    """
    columns = split_records(records, spec.record_columns)
    created = {(column, one.identity): one.created for column, mine in columns.items() for one in mine}
    runs: dict[str, dict[str, dict[int, TestedPhotographs]]] = {column: {} for column in columns}
    for whole, read in find_predictions(folder):
        for column, mine in split_records([whole], spec.record_columns).items():
            for record in mine:
                if created.get((column, record.identity)) == record.created:
                    runs[column].setdefault(record.variant, {})[record.seed] = read(record)
    return [one for column, mine in columns.items() for one in _of_column(spec, column, mine, runs[column])]


def _of_column(spec: TableSpec, column: str, records: Iterable[RunRecord], runs: Runs) -> list[PairedDifference]:
    seeds: dict[str, set[int]] = {}
    for record in records:
        seeds.setdefault(record.variant, set()).add(record.seed)

    def whole(pair: tuple[str, str]) -> bool:
        mine = [variant for variant in pair if variant != NOTHING]
        shared = set.intersection(*(seeds.get(variant, set()) for variant in mine))
        return bool(shared) and all(shared <= runs.get(variant, {}).keys() for variant in mine)

    pairs = [pair for pair in _pairs(spec, runs) if whole(pair)]
    kept = {variant for pair in pairs for variant in pair}
    return paired_differences(spec, {variant: mine for variant, mine in runs.items() if variant in kept}, column, pairs)


def _pairs(spec: TableSpec, variants: Iterable[str]) -> list[tuple[str, str]]:
    """Each variant alone, then with the baseline, then the contrasts."""
    variants = sorted(variants)
    with_baseline = [(variant, spec.baseline) for variant in variants if variant != spec.baseline]
    return [*((variant, NOTHING) for variant in variants), *with_baseline, *spec.contrasts]


def paired_differences(
    spec: TableSpec, runs: Runs, column: str = "", pairs: Sequence[tuple[str, str]] | None = None
) -> list[PairedDifference]:
    """Compute one column's differences from its runs, given by variant and seed; none for a pair without a shared seed.

    All runs share the redraws of photographs: one that counts twice in one run counts twice in every run that was
    tested on it. Redraws that leave a metric undefined for some seed are left out.

    Args:
        spec: The table's specification.
        runs: The runs of every variant that is compared.
        column: Override tokens of the column of records.
        pairs: The variants to subtract from one another, which share seeds; by default each one alone, each one and
            the baseline, and the spec's contrasts.
    """
    (names, drawn), found = _drawn(runs) if runs else ([], {}), []
    for variant, other in _pairs(spec, runs) if pairs is None else pairs:
        mine = runs.get(variant, {})
        seeds = tuple(sorted(mine if other == NOTHING else mine.keys() & runs.get(other, {}).keys()))
        if not seeds:
            continue
        gains = np.stack([drawn[variant, seed] - (0 if other == NOTHING else drawn[other, seed]) for seed in seeds])
        photographs = len(np.unique(np.concatenate([mine[seed].image_ids for seed in seeds])))
        for metric, *numbers in _gained(spec, names, gains):
            found.append(PairedDifference(column, variant, other, metric, seeds, photographs, *numbers))
    return found


def _gained(spec: TableSpec, names: Sequence[str], gains: Floats) -> Iterator[tuple[str, float, float, float]]:
    """Difference, error and error of one seed of each of the table's metrics, from `(seeds, metrics, 1 + redraws)`."""
    for place, name in enumerate(names):
        points, redrawn = gains[:, place, 0], gains[:, place, 1:]
        redrawn = redrawn[:, ~np.isnan(redrawn).any(axis=0)]
        if f"test/{name}" in spec.columns and not np.isnan(points).any() and redrawn.shape[1] > 1:
            error = float(redrawn.mean(axis=0).std(ddof=1))
            error_of_one = float(np.sqrt(redrawn.var(axis=1, ddof=1).mean()))
            yield f"test/{name}", float(points.mean()), error, error_of_one


def _drawn(runs: Runs) -> tuple[list[str], dict[tuple[str, int], Floats]]:
    """The metrics' names, and each run's values, of its photographs and of each redraw: `(metrics, 1 + redraws)`."""
    each = {(variant, seed): one for variant, mine in runs.items() for seed, one in mine.items()}
    ids = np.unique(np.concatenate([one.image_ids for one in each.values()]))
    places = {run: np.searchsorted(ids, one.image_ids) for run, one in each.items()}
    parts: dict[tuple[str, int], list[dict[str, Floats]]] = {run: [] for run in each}
    for times in (np.ones((1, len(ids))), *redraws(len(ids))):
        for run, one in each.items():
            parts[run].append(one.metrics(times[:, places[run]]))
    names = list(dict.fromkeys(name for mine in parts.values() for name in mine[0]))
    return names, {run: np.stack([_joined(mine, name) for name in names]) for run, mine in parts.items()}


def _joined(parts: Sequence[Mapping[str, Floats]], name: str) -> Floats:
    """`(1 + redraws,)`; nan for a metric that the run lacks."""
    lacking = np.full(sum(len(next(iter(one.values()))) for one in parts), np.nan)
    return np.concatenate([one[name] for one in parts]) if name in parts[0] else lacking
