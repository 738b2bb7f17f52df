"""The record that each run leaves, and the results.csv that collects the records."""

import csv
import json
import math
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from pathlib import Path
from typing import Any, get_args, get_origin

from awcu.errors import NoRecordError, RecordError
from awcu.files import write_atomically, write_csv

RESULTS = "results.csv"  # one row a run, in an experiment's folder

_LATER = ("train_fingerprint", "split")  # fields that older records lack
_NEEDED = {str: "text", int: "a whole number", float: "a number", bool: "true or false", tuple: "a list"}
# "n" is no split: in results.csv "n/test" is the number of photographs.
_METRIC_KEY = re.compile(r"(?!n/)[^/\s]+/\S+")


@dataclass(frozen=True)
class RunRecord:
    """The outcome of one run and all that is needed to repeat it; it checks itself when built.

    Attributes:
        experiment: Name of the experiment whose table the run belongs to.
        variant: The overrides that make the table row: sorted, space-joined, without seed and machine keys.
        weighting: Printed form, e.g. "Step(delta=1.0, ratio=4.0)".
        seed: Seeds the split, the initial head and the order of the photographs.
        overrides: All overrides as given.
        data: Data set name.
        data_fingerprint: Of ids, scores and midpoint.
        split_fingerprint: Fingerprint of which id is in which split.
        n: Photographs per split; "excluded" are unreadable, "unused" left out of training on purpose, "leaked" those
            of the test split that the model had learned from.
        metrics: Key "<split>/<metric>"; nan where the metric is undefined. The trivial predictor's are under
            "<split>/trivial/<metric>".
        git_commit: Full hash, or "unknown".
        git_dirty: Whether the code differed from that commit.
        versions: Package name → version.
        wall_time_s: Seconds, finite.
        checkpoint: Where the model is, on the machine that trained it.
        created: ISO 8601, UTC.
        train_fingerprint: Fingerprint of the training photographs, as their `Ratings.split_fingerprint`; ""
            in records from before it was kept.
        split: Which of the data set's splits, as `data.ratings.split` names it; "" where there is no choice, and in
            records from before it was kept.

    Raises:
        RecordError: A value of the wrong kind, a wall time that is not finite, a metric key without split.
    """

    experiment: str
    variant: str
    weighting: str
    seed: int
    overrides: tuple[str, ...]
    data: str
    data_fingerprint: str
    split_fingerprint: str
    n: dict[str, int]
    metrics: dict[str, float]
    git_commit: str
    git_dirty: bool
    versions: dict[str, str]
    wall_time_s: float
    checkpoint: str
    created: str
    train_fingerprint: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, checked(field.type, getattr(self, field.name), field.name))
        if not math.isfinite(self.wall_time_s):
            raise RecordError(f"wall_time_s is {self.wall_time_s}; it must be finite: give seconds")
        for key in self.metrics:
            if not _METRIC_KEY.fullmatch(key):
                raise RecordError(f"metrics: {key!r} is no metric key; write it as <split>/<metric>")

    @property
    def identity(self) -> tuple[str, str, int]:
        """Experiment, variant and seed: no two runs of one results.csv share it."""
        return self.experiment, self.variant, self.seed

    def save(self, path: Path) -> None:
        """Write as JSON, floats to the last bit and nan as null."""
        metrics = {key: None if math.isnan(value) else value for key, value in self.metrics.items()}
        document = asdict(self) | {"metrics": metrics}
        write_atomically(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> "RunRecord":
        """Read what `save` wrote.

        Raises:
            RecordError: Not JSON, a missing or unknown key, a value of the wrong kind.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise RecordError(f"{path} is not JSON ({error}); restore it or run that seed again") from error
        if not isinstance(document, dict):
            raise RecordError(f"{path} holds a {type(document).__name__}, not an object; run that seed again")
        _check_names(document | dict.fromkeys(_LATER, ""), [field.name for field in fields(cls)], f"{path}: key")
        if isinstance(document["metrics"], dict):
            metrics = document["metrics"].items()
            document["metrics"] = {key: math.nan if value is None else value for key, value in metrics}
        try:
            return cls(**document)
        except RecordError as error:
            raise RecordError(f"{path}: {error}") from error


def checked(kind: Any, value: Any, key: str) -> Any:
    """Give the value as the annotated kind: numpy numbers become Python's, every nan the same nan.

    One and the same nan, since only then are two records with equal metrics equal.

    Args:
        kind: `str`, `int`, `float`, `bool`, `tuple[str, ...]` or `dict[str, …]` of these.
        value: What was given.
        key: Where it was given, for the error.

    Raises:
        RecordError: The value is of another kind.
    """
    if type(value) is kind:  # first, since a results.csv has tens of thousands of numbers
        return value if value == value else math.nan
    outer, inner = get_origin(kind) or kind, get_args(kind)
    if outer is dict and isinstance(value, dict):
        names = {name: checked(str, name, f"a name in {key}") for name in value}
        return {names[name]: checked(inner[1], item, f"{key}: {name}") for name, item in value.items()}
    if outer is tuple and isinstance(value, list | tuple):
        return tuple(checked(inner[0], item, f"{key}[{place}]") for place, item in enumerate(value))
    if kind is bool or isinstance(value, bool):
        if kind is bool and isinstance(value, bool):
            return value
    elif kind is str and isinstance(value, str):
        return str(value)
    elif kind is int and isinstance(value, Integral):
        return int(value)
    elif kind is float and isinstance(value, Real):
        return math.nan if math.isnan(value) else float(value)
    needed = _NEEDED.get(outer, "a mapping")
    raise RecordError(f"{key} is {value!r}; {needed} is needed: correct it where it was written")


def find_records(folder: Path) -> list[RunRecord]:
    """Every run below a folder, from each record.json and each results.csv, by experiment, variant and seed.

    A run found twice, with the same identity and `created`, counts once. A row of a results.csv does not count
    either where a record.json holds a later run of the same identity: the file was gathered before that run.

    Raises:
        NoRecordError: There is none.
        RecordError: One of the files is damaged.
    """
    saved = [RunRecord.load(path) for path in folder.rglob("record.json")]
    latest: dict[tuple[str, str, int], str] = {}
    for record in saved:
        latest[record.identity] = max(record.created, latest.get(record.identity, ""))
    rows = [record for path in sorted(folder.rglob("results.csv")) for record in read_results_csv(path)]
    fresh = {
        (record.identity, record.created): record
        for record in rows
        if record.identity not in latest or record.created > latest[record.identity]
    }
    records = saved + list(fresh.values())
    if not records:
        raise NoRecordError(
            f"{folder} holds neither record.json nor results.csv; results need at least one run: train one into it"
        )
    return sorted(records, key=lambda record: (record.identity, record.created))


# Without versions and checkpoint: the former are too many for one row a run, the latter is a place on the
# machine that trained. Both stay in record.json.
_CSV_FIELDS = (
    *("experiment", "variant", "seed", "weighting"),
    *("data", "data_fingerprint", "split", "split_fingerprint", "train_fingerprint"),
    *("git_commit", "git_dirty", "created", "wall_time_s", "overrides"),
)
_KINDS = {field.name: field.type for field in fields(RunRecord)}
_COUNTS = ("n/train", "n/val", "n/test", "n/excluded")


def write_results_csv(records: Iterable[RunRecord], path: Path) -> None:
    """Write one row a run, floats to the last bit, in an order that does not depend on how they were found.

    Without the fields `versions` and `checkpoint`, which stay in record.json. A metric that a run lacks is an
    empty cell; one that is undefined is "nan".

    Raises:
        RecordError: No records, or two of the same experiment, variant and seed.
    """
    records = sorted(records, key=lambda record: record.identity)
    _check_runs(records, path)
    rows = [_to_row(record) for record in records]
    counts = {f"n/{split}" for record in records for split in record.n}
    header = [*_CSV_FIELDS, *(name for name in _COUNTS if name in counts), *sorted(counts - set(_COUNTS))]
    header += sorted({key for record in records for key in record.metrics})
    write_csv(path, header, rows)


def read_results_csv(path: Path) -> list[RunRecord]:
    """Read what `write_results_csv` wrote; `versions` is empty and `checkpoint` "" (see there).

    Raises:
        RecordError: A missing, unknown or repeated column, a row of another length, a cell that is not of its
            column's kind, no rows, or two of the same experiment, variant and seed.
    """
    # utf-8-sig: a spreadsheet that saved the file may have put a byte order mark in front.
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        repeated = [name for name in header if header.count(name) > 1]
        if repeated:
            raise RecordError(f"{path}: column {repeated[0]} appears more than once; keep one of them")
        found = {name for name in header if "/" not in name}
        _check_names([*found, *set(_LATER) - found], _CSV_FIELDS, f"{path}: column")
        records = [_from_row(header, row, f"{path}, line {reader.line_num}") for row in reader if row]
    _check_runs(records, path)
    return records


def _check_names(found: Iterable[str], expected: Sequence[str], what: str) -> None:
    found = list(found)
    for wrong, names in (
        ("is missing", [name for name in expected if name not in found]),
        ("is unknown", [name for name in found if name not in expected]),
    ):
        if names:
            raise RecordError(
                f"{what} {', '.join(map(repr, names))} {wrong}; expected are {', '.join(expected)}: "
                f"write the file again with this version"
            )


def _check_runs(records: list[RunRecord], path: Path) -> None:
    if not records:
        raise RecordError(f"{path}: no runs; results need at least one: train one first")
    seen: dict[tuple[str, str, int], RunRecord] = {}
    for record in records:
        other = seen.setdefault(record.identity, record)
        if other is not record:
            experiment, variant, seed = record.identity
            raise RecordError(
                f"{path}: experiment {experiment!r}, variant {variant!r}, seed {seed} was run twice "
                f"({other.created} and {record.created}); remove one of the two"
            )


def _to_row(record: RunRecord) -> dict[str, str]:
    row = {name: str(getattr(record, name)) for name in _CSV_FIELDS}
    row |= {"overrides": shlex.join(record.overrides), "git_dirty": str(record.git_dirty).lower()}
    row |= {f"n/{split}": str(count) for split, count in record.n.items()}
    return row | {key: repr(value) for key, value in record.metrics.items()}


def _from_row(header: list[str], row: list[str], where: str) -> RunRecord:
    if len(row) != len(header):
        raise RecordError(f"{where}: {len(row)} cells for {len(header)} columns; restore the row")
    values: dict[str, Any] = {"versions": {}, "checkpoint": "", "n": {}, "metrics": {}}
    for column, text in zip(header, row, strict=True):
        if column in _CSV_FIELDS:
            values[column] = _parse(_KINDS[column], text, f"{where}, column {column}")
        elif text and column.startswith("n/"):
            values["n"][column.removeprefix("n/")] = _parse(int, text, f"{where}, column {column}")
        elif text:
            values["metrics"][column] = _parse(float, text, f"{where}, column {column}")
    try:
        return RunRecord(**values)
    except RecordError as error:
        raise RecordError(f"{where}: {error}") from error


def _parse(kind: Any, text: str, where: str) -> Any:
    kind = get_origin(kind) or kind
    try:
        if kind is bool:
            return {"true": True, "false": False}[text]
        return shlex.split(text) if kind is tuple else kind(text)
    except (ValueError, KeyError) as error:
        raise RecordError(f"{where}: {text!r} is not {_NEEDED[kind]}; correct the cell") from error
