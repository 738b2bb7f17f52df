"""The W&B report that compares the runs of one experiment: by weighting, along the ladder, seed by seed."""

from typing import Any

from pydantic import TypeAdapter

from awcu.errors import DashboardError
from awcu.reports.wandb_media import PICTURES
from awcu.tables.spec import TableSpec

try:
    from wandb_workspaces import expr
    from wandb_workspaces.reports.v2 import interface as wr
except ImportError as error:
    raise DashboardError('W&B reports need an extra package; pip install "awcu[dashboard]"') from error

ROW = wr.Config("variant")
"""The setting that identifies a row of the table; the weighting, if an experiment varies nothing else."""
WIDTH = 24  # a report's width in W&B's units


def comparison(spec: TableSpec, name: str, table: str, project: str, entity: str) -> wr.Report:
    """The report, not yet saved.

    Args:
        spec: The table's specification; gives the metrics, and the ladder if there is one.
        name: The experiment's name, which is the W&B group of its runs.
        table: The table as Markdown.
        project: W&B project.
        entity: W&B entity; "" if nobody is logged in.
    """
    ladder = [] if spec.ladder is None else [_ladder(spec, spec.ladder.metrics, spec.ladder.x_label)]
    blocks: list[Any] = [
        wr.MarkdownBlock(text=table),
        wr.H2(text="By weighting"),
        wr.PanelGrid(runsets=[_runs(spec, name, grouped=True)], panels=_placed(_bars(spec) + _curves(spec))),
        wr.H2(text="Seed by seed"),
        wr.PanelGrid(
            runsets=[_runs(spec, name)], panels=_placed([one for row in [*ladder, _seeds(spec)] for one in row])
        ),
        wr.H2(text="Photographs"),
        wr.P(text="Half are evenly spaced in rating, the same in every run of a split; half are its worst mistakes."),
        wr.PanelGrid(runsets=[_runs(spec, name)], panels=_placed([_photographs()], columns=1)),
        wr.H2(text="Plots of the table"),
        wr.PanelGrid(runsets=[_table_run(name)], panels=_placed([_plots()], columns=1)),
    ]
    title = f"{name}: {spec.title}"[:128]
    return wr.Report(project=project, entity=entity, title=title, blocks=blocks, width="fluid")


def specification(report: wr.Report) -> str:
    """The report as JSON in wandb-workspaces' own format, not in the one that W&B receives."""
    return f"{TypeAdapter(wr.Report).dump_json(report, indent=2, exclude_none=True).decode()}\n"


def _runs(spec: TableSpec, name: str, grouped: bool = False) -> wr.Runset:
    return wr.Runset(
        name="grouped by weighting" if grouped else "each run",
        filters=expr.And(expr.Metric("Group") == name, expr.Metric("JobType") != "table"),
        groupby=[f"config.{ROW.name}"] if grouped else [],
        pinned_columns=["config:variant.value", "config:seed.value", *(f"summary:{key}" for key in spec.columns)],
    )


def _table_run(name: str) -> wr.Runset:
    filters = expr.And(expr.Metric("Group") == name, expr.Metric("JobType") == "table")
    return wr.Runset(name="table", filters=filters)


def _bars(spec: TableSpec) -> list[Any]:
    return [
        wr.BarPlot(
            title=f"{label}: mean and standard deviation over seeds",
            metrics=[metric],
            groupby=ROW,
            groupby_aggfunc="mean",
            groupby_rangefunc="stddev",
            max_bars_to_show=100,
        )
        for metric, label in spec.columns.items()
    ]


def _curves(spec: TableSpec) -> list[Any]:
    measured = [metric.replace("test/", "val/", 1) for metric in spec.columns if metric.startswith("test/")]
    return [
        wr.LinePlot(
            title=f"{metric} by epoch",
            x="epoch",
            y=[metric],
            groupby=ROW,
            groupby_aggfunc="mean",
            groupby_rangefunc="stddev",
            max_runs_to_show=100,
        )
        for metric in ("train/loss", *measured[:1])
    ]


def _ladder(spec: TableSpec, metrics: tuple[str, ...], x_label: str) -> list[Any]:
    """Each metric against the step weightings' ratio, 1 for uniform; other weightings have none and are not shown."""
    return [
        wr.ScatterPlot(
            title=f"Ladder: {spec.columns[metric]} against {x_label}",
            x=wr.Config("ratio"),
            y=wr.SummaryMetric(metric),
            log_x=True,
        )
        for metric in metrics
    ]


def _seeds(spec: TableSpec) -> list[Any]:
    return [
        wr.ScatterPlot(title=f"Seeds: {label}", x=wr.Config("seed"), y=wr.SummaryMetric(metric))
        for metric, label in spec.columns.items()
    ]


def _photographs() -> Any:
    return wr.MediaBrowser(title="One run per line", media_keys=list(PICTURES), grid_x_axis="index", grid_y_axis="run")


def _plots() -> Any:
    return wr.MediaBrowser(media_keys=["plots/ladder", "plots/forest", "plots/heat_map"], num_columns=2)


def _placed(panels: list[Any], columns: int = 3) -> list[Any]:
    """Lay out the panels, `columns` to a line."""
    width, height = WIDTH // columns, 10 if columns == 1 else 8
    for place, panel in enumerate(panels):
        panel.layout = wr.Layout(x=place % columns * width, y=place // columns * height, w=width, h=height)
    return panels
