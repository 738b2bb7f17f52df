"""`awcu report`: an experiment's runs as one HTML file."""

from collections.abc import Sequence
from pathlib import Path

from awcu.errors import ReportError
from awcu.files import write_atomically
from awcu.reports.experiment import Experiment, gather


def make_report(
    word: str, runs: Path | None, table: Path | None, out: Path | None, rows: Sequence[str], photographs: int
) -> None:
    """Write an experiment's report, and print where it is.

    Args:
        word: `experiment=<name>`.
        runs: Folder of its runs; None for runs/<name>.
        table: Folder with a table.yaml; None for experiments/<name>, which need not exist.
        out: HTML file; None for report.html in the folder of runs.
        rows: Variants or labels whose photographs are shown; empty for the baseline and the best row.
        photographs: Photographs to show at each end of a row's ranking, ≥ 0.

    Raises:
        ReportError: The word names no experiment, there are no runs or no such row, `photographs` is negative, or the
            file cannot be written.
        ConfigurationError: There is no such experiment.
        TableError: The runs cannot be compared, for example because of two data sets, or table.yaml is invalid.
        RecordError: A run's file is damaged.
    """
    if photographs < 0:
        raise ReportError(f"--n {photographs} is not a number of photographs; give 0 or more")
    experiment = Experiment.find(word)
    runs = runs or Path("runs") / experiment.name
    report = gather(experiment, runs, table, rows, photographs)
    # Imported late: if gathering fails, matplotlib is not needed.
    from awcu.reports.experiment_page import report_html

    out = out or runs / "report.html"
    try:
        write_atomically(out, report_html(report))
    except OSError as error:
        raise ReportError(f"{out} cannot be written ({error.strerror}); give another file with --out") from error
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")
