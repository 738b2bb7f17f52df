"""What an experiment's table and ladder plot show, read from its `table.yaml`."""

from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf

from awcu.results import RecordError, checked


class TableError(ValueError):
    """A table.yaml, or records under it, from which no honest table can be made."""


@dataclass(frozen=True)
class Ladder:
    """What the ladder plot shows: metrics against a position on a log2 axis.

    Attributes:
        metrics: One panel each; they must be columns of the table.
        x_label: What a position is.
        positions: Variant → position > 0; infinity is drawn at the right, after a gap.
        others: Variants without a position, drawn apart at the right.
    """

    metrics: tuple[str, ...]
    x_label: str
    positions: dict[str, float]
    others: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for variant, position in self.positions.items():
            if not position > 0:
                raise TableError(f"position {position:g} of {variant!r} must be > 0; else list it in others")
            if variant in self.others:
                raise TableError(f"{variant!r} is in both positions and others; remove one")


@dataclass(frozen=True)
class TableSpec:
    """What an experiment's `table.yaml` asks for.

    Attributes:
        title: Printed above the table and the plot.
        baseline: The variant that the others are compared with.
        columns: Metric key → printed label.
        rows: Variant → printed label in display order; other variants follow under their own text.
        ladder: The plot, or None.
    """

    title: str
    baseline: str
    columns: dict[str, str]
    rows: dict[str, str] = field(default_factory=dict)
    ladder: Ladder | None = None

    def __post_init__(self) -> None:
        if not self.columns:
            raise TableError("columns is empty; name at least one metric")
        for metric in self.ladder.metrics if self.ladder else ():
            if metric not in self.columns:
                known = ", ".join(self.columns)
                raise TableError(f"ladder metric {metric!r} is no column; use one of {known}")

    @classmethod
    def load(cls, path: Path) -> "TableSpec":
        """Read a `table.yaml`.

        Raises:
            TableError: Not YAML, an unknown or missing key, a value of the wrong kind, a ladder that does not
                fit the columns.
        """
        try:
            document = OmegaConf.to_container(OmegaConf.load(path))
        except yaml.YAMLError as error:
            raise TableError(f"{path} is not YAML ({error}); correct it there") from error
        try:
            ladder = document.pop("ladder", None) if isinstance(document, dict) else None
            spec = _read(cls, document, "table.yaml")
            return replace(spec, ladder=None if ladder is None else _read(Ladder, ladder, "ladder"))
        except (TableError, RecordError) as error:
            raise TableError(f"{path}: {error}") from error

    def label(self, variant: str) -> str:
        """The printed label, or the variant's own text."""
        return self.rows.get(variant, variant or "(no overrides)")


S = TypeVar("S", TableSpec, Ladder)


def _read(kind: type[S], document: Any, where: str) -> S:
    known = {one.name: one for one in fields(kind)}
    allowed = f"allowed keys are {', '.join(known)}"
    if not isinstance(document, dict):
        raise TableError(f"{where} is {document!r}; it must be a mapping; {allowed}")
    optional = [one.name for one in known.values() if {one.default, one.default_factory} != {MISSING}]
    for wrong, names in (
        ("unknown", [name for name in document if name not in known]),
        ("missing", [name for name in known if name not in document and name not in optional]),
    ):
        if names:
            raise TableError(f"{wrong} key {', '.join(map(repr, names))} in {where}; {allowed}")
    return kind(**{name: checked(known[name].type, value, name) for name, value in document.items()})
