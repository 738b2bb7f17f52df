"""One experiment's records in columns: groups that share override tokens, such as a size of the training set."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TypeVar

from awcu.failed_runs import FailedRun
from awcu.results import RunRecord
from awcu.table_spec import TableError

Run = TypeVar("Run", RunRecord, FailedRun)


def split_records(records: Iterable[Run], columns: Collection[str]) -> dict[str, list[Run]]:
    """Sort records into columns by the tokens of their variant.

    A record belongs to the column whose tokens are all among its own; of several such columns to the one with
    most tokens, so that "" is for the records that carry none of the others' tokens.

    Args:
        records: Of one experiment, finished or failed.
        columns: Override tokens, space-joined if several.

    Returns:
        Column → its records, the tokens removed from their variants; a column may be empty.

    Raises:
        TableError: A record fits no column, or two equally well.
    """
    found: dict[str, list[Run]] = {column: [] for column in columns}
    for record in records:
        column = _column(record.variant, columns)
        # A record is checked again when it is replaced, which takes long for thousands.
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
    # At single spaces only: a token's own text may hold several.
    rest = [token for token in record.variant.split(" ") if token not in tokens]
    return replace(record, variant=" ".join(rest))
