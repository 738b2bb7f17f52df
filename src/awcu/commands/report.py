"""`awcu report`: one HTML file of an experiment's runs."""

from collections.abc import Sequence
from pathlib import Path

from awcu.errors import ReportError
from awcu.files import write_atomically
from awcu.reports.experiment import Experiment, gather


def make_report(
    word: str, runs: Path | None, table: Path | None, out: Path | None, rows: Sequence[str], photographs: int
) -> None:
    """Write the page of an experiment, and say where it is.

    Args:
        word: `experiment=<name>`.
        runs: Folder of its runs; None for runs/<name>.
        table: Folder with a table.yaml; None for experiments/<name>, which need not exist.
        out: HTML file; None for report.html among the runs.
        rows: Variants or labels whose photographs are shown; empty for the baseline and the best row.
        photographs: Shown of each row at either end of the ranking, ≥ 0.

    Raises:
        ReportError: The word, runs, rows or number ask for what is not there, or the file cannot be written.
        ConfigurationError: There is no such experiment.
        TableError: Runs that do not belong in one table, as of two data sets; or a faulty table.yaml.
        RecordError: A damaged file of a run.
    """
    if photographs < 0:
        raise ReportError(f"--n {photographs} is no number of photographs; give one from 0")
    experiment = Experiment.find(word)
    runs = runs or Path("runs") / experiment.name
    report = gather(experiment, runs, table, rows, photographs)
    # Imported late: what cannot be gathered needs no matplotlib.
    from awcu.reports.experiment_page import report_html

    out = out or runs / "report.html"
    try:
        write_atomically(out, report_html(report))
    except OSError as error:
        raise ReportError(f"{out} cannot be written ({error.strerror}); give another file by --out") from error
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")
