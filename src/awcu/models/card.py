"""The model card, and the facts of the run behind it: record, split, and intervals of its metrics."""

import json
import math
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData
from omegaconf import DictConfig, OmegaConf

from awcu import __version__
from awcu.config.identity import without_place
from awcu.metrics.bootstrap import RESAMPLES, point_and_interval
from awcu.models.config import ModelConfig
from awcu.models.purpose import OF_ONE_PERSON, purpose
from awcu.runs.predictions import ScoredPhotographs
from awcu.runs.record import RunRecord
from awcu.text import markdown_table, number


@dataclass(frozen=True)
class RunFacts:
    """The facts of a finished run that a model card states.

    Attributes:
        record: The run's record.
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
        """The command as typed, without the folders of the machine."""
        return shlex.join(["awcu", self.page, *map(without_place, self.record.overrides)])

    @classmethod
    def read(cls, folder: Path) -> "RunFacts":
        """Read record.json and, if present, .hydra/config.yaml and predictions.csv.

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


def _intervals(path: Path, record: RunRecord) -> dict[str, tuple[float, float]]:
    said = ScoredPhotographs.read(path, record)
    found = point_and_interval(said.score, said.high, said.mean_score) if len(said.score) > 1 else {}
    return {name: (low, upper) for name, (_, low, upper) in found.items()}


def _split(cfg: DictConfig) -> str:
    ratings = OmegaConf.select(cfg, "data.ratings") or {}
    named = [str(key) for key in ratings if str(key).startswith("split") or key in ("val", "test")]
    return ", ".join(f"{key} {ratings[key]}" for key in named if ratings[key] is not None) or "how is not known"


METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "auroc": "AUROC",
    "srcc": "SRCC with the mean rating",
    "plcc": "PLCC with the mean rating",
}
_OF_THE_HUB = {"accuracy": "accuracy", "auroc": "roc_auc", "srcc": "spearmanr", "plcc": "pearsonr"}
_FITTED = {
    "warp": "its proportions changed to fit",
    "letterbox": "fitted in with grey bars",
    "crop": "its long side cut",
    "keep": "in its own proportions, each side rounded to a multiple of 32 pixels",
}


def model_card(config: ModelConfig, source: str, run: RunFacts | None = None, onnx: bool = False) -> str:
    """The text of a model's README.md.

    Args:
        config: The model's configuration.
        source: Where it will be loaded from: a folder, or user/name.
        run: That trained it; None where that is not known, which the card then says.
        onnx: The folder holds model.onnx too.
    """
    name = Path(source).name
    parts = [
        f"---\n{_front_matter(name, run)}\n---\n\n# {name}",
        *_what(config),
        "## Use",
        f"```python\n{usage(source)}\n```",
        "`model.onnx` answers the same without Python; its metadata say how a photograph is prepared." if onnx else "",
        "## Training",
        _training(config, run),
        *(_results(run) if run is not None else []),
        *_range(config),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(config, run)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def usage(source: str) -> str:
    """Return the three lines of code that load a model and score a photograph."""
    return (
        "from awcu.inference.predictor import AestheticModel\n"
        f"model = AestheticModel.from_pretrained({json.dumps(source, ensure_ascii=False)})\n"
        'print(model.score(["photograph.jpg"])[0])'
    )


def _front_matter(name: str, run: RunFacts | None) -> str:
    measured = {} if run is None else {key: run.record.metrics.get(f"test/{key}", math.nan) for key in METRICS}
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type=re.sub(r"[^a-z0-9]+", "-", run.record.data.lower()) if run else "",
            dataset_name=run.record.data if run else "",
            dataset_split="test",
            metric_type=_OF_THE_HUB.get(key, key),
            metric_name=METRICS[key],
            metric_value=value,
        )
        for key, value in measured.items()
        if math.isfinite(value)
    ]
    data = ModelCardData(
        library_name="awcu",
        pipeline_tag="image-classification",
        tags=["image-aesthetics", "class-activation-map", "timm"],
        metrics=list(_OF_THE_HUB.values()),
        model_name=name if results else None,
        eval_results=results or None,
    )
    return data.to_yaml(line_break="\n").strip()


