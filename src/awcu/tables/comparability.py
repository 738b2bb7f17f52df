"""Split one experiment's records into columns, such as training-set sizes, and check that they can be compared."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from statistics import mean
from typing import TypeVar

from awcu.errors import TableError
from awcu.runs.failures import FailedRun
from awcu.runs.record import RunRecord

Run = TypeVar("Run", RunRecord, FailedRun)


def split_records(records: Iterable[Run], columns: Collection[str]) -> dict[str, list[Run]]:
    """Sort records into columns by the tokens of their variant.

    A record belongs to the column whose tokens it carries; if there are several, to the one with the most tokens.
    So "" holds the records that fit no other column.

    Args:
        records: Finished or failed runs of one experiment.
        columns: Each column's override tokens, separated by spaces.

    Returns:
        Column → its records, with the column's tokens removed from their variants; a column may be empty.

    Raises:
        TableError: A record fits no column, or two equally well.
    """
    found: dict[str, list[Run]] = {column: [] for column in columns}
    for record in records:
        column = _column(record.variant, columns)
        # Replacing a record validates it again, which is slow for thousands.
        found[column].append(_without(record, column) if column else record)
    return found


def _column(variant: str, columns: Collection[str]) -> str:
    own = set(variant.split())
    fitting = [column for column in columns if own.issuperset(column.split())]
    if not fitting:
        known = ", ".join(map(repr, columns))
        raise TableError(f"{variant!r} fits none of the columns {known}; add its tokens, or '' for all others")
    most = max(len(column.split()) for column in fitting)
    best = [column for column in fitting if len(column.split()) == most]
    if len(best) > 1:
        both = " and ".join(map(repr, best))
        raise TableError(f"{variant!r} fits the columns {both} equally; add one with the tokens of both")
    return best[0]


def _without(record: Run, column: str) -> Run:
    tokens = column.split()
    # Split at single spaces only: a token itself may contain several in a row.
    rest = [token for token in record.variant.split(" ") if token not in tokens]
    return replace(record, variant=" ".join(rest))


# What must be equal within each group of runs for their numbers to be comparable.
_RULES: tuple[tuple[Callable[[RunRecord], str], str, str], ...] = (
    (lambda run: "one table", "experiment", "a variant is a change to one experiment: make a table for each"),
    (lambda run: "one table", "data_fingerprint", "rows are comparable on one data set only: remove the other runs"),
    (lambda run: f"seed {run.seed}", "split_fingerprint", "pairing needs one split per seed: run one of them again"),
    (lambda run: f"{run.variant!r}", "weighting", "a row averages one setting over seeds: run one of them again"),
)


def check_comparable(records: Sequence[RunRecord]) -> None:
    """Refuse records whose numbers cannot be compared.

    Raises:
        TableError: No records, a variant and seed that were run twice, two experiments or data sets, two splits
            under one seed, or two weightings under one variant.
    """
    if not records:
        raise TableError("no runs; a table needs at least the baseline's: train them first")
    for group, name, rule in _RULES:
        firsts: dict[str, RunRecord] = {}
        for record in records:
            first = firsts.setdefault(group(record), record)
            one, other = getattr(first, name), getattr(record, name)
            if one != other:
                raise TableError(
                    f"{group(record)} has different {name}: {one} ({first.data}, {first.variant!r}, seed "
                    f"{first.seed}) and {other} ({record.data}, {record.variant!r}, seed {record.seed}); {rule}"
                )
    (run, times), *_ = Counter((record.variant, record.seed) for record in records).most_common(1)
    if times > 1:
        raise TableError(f"{run[0]!r} with seed {run[1]} was run {times} times; keep one of them")


def overlap(records: Sequence[RunRecord]) -> float:
    """How much the seeds' test splits overlap, for `Estimate.of`.

    Returns:
        ρ/(1 − ρ) > 0, averaged over the records, where ρ is the share of all photographs, used or not, that a
        split tests on; 0 if all records share one split.

    Raises:
        TableError: The splits differ, and one of them tests on no photograph or on all.
    """
    if len({record.split_fingerprint for record in records}) == 1:
        return 0.0
    ratios = []
    for record in records:
        test = record.n.get("test", 0)
        rest = sum(record.n.get(split, 0) for split in ("train", "val", "unused"))
        if not (test > 0 and rest > 0):
            raise TableError(
                f"{record.variant!r} with seed {record.seed} has {test} test and {rest} other photographs; intervals "
                f"over different splits need both counts: record them in n"
            )
        ratios.append(test / rest)
    return mean(ratios)


def provenance(records: Sequence[RunRecord]) -> str:
    """The source of these records' numbers, in one line: data, photographs, split, seeds, commits."""
    sets: dict[str, list[RunRecord]] = {}
    for record in records:
        sets.setdefault(record.data, []).append(record)
    data = "; ".join(
        f"{name} ({', '.join(sorted({record.data_fingerprint for record in mine}))}), photographs: {_counts(mine)}, "
        f"{_split(mine)}"
        for name, mine in sorted(sets.items())
    )
    seeds = sorted({record.seed for record in records})
    dirty = any(record.git_dirty for record in records)
    commits = sorted({record.git_commit[:7] + "+" * record.git_dirty for record in records})
    return (
        f"{data}; {len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'} ({', '.join(map(str, seeds))}); "
        f"commit {', '.join(commits)}{' (+: with uncommitted changes)' if dirty else ''}"
    )


def _counts(records: Sequence[RunRecord]) -> str:
    counts = []
    for split in ("train", "val", "test", "unused", "excluded", "leaked"):
        found = [record.n[split] for record in records if split in record.n]
        if found and max(found) > 0:
            low, high = min(found), max(found)
            counts.append(f"{low}–{high} {split}" if low < high else f"{low} {split}")
    return ", ".join(counts)


def _split(records: Sequence[RunRecord]) -> str:
    """The split's name, if it was chosen by name, and its fingerprint; if there are several splits, their number."""
    fingerprints = {record.split_fingerprint for record in records}
    key = "data.ratings.split="
    asked = {word.removeprefix(key) for record in records for word in record.overrides if word.startswith(key)}
    name = f" {', '.join(sorted(asked))}" if asked else ""
    return f"split{name} ({fingerprints.pop()})" if len(fingerprints) == 1 else f"{len(fingerprints)} splits{name}"
