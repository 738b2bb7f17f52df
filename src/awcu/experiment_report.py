"""`awcu report`: all that an experiment's runs left, as one page for who has neither W&B nor a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from awcu.atomic_files import write_atomically
from awcu.configuration import check_experiment, conf_folder
from awcu.failed_runs import FailedRun, find_failures
from awcu.history import FILE, Epoch, read_history
from awcu.paired_bootstrap import find_differences
from awcu.record_columns import split_records
from awcu.report_choices import ReportError, chosen_rows, command, usual_spec
from awcu.results import NoRecordError, RunRecord, find_records
from awcu.table_command import SPEC
from awcu.table_spec import TableSpec
from awcu.tables import Table

if TYPE_CHECKING:
    from awcu.experiment_pictures import Shown

Run = tuple[str, int]  # variant and seed
_OF_PROBES = ("probe", "features", "simulate")  # settings that only `awcu probe` has


@dataclass(frozen=True)
class Experiment:
    """What is asked for by `experiment=<name>`.

    Attributes:
        asked: As typed.
        name: Of the folder under runs/, which several may share.
        page: "train" or "probe": the command that runs it.
        sweeps: Whether it names its runs itself.
    """

    asked: str
    name: str
    page: str
    sweeps: bool

    @classmethod
    def find(cls, word: str) -> "Experiment":
        """Of a word as it is typed behind `awcu train`.

        Raises:
            ReportError: It is another word.
            ConfigurationError: There is no such experiment.
        """
        key, _, asked = word.rpartition("=")
        if key not in ("", "experiment") or not asked:
            raise ReportError(f"{word!r} names no experiment; write experiment=<name>, as for awcu train")
        check_experiment([f"experiment={asked}"])
        document = OmegaConf.load(Path(conf_folder()) / "experiment" / f"{asked}.yaml")
        assert isinstance(document, DictConfig)
        page = "probe" if any(key in document for key in _OF_PROBES) else "train"
        sweeps = OmegaConf.select(document, "hydra.sweeper.params") is not None
        return cls(asked, str(document.get("name", asked)), page, sweeps)


@dataclass(frozen=True)
class ExperimentReport:
    """What a page is made of.

    Attributes:
        name: Of the experiment.
        table: Over its runs.
        records: Of the table's rows, by variant and seed.
        failures: Runs without record.
        histories: Of those runs that left one.
        shown: Photographs, for each row whose models judged them.
        command: That runs it all again.
    """

    name: str
    table: Table
    records: Mapping[Run, RunRecord]
    failures: Sequence[FailedRun]
    histories: Mapping[Run, Sequence[Epoch]]
    shown: Sequence["Shown"]
    command: str


def make_report(
    word: str, runs: Path | None, table: Path | None, out: Path | None, rows: Sequence[str], photographs: int
) -> None:
    """Write the page of an experiment, and say where it is.

    Args:
        word: `experiment=<name>`.
        runs: Folder of its runs; None for that of its name under runs/.
        table: Folder with a table.yaml; None for that of its name under experiments/, which need not be there.
        out: HTML file; None for report.html among the runs.
        rows: Variants or labels whose photographs are shown; none for the baseline and the best.
        photographs: Shown of each row at either end, ≥ 0.

    Raises:
        ReportError: No experiment, no run, no such row or number, or a file that cannot be written.
        ConfigurationError: There is no such experiment.
        TableError: Runs that do not belong in one table, as of two data sets; or a table.yaml at fault.
        RecordError: A damaged file of a run.
    """
    if photographs < 0:
        raise ReportError(f"--n {photographs} is no number of photographs; give one from 0")
    experiment = Experiment.find(word)
    runs = runs or Path("runs") / experiment.name
    report = gather(experiment, runs, table, rows, photographs)
    # Here, since what cannot be gathered needs no matplotlib.
    from awcu.experiment_page import report_html

    out = out or runs / "report.html"
    try:
        write_atomically(out, report_html(report))
    except OSError as error:
        raise ReportError(f"{out} cannot be written ({error.strerror}); give another file by --out") from error
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")


def gather(
    experiment: Experiment, runs: Path, table: Path | None, rows: Sequence[str], photographs: int
) -> ExperimentReport:
    """Read all that the runs left; arguments and errors as in `make_report`."""
    records = _records(experiment, runs)
    failed = find_failures(runs, records)
    folder = Path("experiments") / experiment.name if table is None else table
    if table is None and not (folder / SPEC).is_file():
        spec = usual_spec(experiment.name, records, failed)
    else:
        spec = TableSpec.load(folder / SPEC)
    failures = split_records(failed, spec.record_columns)[spec.main]
    mine = split_records(records, spec.record_columns)[spec.main]
    compared = Table.from_records(spec, records, find_differences(spec, records, runs), failed)
    folders = _folders(spec, mine, runs)
    histories = {run: read_history(place / FILE) for run, (place, _) in folders.items()}
    rows_shown = chosen_rows(compared, rows)
    # Here, since torch takes longer to import than it takes to find that there is nothing to report.
    from awcu.experiment_pictures import show

    shown = [show(spec.label(row.variant), _of_variant(row.variant, folders), photographs) for row in rows_shown]
    return ExperimentReport(
        experiment.name,
        compared,
        {(record.variant, record.seed): record for record in mine},
        failures,
        {run: history for run, history in histories.items() if history},
        shown,
        command(experiment.asked, experiment.page, experiment.sweeps, mine),
    )


def _records(experiment: Experiment, runs: Path) -> list[RunRecord]:
    try:
        return find_records(runs)
    except NoRecordError as error:
        failures = find_failures(runs, [])
        failed = f" ({len(failures)} failed, first: {failures[0].error})" if failures else ""
        raise ReportError(
            f"{runs} holds no finished run{failed}; train some first: awcu {experiment.page} "
            f"experiment={experiment.asked}, or name their folder by --runs"
        ) from error


def _folders(spec: TableSpec, records: Sequence[RunRecord], runs: Path) -> dict[Run, tuple[Path, RunRecord]]:
    """Where each run is; of two records of one run, that which is in the table."""
    created = {record.identity: record.created for record in records}
    found = {}
    for path in sorted(runs.rglob("record.json")):
        whole = RunRecord.load(path)
        for record in split_records([whole], spec.record_columns)[spec.main]:
            if created.get(record.identity) == record.created:
                found[record.variant, record.seed] = path.parent, record
    return found


def _of_variant(variant: str, folders: Mapping[Run, tuple[Path, RunRecord]]) -> dict[int, tuple[Path, RunRecord]]:
    return {seed: found for (name, seed), found in sorted(folders.items()) if name == variant}
