"""What an experiment's table and plots show, read from its `table.yaml`."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from pydantic import ConfigDict, StrictFloat, TypeAdapter, ValidationError

from awcu.errors import TableError
from awcu.text import faults

SPEC = "table.yaml"  # the file in an experiment's folder that holds its `TableSpec`
MOST_SERIES = 3  # most series in a ladder


@dataclass(frozen=True)
class Ladder:
    """The ladder plot: metrics against a position on a log2 axis.

    Attributes:
        metrics: One panel each; they must be columns of the table.
        x_label: What a position is.
        series: Printed label → variant → position > 0; infinity is drawn at the right, after a gap. There are at
            most three series, each with its own marker; a variant in several is drawn once, in the first.
        others: Variants without a position, drawn separately at the right.
    """

    metrics: tuple[str, ...]
    x_label: str
    series: dict[str, dict[str, StrictFloat]]
    others: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.series) > MOST_SERIES:
            raise TableError(f"ladder has {len(self.series)} series; more than {MOST_SERIES} cannot be told apart")
        for positions in self.series.values():
            for variant, position in positions.items():
                if not position > 0:
                    raise TableError(f"position {position:g} of {variant!r} must be > 0; else list it in others")
                if variant in self.others:
                    raise TableError(f"{variant!r} is in both a series and others; remove one")
                if position != self.positions[variant]:
                    raise TableError(
                        f"{variant!r} has the positions {position:g} and {self.positions[variant]:g}; give it one only"
                    )

    @property
    def positions(self) -> dict[str, float]:
        """Variant → position, over all series."""
        return {variant: place for positions in self.series.values() for variant, place in positions.items()}


@dataclass(frozen=True)
class Forest:
    """The forest plot: every row's difference to the baseline, for rows without a place on a scale.

    Attributes:
        metrics: One panel each; they must be columns of the table.
    """

    metrics: tuple[str, ...]


@dataclass(frozen=True)
class HeatMap:
    """The heat map: differences to the baseline, one row per variant and one column per group of records.

    Attributes:
        metrics: One panel each; they must be columns of the table.
        x_label: What tells the columns apart.
        columns: Override tokens that a column's records carry, separated by spaces → printed label, in display
            order; "" for the records that fit no other column.
        main: The column that the table itself shows; None for the last one listed.
    """

    metrics: tuple[str, ...]
    x_label: str
    columns: dict[str, str]
    main: str | None = None

    def __post_init__(self) -> None:
        if not self.columns:
            raise TableError("heat_map columns is empty; list at least one")
        if self.main is not None and self.main not in self.columns:
            known = ", ".join(map(repr, self.columns))
            raise TableError(f"heat_map main {self.main!r} is not one of its columns; use one of {known}")


@dataclass(frozen=True)
class Published:
    """Published figures to show beside the runs, where those were tested on the same photographs.

    Attributes:
        file: CSV with the columns method, year, split, n, evidence, source and one for each metric; in `table.yaml`
            from the folder that holds it.
        data: Name of the data set, as in the runs' records.
        split: As in the CSV and in `data.ratings.split`.
    """

    file: str
    data: str
    split: str


@dataclass(frozen=True)
class TableSpec:
    """The contents of an experiment's `table.yaml`.

    Attributes:
        title: Printed above the table and the plots.
        baseline: The variant to which the others are compared.
        columns: Metric key → printed label.
        rows: Variant → printed label in display order; other variants follow under their own text.
        contrasts: Pairs of rows other than the baseline; the first minus the second is printed below the rows.
        published: What to show above the rows, or None.
        ladder: A plot, or None.
        forest: A plot, or None.
        heat_map: A plot, or None; splits the records into columns.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    title: str
    baseline: str
    columns: dict[str, str]
    rows: dict[str, str] = field(default_factory=dict)
    contrasts: tuple[tuple[str, str], ...] = ()
    published: Published | None = None
    ladder: Ladder | None = None
    forest: Forest | None = None
    heat_map: HeatMap | None = None

    def __post_init__(self) -> None:
        if not self.columns:
            raise TableError("columns is empty; name at least one metric")
        for pair in self.contrasts:
            self._check_contrast(pair)
        for name in ("ladder", "forest", "heat_map"):
            plot: Ladder | Forest | HeatMap | None = getattr(self, name)
            if plot is not None:
                self._check_metrics(name, plot.metrics)

    @classmethod
    def load(cls, path: Path) -> "TableSpec":
        """Read a `table.yaml`.

        Raises:
            TableError: The file is not YAML, a key is unknown or missing, a value has the wrong type, or a plot does
                not fit the columns.
        """
        try:
            spec = TypeAdapter(cls).validate_python(OmegaConf.to_container(OmegaConf.load(path)))
        except yaml.YAMLError as error:
            raise TableError(f"{path} is not YAML ({error}); correct it there") from error
        except ValidationError as error:
            raise TableError(f"correct {path}: {faults(error)}") from error
        if spec.published is None:
            return spec
        return replace(spec, published=replace(spec.published, file=str(path.parent / spec.published.file)))

    @property
    def record_columns(self) -> tuple[str, ...]:
        """Override tokens of each column of records; a single "" if the records are not split."""
        return tuple(self.heat_map.columns) if self.heat_map else ("",)

    @property
    def main(self) -> str:
        """The column of records that the table itself shows."""
        asked = self.heat_map.main if self.heat_map else None
        return self.record_columns[-1] if asked is None else asked

    def label(self, variant: str) -> str:
        """The variant's printed label; without one, the variant itself."""
        return self.rows.get(variant, variant or "(no overrides)")

    def _check_contrast(self, pair: tuple[str, str]) -> None:
        for variant in pair:
            if variant not in self.rows:
                raise TableError(f"contrast of {variant!r}, which is not a row; list it in rows")
        if self.baseline in pair or pair[0] == pair[1]:
            raise TableError(
                f"contrast {pair[0]!r} − {pair[1]!r} needs two rows other than the baseline, whose own differences "
                f"are columns; remove it"
            )

    def _check_metrics(self, plot: str, metrics: tuple[str, ...]) -> None:
        known = ", ".join(self.columns)
        if not metrics:
            raise TableError(f"{plot} metrics is empty; name at least one of {known}")
        for metric in metrics:
            if metric not in self.columns:
                raise TableError(f"{plot} metric {metric!r} is not a column; use one of {known}")
