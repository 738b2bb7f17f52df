"""What a finished run knows of its model: the record, how the photographs were split, how sure its metrics are."""

import csv
import math
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from omegaconf import DictConfig, OmegaConf

from awcu.bootstrap import point_and_interval
from awcu.model_config import ModelError
from awcu.results import RunRecord

_MACHINE = (
    "data.root", "data.prepared", "network.weights_file", "ckpt_path", "start_from", "hydra.run.dir", "hydra.sweep.dir",
)  # fmt: skip


@dataclass(frozen=True)
class RunFacts:
    """What a finished run knows of its model.

    Attributes:
        record: Of the run.
        split: How its photographs were split, in words.
        page: "train" or "probe": the command that made it.
        trained: Whether the run trained the model; false where it only measured one.
        intervals: Ends of the 95 % bootstrap interval, by metric; empty without predictions.csv.
    """

    record: RunRecord
    split: str
    page: str
    trained: bool
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """What was typed, without the folders of the machine it was typed on."""
        return shlex.join(["awcu", self.page, *map(_without_place, self.record.overrides)])

    @classmethod
    def read(cls, folder: Path) -> "RunFacts":
        """From record.json, and where they are there .hydra/config.yaml and predictions.csv.

        Raises:
            RecordError: record.json is damaged.
            ModelError: predictions.csv is damaged or of another run.
        """
        record = RunRecord.load(folder / "record.json")
        config, predictions = folder / ".hydra" / "config.yaml", folder / "predictions.csv"
        cfg = OmegaConf.load(config) if config.is_file() else OmegaConf.create()
        assert isinstance(cfg, DictConfig)
        return cls(
            record,
            _split(cfg),
            "probe" if "probe" in cfg else "train",
            bool(cfg.get("fit", True)),
            _intervals(predictions, record) if predictions.is_file() else {},
        )


def _intervals(path: Path, record: RunRecord) -> dict[str, tuple[float, float]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
        score, mean_score = (np.array([float(row[name]) for row in rows]) for name in ("score", "mean_score"))
        high = np.array([{"0": False, "1": True}[row["high"]] for row in rows])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} is no list of predictions ({error}); restore it, or remove it and go without intervals"
        ) from error
    found = point_and_interval(score, high, mean_score) if len(rows) > 1 else {}
    for name, (point, _, _) in found.items():
        recorded = record.metrics.get(f"test/{name}", math.nan)
        if not (math.isnan(point) and math.isnan(recorded)) and not math.isclose(point, recorded, abs_tol=1e-5):
            raise ModelError(
                f"{path} gives test/{name} {point:.6f}, record.json {recorded:.6f}: they are not of one run; measure "
                f"it again (fit=false)"
            )
    return {name: (low, upper) for name, (_, low, upper) in found.items()}


def _split(cfg: DictConfig) -> str:
    ratings = OmegaConf.select(cfg, "data.ratings") or {}
    named = [str(key) for key in ratings if str(key).startswith("split") or key in ("val", "test")]
    return ", ".join(f"{key} {ratings[key]}" for key in named if ratings[key] is not None) or "how is not known"


def _without_place(override: str) -> str:
    key, equals, value = override.partition("=")
    bare = value.strip("'\"")
    if key.lstrip("+") in _MACHINE or bare.startswith(("/", "~", "..")):
        return f"{key}{equals}…/{Path(bare).name}"
    return override
