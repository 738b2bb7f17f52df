"""Differences to the baseline paired by seed and test photograph: the committed differences.csv."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from awcu.atomic_files import write_csv
from awcu.results import RecordError
from awcu.significance import Sampling
from awcu.table_spec import TableError

FILE = "differences.csv"
TOLERANCE = 2e-5
"""Between a difference of records, which have passed through single precision, and the same from predictions."""


@dataclass(frozen=True)
class PairedDifference:
    """One variant's difference to the baseline under one metric, and how far other photographs would move it.

    Attributes:
        column: Of records, as its tokens; "" where all records belong together.
        variant: Without the tokens of its column of records.
        metric: Key "test/<metric>".
        seeds: That both have.
        photographs: How many different ones they were tested on.
        difference: Mean over the seeds.
        error: Of that mean, as in `Sampling`.
        error_of_one: As in `Sampling`.
    """

    column: str
    variant: str
    metric: str
    seeds: tuple[int, ...]
    photographs: int
    difference: float
    error: float
    error_of_one: float

    def sampling(self, seeds: Sequence[int], difference: float) -> Sampling:
        """What the photographs say of a difference over these seeds.

        Raises:
            TableError: It is another difference.
        """
        if tuple(seeds) != self.seeds or abs(difference - self.difference) > TOLERANCE:
            raise TableError(
                f"{FILE} gives {self.metric} of {self.variant!r} as {self.difference:+.6f} over seeds {self.seeds}, "
                f"results.csv as {difference:+.6f} over {tuple(seeds)}; collect both again with --runs"
            )
        return Sampling(self.error, self.error_of_one, self.photographs)


def write_differences(found: Sequence[PairedDifference], path: Path) -> None:
    """One line a column of records, variant and metric, full precision; without any, no file."""
    if not found:
        path.unlink(missing_ok=True)
        return
    rows = (asdict(one) | {"seeds": " ".join(map(str, one.seeds))} for one in found)
    write_csv(path, [one.name for one in fields(PairedDifference)], rows)


def read_differences(path: Path) -> list[PairedDifference]:
    """Read what `write_differences` wrote; none where there is no file.

    Raises:
        RecordError: A missing or foreign column, a cell that is no number, a column, variant and metric that are there
            twice.
    """
    if not path.is_file():
        return []
    found: dict[tuple[str, str, str], PairedDifference] = {}
    names = [one.name for one in fields(PairedDifference)]
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != names:
            raise RecordError(f"{path} has the columns {reader.fieldnames}, not {names}; collect it again with --runs")
        for row in reader:
            one = _parsed(row, f"{path}, line {reader.line_num}")
            if found.setdefault((one.column, one.variant, one.metric), one) is not one:
                whole = " ".join(filter(None, (one.column, one.variant)))
                raise RecordError(f"{path} has {one.metric} of {whole!r} twice; collect it again with --runs")
    return list(found.values())


def _parsed(row: Mapping[str, str], where: str) -> PairedDifference:
    try:
        return PairedDifference(
            row["column"],
            row["variant"],
            row["metric"],
            tuple(map(int, row["seeds"].split())),
            int(row["photographs"]),
            *(float(row[name]) for name in ("difference", "error", "error_of_one")),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise RecordError(f"{where} is no difference ({error}); collect it again with --runs") from error
