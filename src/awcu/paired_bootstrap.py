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
    """Differences of the table's variants over all runs below a folder that left predictions.csv.

    A variant is left out where one of the seeds that it shares with the baseline left none, and under a metric that
    is undefined or no metric of predictions.

    Raises:
        RecordError: A predictions.csv is damaged or of another run.
        TableError: A record fits no column.
    """
    seeds: dict[str, set[int]] = {}
    created = {}
    for record in split_records(records, spec.record_columns)[spec.main]:
        seeds.setdefault(record.variant, set()).add(record.seed)
        created[record.identity] = record.created
    runs: dict[str, dict[int, ScoredPhotographs]] = {}
    for path in sorted(folder.rglob("predictions.csv")):
        whole = RunRecord.load(path.with_name("record.json"))
        for record in split_records([whole], spec.record_columns)[spec.main]:
            if created.get(record.identity) == record.created:
                runs.setdefault(record.variant, {})[record.seed] = ScoredPhotographs.read(path, record)
    base = runs.get(spec.baseline, {})
    shared = {variant: mine & seeds.get(spec.baseline, set()) for variant, mine in seeds.items()}
    whole_pairs = {
        variant: mine
        for variant, mine in runs.items()
        if shared[variant] and shared[variant] <= mine.keys() & base.keys()
    }
    return paired_differences(spec, whole_pairs | {spec.baseline: base}) if whole_pairs else []


def paired_differences(spec: TableSpec, runs: Runs) -> list[PairedDifference]:
    """The differences of these runs, by variant and seed, to those of the baseline.

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
                        variant, f"test/{name}", seeds, photographs, float(points.mean()), error, error_of_one
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
