"""`awcu dashboard`: upload an experiment's table as a W&B artifact, and compare its runs in a W&B report."""

import argparse
import csv
from pathlib import Path
from typing import Any

from awcu.errors import DashboardError

FILES = ("table.md", "table.csv", "results.csv", "table.yaml")
PLOTS = ("ladder.png", "forest.png", "heat_map.png")


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser("dashboard", help="compare an experiment's runs in a W&B report")
    parser.add_argument(
        "experiment", type=_experiment, metavar="experiment=NAME", help="the experiment's name, as in its runs"
    )
    parser.add_argument("--table", type=Path, help="folder that awcu table wrote (default: experiments/NAME)")
    parser.add_argument("--project", default="awcu", help="W&B project (default: awcu)")
    parser.add_argument("--entity", help="W&B entity (default: your own)")
    parser.add_argument("--spec", type=Path, help="write the report's specification as JSON and send nothing to W&B")
    parser.set_defaults(command=_dashboard)


def _experiment(word: str) -> str:
    return word.removeprefix("experiment=")


def _dashboard(arguments: argparse.Namespace) -> None:
    name, folder = arguments.experiment, arguments.table or Path("experiments") / arguments.experiment
    if arguments.table is None and not folder.is_dir():
        from awcu.config.hydra import check_experiment

        check_experiment([f"experiment={name}"])
    check_table(folder)
    from awcu.files import write_atomically
    from awcu.reports.dashboard import comparison, specification
    from awcu.tables.spec import TableSpec

    spec, markdown = TableSpec.load(folder / "table.yaml"), (folder / "table.md").read_text(encoding="utf-8")
    if arguments.spec:
        report = comparison(spec, name, markdown, arguments.project, arguments.entity or "")
        write_atomically(arguments.spec, specification(report))
        print(arguments.spec)
        return
    from awcu.training.wandb_run import has_key

    runs, key = Path("runs") / name, has_key()
    log_table(folder, name, arguments.project, arguments.entity, "online" if key else "offline", runs)
    if not key:
        raise DashboardError(
            f"the report is stored at W&B, and there is no W&B API key; run wandb login, then wandb sync "
            f"{runs}/wandb/offline-run-* {runs}/*/wandb/offline-run-*, then this command again (until then the "
            f"table is in {runs}/wandb; --spec FILE writes the report's specification without a login)"
        )
    from wandb import Api

    entity = arguments.entity or Api().default_entity or ""
    print(comparison(spec, name, markdown, arguments.project, entity).save().url)


def check_table(folder: Path) -> None:
    """Refuse a folder without a finished table.

    Raises:
        DashboardError: One of the table's files is missing.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise DashboardError(
            f"{folder} has no {', '.join(missing)}; make the table first: awcu table {folder} --runs …"
        )


def log_table(folder: Path, name: str, project: str, entity: str | None, mode: str, runs: Path) -> None:
    """Log an experiment's table as an artifact of a separate W&B run with job type "table".

    Args:
        folder: Folder that `awcu table` wrote.
        name: The experiment's name, which is the W&B group of its runs.
        project: W&B project.
        entity: W&B entity; None for the user's own.
        mode: "online" or "offline".
        runs: Folder of the experiment's runs, where W&B's files go.
    """
    import wandb

    from awcu.training.wandb_run import opened_run

    runs.mkdir(parents=True, exist_ok=True)
    settings = {"project": project, "entity": entity, "group": name, "name": f"{name} table", "job_type": "table"}
    with opened_run(mode, runs, "table", **settings) as run:
        artifact = wandb.Artifact(f"table-{name.replace('/', '_')}", type="table")
        plots = [folder / file for file in PLOTS if (folder / file).is_file()]
        for path in [*(folder / file for file in FILES), *plots]:
            artifact.add_file(str(path))
        run.log_artifact(artifact)
        run.log({"table": _rows(folder / "table.csv"), **{f"plots/{p.stem}": wandb.Image(str(p)) for p in plots}})


def _rows(path: Path) -> Any:
    """The table.csv as a W&B table."""
    import wandb

    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return wandb.Table(columns=list[str | int](header), data=[[_value(text) for text in row] for row in rows])


def _value(text: str) -> str | float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return text