def _what(config: ModelConfig) -> list[str]:
    fit, binary = config.preparation, config.objective == "binary"
    score = "log odds of high" if binary else f"expected rating minus {config.midpoint:g}"
    names = ", ".join(config.attribute_names)
    several = "each on its own" if config.attribute_loss == "multi_label" else "one a photograph"
    mean, std = (", ".join(f"{value:.4g}" for value in fit[key]) for key in ("mean", "std"))
    area = " in area" if fit["aspect"] == "keep" else ""
    lines = [
        f"Says of a photograph whether its aesthetic level is high ({config.high}), and by activation maps where in "
        f"the photograph that comes from. A `{config.network['backbone']}` under linear heads on its globally "
        f"average-pooled features, of awcu {__version__}.",
        f"- Score: {score}; above 0 is high.",
        f"- Attributes ({several}): {names}." if names else "- No attributes.",
        f"- Input: the photograph at {fit['size']} × {fit['size']} pixels{area}, {_FITTED[fit['aspect']]}; RGB in "
        f"[0, 1], minus {mean}, divided by {std}.",
    ]
    return [lines[0], "\n".join(lines[1:])]


def _training(config: ModelConfig, run: RunFacts | None) -> str:
    rows = {"trained on": f"photographs of fingerprint {config.train_fingerprint or 'not known'}"}
    if run is None:
        known = (
            "The backbone is a general model's; only the head was solved from the person's ratings."
            if config.trained_on == OF_ONE_PERSON
            else "Exported without its run: data set, split, weighting, metrics, commit and command are not known."
        )
        return f"{known}\n\n{markdown_table(['', ''], rows.items(), 'll')}"
    record = run.record
    if run.trained:
        rows |= {"weighting": f"`{record.weighting}`", "seed": str(record.seed)}
    else:
        rows |= {"weighting": "not known; the model was trained elsewhere, and what follows is of its measurement"}
    rows |= {
        "data set": f"{record.data} (fingerprint {record.data_fingerprint})",
        "photographs": ", ".join(f"{n} {split}" for split, n in record.n.items()),
        "split": f"{run.split} (fingerprint {record.split_fingerprint})",
        "command": f"`{run.command}`",
        "commit": record.git_commit + (" and changes that were not committed" if record.git_dirty else ""),
        "versions": ", ".join(f"{package} {version}" for package, version in record.versions.items()),
        "finished": record.created,
    }
    return markdown_table(["", ""], rows.items(), "ll")


def _results(run: RunFacts) -> list[str]:
    metrics, rows = run.record.metrics, []
    for key, name in METRICS.items():
        ends = run.intervals.get(key, (math.nan, math.nan))
        # All resamples alike say that there are too few photographs, not that the number is certain.
        interval = "–" if math.isnan(ends[0]) or ends[0] == ends[1] else f"[{number(ends[0])}, {number(ends[1])}]"
        values = (metrics.get(f"test/{inner}{key}") for inner in ("", "trivial/"))
        mine, trivial = ("–" if value is None else number(value) for value in values)
        rows.append([name, mine, interval, trivial])
    below = (
        f"The interval is the percentile bootstrap's over the test photographs ({RESAMPLES:,} resamples), – where it "
        "is not known or all resamples are alike. The trivial predictor knows the training ratings and looks at no "
        "photograph."
    )
    return [
        f"## Results on the {run.record.n.get('test', 0)} test photographs",
        markdown_table(["metric", "this model", "95 % interval", "trivial predictor"], rows, "lrrr"),
        below,
    ]


def _range(config: ModelConfig) -> list[str]:
    if config.reference is None:
        return ["## Range of scores", "Not known: the model was never validated."]
    names = {"lowest": 0, "5 %": 5, "25 %": 25, "median": 50, "75 %": 75, "95 %": 95, "highest": 100}
    scores = [number(config.reference.scores[place], signed=True) for place in names.values()]
    table = markdown_table(list(names), [scores], "l" + "r" * (len(names) - 1))
    return [f"## Range of scores on {config.reference.n} validation photographs", table]


def _limits(config: ModelConfig, run: RunFacts | None) -> list[str]:
    one = config.trained_on == OF_ONE_PERSON
    limits = [
        *(["Probabilities are the model's own and not calibrated."] if config.objective != "score" else []),
        f"It has learned what one {'person' if one else 'group of raters'} said of one collection; taste differs "
        "between people and over time.",
        "The maps show where the score comes from in this network, not why a viewer would agree.",
    ]
    if run is None and one:
        return [purpose(config.trained_on).ratings, *limits]
    if run is None:
        return [*limits, "What was rated, and by whom, is not known to this card."]
    rated = purpose(run.record.data).ratings
    seed = "One run with one seed: the interval holds the choice of test photographs, no variance of training."
    return [*_leak(run.record), rated, seed, *limits]


def _leak(record: RunRecord) -> list[str]:
    leaked = record.n.get("leaked", 0)
    if leaked:
        return [f"LEAK: it has learned from {leaked:,} of its {record.n['test']:,} test photographs."]
    known = record.train_fingerprint != ""
    return [] if known else ["Whether the test photographs were among those trained on is not known."]
