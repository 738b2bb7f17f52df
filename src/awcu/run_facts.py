"""What a finished run knows of its model: the record, how the photographs were split, how sure its metrics are."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from awcu.bootstrap import point_and_interval
from awcu.predictions import ScoredPhotographs
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
        return shlex.join(["awcu", self.page, *map(without_place, self.record.overrides)])

    @classmethod
    def read(cls, folder: Path) -> "RunFacts":
        """From record.json, and where they are there .hydra/config.yaml and predictions.csv.

        Raises:
            RecordError: record.json is damaged, or predictions.csv is or is of another run.
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


def without_place(override: str) -> str:
    """An override without the folder that a file lies in on this machine."""
    key, equals, value = override.partition("=")
    bare = value.strip("'\"")
    if key.lstrip("+") in _MACHINE or bare.startswith(("/", "~", "..")):
        return f"{key}{equals}…/{Path(bare).name}"
    return override


def _intervals(path: Path, record: RunRecord) -> dict[str, tuple[float, float]]:
    said = ScoredPhotographs.read(path, record)
    found = point_and_interval(said.score, said.high, said.mean_score) if len(said.score) > 1 else {}
    return {name: (low, upper) for name, (_, low, upper) in found.items()}


def _split(cfg: DictConfig) -> str:
    ratings = OmegaConf.select(cfg, "data.ratings") or {}
    named = [str(key) for key in ratings if str(key).startswith("split") or key in ("val", "test")]
    return ", ".join(f"{key} {ratings[key]}" for key in named if ratings[key] is not None) or "how is not known"
