"""`awcu table`: collect runs into CSVs, and turn CSVs into a table and its plots."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from awcu.files import write_atomically
from awcu.runs import failures as failed_runs
from awcu.runs.record import RESULTS, RunRecord, find_records, read_results_csv, write_results_csv
from awcu.tables import paired as differences
from awcu.tables.readme import refresh_block
from awcu.tables.spec import SPEC, TableSpec
from awcu.tables.table import Table


def make_table(experiment: Path, runs: Path | None, out: Path, readmes: Sequence[Path]) -> None:
    """Write table.md, table.csv and the plots, print the table, refresh its block in READMEs.

    Args:
        experiment: Folder with table.yaml; without `runs`, also with the files that `collect` writes.
        runs: Folder of finished runs, which are first collected into `out`.
        out: Folder to write into.
        readmes: Files with a block for the experiment that the records name.
    """
    spec = TableSpec.load(experiment / SPEC)
    kept = experiment if runs is None else out
    if runs is not None:
        collect(spec, runs, out)
    records = read_results_csv(kept / RESULTS)
    by_photograph = differences.read_differences(kept / differences.FILE)
    table = Table.from_records(spec, records, by_photograph, failed_runs.read_failures(kept / failed_runs.FILE))
    table.to_csv(out / "table.csv")
    _draw(spec, table, records, by_photograph, out)
    markdown = table.to_markdown()
    write_atomically(out / "table.md", markdown)
    for readme in readmes:
        refresh_block(readme, table.experiment, markdown)
    # A pipe or a log file has no width of its own.
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table.to_terminal())


def collect(spec: TableSpec, runs: Path, out: Path) -> None:
    """Collect the runs below a folder into results.csv, failures.csv and, if they left predictions, differences.csv."""
    from awcu.tables.paired import find_differences

    records = find_records(runs)
    write_results_csv(records, out / RESULTS)
    failed_runs.write_failures(failed_runs.find_failures(runs, records), out / failed_runs.FILE)
    differences.write_differences(find_differences(spec, records, runs), out / differences.FILE)


def _draw(
    spec: TableSpec,
    table: Table,
    records: list[RunRecord],
    by_photograph: list[differences.PairedDifference],
    out: Path,
) -> None:
    """Draw the spec's plots."""
    # Each plot is imported only where it is drawn: importing matplotlib takes longer than making a table.
    if spec.ladder:
        from awcu.plots.ladder import ladder

        ladder(table, out / "ladder.png")
    if spec.forest:
        from awcu.plots.forest import forest

        forest(table, out / "forest.png")
    if spec.heat_map:
        from awcu.plots.heat_map import heat_map

        heat_map(spec, records, out / "heat_map.png", by_photograph)
