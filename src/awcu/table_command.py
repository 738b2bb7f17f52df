"""The command `awcu table`: runs to CSVs, CSVs to a table and its plots; imports no more than the table asks for."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from awcu import differences, failed_runs, published
from awcu.atomic_files import write_atomically
from awcu.picture_stamp import digest, is_from, stamp_picture
from awcu.readme import refresh_block
from awcu.results import RunRecord, find_records, read_results_csv, write_results_csv
from awcu.table_spec import TableSpec
from awcu.tables import Table

SPEC, RESULTS = "table.yaml", "results.csv"
# What decides how a picture of given data looks.
_CODE = [
    Path(__file__).with_name(f"{module}.py")
    for module in (
        *("plots", "forest", "heat_map", "agreement", "agreement_plot"),
        *("tables", "table_rows", "comparable", "record_columns", "significance", "student"),
    )
]


def make_table(experiment: Path, runs: Path | None, out: Path, readmes: Sequence[Path]) -> None:
    """Write table.md, table.csv and the plots, print the table, refresh its block in READMEs.

    Args:
        experiment: Folder with table.yaml, and without `runs` with what `collect` writes.
        runs: Folder of finished runs, to collect from into `out` first.
        out: Folder to write into.
        readmes: Files with a block of the experiment that the records name.
    """
    if (experiment / published.FILE).is_file():
        _make_published(experiment, runs, out, readmes)
        return
    spec = TableSpec.load(experiment / SPEC)
    kept = experiment if runs is None else out
    if runs is not None:
        collect(spec, runs, out)
    records = read_results_csv(kept / RESULTS)
    by_photograph = differences.read_differences(kept / differences.FILE)
    table = Table.from_records(spec, records, by_photograph, failed_runs.read_failures(kept / failed_runs.FILE))
    table.to_csv(out / "table.csv")
    below = _pictures(
        spec, table, records, by_photograph, out, f"data {data_digest(experiment, kept)} code {digest(_CODE)}"
    )
    markdown = table.to_markdown() + below
    write_atomically(out / "table.md", markdown)
    for readme in readmes:
        refresh_block(readme, table.experiment, markdown)
    console = _console()
    console.print(table.to_terminal())
    console.print(below, markup=False, highlight=False, end="")


def _make_published(experiment: Path, runs: Path | None, out: Path, readmes: Sequence[Path]) -> None:
    if runs is not None:
        write_results_csv(find_records(runs), out / RESULTS)
    own = (experiment if runs is None else out) / RESULTS
    table = published.PublishedTable.load(experiment, read_results_csv(own) if own.is_file() else ())
    write_atomically(out / "table.md", table.to_markdown())
    for readme in readmes:
        refresh_block(readme, table.spec.name, table.to_markdown())
    _console().print(table.to_terminal())


def _console() -> Console:
    # A pipe or a log file has no width to fit into.
    return Console(width=None if sys.stdout.isatty() else 120)


def data_digest(experiment: Path, kept: Path) -> str:
    """Of all that decides a table's pictures but the code.

    Args:
        experiment: Folder with table.yaml.
        kept: Folder with results.csv and, where there are some, differences.csv and failures.csv.
    """
    return digest([experiment / SPEC, *(kept / name for name in (RESULTS, differences.FILE, failed_runs.FILE))])


def collect(spec: TableSpec, runs: Path, out: Path) -> None:
    """Gather the runs below a folder: results.csv, failures.csv, and differences.csv where they left predictions."""
    from awcu.paired_bootstrap import find_differences

    records = find_records(runs)
    write_results_csv(records, out / RESULTS)
    failed_runs.write_failures(failed_runs.find_failures(runs, records), out / failed_runs.FILE)
    differences.write_differences(find_differences(spec, records, runs), out / differences.FILE)


def _pictures(
    spec: TableSpec,
    table: Table,
    records: list[RunRecord],
    by_photograph: list[differences.PairedDifference],
    out: Path,
    stamp: str,
) -> str:
    """Draw what the spec asks for and what is not drawn yet; what is to be said below the table, as Markdown."""
    # Each plot only where it has changed, since matplotlib takes longer to import than a table to make.
    if spec.ladder and not is_from(out / "ladder.png", stamp):
        from awcu.plots import ladder

        ladder(table, out / "ladder.png")
        stamp_picture(out / "ladder.png", stamp)
    if spec.forest and not is_from(out / "forest.png", stamp):
        from awcu.forest import forest

        forest(table, out / "forest.png")
        stamp_picture(out / "forest.png", stamp)
    if spec.heat_map and not is_from(out / "heat_map.png", stamp):
        from awcu.heat_map import heat_map

        heat_map(spec, records, out / "heat_map.png", by_photograph)
        stamp_picture(out / "heat_map.png", stamp)
    if spec.agreement is None:
        return ""
    from awcu.agreement import rank_agreements, sentence

    found = rank_agreements(spec, records)
    if not is_from(out / "agreement.png", stamp):
        from awcu.agreement_plot import agreement_plot

        agreement_plot(spec, found, out / "agreement.png")
        stamp_picture(out / "agreement.png", stamp)
    return f"\n{sentence(spec, found)}\n"
