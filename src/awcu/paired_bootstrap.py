"""Differences to the baseline paired by seed and test photograph: a bootstrap over photographs inside seeds."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from awcu.bootstrap import METRICS, Floats, redraws
from awcu.differences import PairedDifference
from awcu.predictions import ScoredPhotographs
from awcu.record_columns import split_records
from awcu.results import RunRecord
from awcu.table_spec import TableSpec

Runs = Mapping[str, Mapping[int, ScoredPhotographs]]


def find_differences(spec: TableSpec, records: Iterable[RunRecord], folder: Path) -> list[PairedDifference]:
    """Differences of each column's variants over all runs below a folder that left predictions.csv.

    A variant is left out where one of the seeds that it shares with the baseline left none, and under a metric that
    is undefined or no metric of predictions.

    Raises:
        RecordError: A predictions.csv is damaged or of another run.
        TableError: A record fits no column.
    """
    columns = split_records(records, spec.record_columns)
    created = {(column, one.identity): one.created for column, mine in columns.items() for one in mine}
    runs: dict[str, dict[str, dict[int, ScoredPhotographs]]] = {column: {} for column in columns}
    for path in sorted(folder.rglob("predictions.csv")):
        whole = RunRecord.load(path.with_name("record.json"))
        for column, mine in split_records([whole], spec.record_columns).items():
            for record in mine:
                if created.get((column, record.identity)) == record.created:
                    runs[column].setdefault(record.variant, {})[record.seed] = ScoredPhotographs.read(path, record)
    return [one for column, mine in columns.items() for one in _of_column(spec, column, mine, runs[column])]


def _of_column(spec: TableSpec, column: str, records: Iterable[RunRecord], runs: Runs) -> list[PairedDifference]:
    seeds: dict[str, set[int]] = {}
    for record in records:
        seeds.setdefault(record.variant, set()).add(record.seed)
    base = runs.get(spec.baseline, {})
    shared = {variant: mine & seeds.get(spec.baseline, set()) for variant, mine in seeds.items()}
    whole_pairs = {
        variant: mine
        for variant, mine in runs.items()
        if shared[variant] and shared[variant] <= mine.keys() & base.keys()
    }
    return paired_differences(spec, whole_pairs | {spec.baseline: base}, column) if whole_pairs else []


def paired_differences(spec: TableSpec, runs: Runs, column: str = "") -> list[PairedDifference]:
    """The differences of these runs of one column, by variant and seed, to those of the baseline.

    The photographs of all runs are redrawn at once, so that one that counts twice in one run counts twice in every
    run that was tested on it. Redraws that leave a metric undefined in some seed are left out.
    """
    drawn, base, found = _drawn(runs), runs[spec.baseline], []
    for variant in sorted(runs.keys() - {spec.baseline}):
        mine = runs[variant]
        seeds = tuple(sorted(mine.keys() & base.keys()))
        gains = np.stack([drawn[variant, seed] - drawn[spec.baseline, seed] for seed in seeds])
        photographs = len(np.unique(np.concatenate([mine[seed].image_ids for seed in seeds])))
        for place, name in enumerate(METRICS):
            points, redrawn = gains[:, place, 0], gains[:, place, 1:]
            redrawn = redrawn[:, ~np.isnan(redrawn).any(axis=0)]
            if f"test/{name}" in spec.columns and not np.isnan(points).any() and redrawn.shape[1] > 1:
                error = float(redrawn.mean(axis=0).std(ddof=1))
                error_of_one = float(np.sqrt(redrawn.var(axis=1, ddof=1).mean()))
                found.append(
                    PairedDifference(
                        column, variant, f"test/{name}", seeds, photographs, float(points.mean()), error, error_of_one
                    )
                )
    return found


def _drawn(runs: Runs) -> dict[tuple[str, int], Floats]:
    """The metrics of each run, first of its photographs as they are, then of each redraw: `(metrics, 1 + redraws)`."""
    each = {(variant, seed): one for variant, mine in runs.items() for seed, one in mine.items()}
    ids = np.unique(np.concatenate([one.image_ids for one in each.values()]))
    places = {run: np.searchsorted(ids, one.image_ids) for run, one in each.items()}
    parts: dict[tuple[str, int], list[Floats]] = {run: [] for run in each}
    for times in (np.ones((1, len(ids))), *redraws(len(ids))):
        for run, one in each.items():
            found = one.metrics(times[:, places[run]])
            parts[run].append(np.stack([found[name] for name in METRICS]))
    return {run: np.concatenate(mine, axis=1) for run, mine in parts.items()}
