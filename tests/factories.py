"""Records, predictions and facts of photographs, made by hand for tests of several packages."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from awcu.datasets.prepared import SCHEMA
from awcu.images.transforms import Preparation
from awcu.ratings.ratings import Ratings
from awcu.ratings.weighting import SampleWeights, Uniform
from awcu.runs.predictions import ScoredPhotographs
from awcu.runs.record import RunRecord
from awcu.training.datamodule import RatingData
from awcu.training.module import AestheticTask

FOREIGN_METRICS = {
    "test/accuracy": lambda one, row: accuracy_score(one.high[row], one.score[row] > 0),
    "test/balanced_accuracy": lambda one, row: balanced_accuracy_score(one.high[row], one.score[row] > 0),
    "test/auroc": lambda one, row: roc_auc_score(one.high[row], one.score[row]),
    "test/srcc": lambda one, row: stats.spearmanr(one.score[row], one.mean_score[row]).statistic,
    "test/plcc": lambda one, row: stats.pearsonr(one.score[row], one.mean_score[row]).statistic,
}
"""Each of a run's metrics by a foreign library, of `ScoredPhotographs` and row numbers."""


def run(**changes: Any) -> RunRecord:
    values: dict[str, Any] = {
        "experiment": "weighting",
        "variant": "",
        "weighting": "Uniform()",
        "seed": 0,
        "overrides": (),
        "data": "gallery",
        "data_fingerprint": "aaaa",
        "split_fingerprint": "split",
        "n": {"train": 80, "test": 11, "excluded": 0},
        "metrics": {},
        "git_commit": "1a2b3c4d5e6f",
        "git_dirty": False,
        "versions": {},
        "wall_time_s": 1.0,
        "checkpoint": "",
        "created": "",
    }
    return RunRecord(**values | changes)


def scored(seed: int, ids: Iterable[int] = range(60), noise: float = 1.0) -> ScoredPhotographs:
    """Photographs have the same rating whoever looks at them."""
    ids = np.array(list(ids))
    mean = np.random.default_rng(7).uniform(1, 5, 1000)[ids]
    score = mean - 3 + np.random.default_rng([seed, 3]).normal(0, noise, len(ids))
    return ScoredPhotographs(np.array([f"p{one:04d}" for one in ids]), score, mean > 3, mean)


def scored_photographs(ids, score, mean_score):
    mean_score = np.array(mean_score, dtype=float)
    return ScoredPhotographs(np.array(list(ids)), np.array(score, dtype=float), mean_score > 3, mean_score)


PREPARATION = {"size": 64, "aspect": "warp", "mean": [0.5] * 3, "std": [0.25] * 3}


def task_for(ratings, **settings):
    pl.seed_everything(0, verbose=False)
    return AestheticTask(
        network={"backbone": "test_resnet", "image_size": 64},
        scale=ratings.scale.tolist(),
        midpoint=ratings.midpoint,
        attribute_names=list(ratings.attribute_names),
        preparation=PREPARATION,
        **settings,
    )


def data_for(ratings, weighting=None):
    prepare = Preparation(**PREPARATION)
    return RatingData(ratings, SampleWeights(weighting or Uniform()), prepare, prepare, 8, workers=0, seed=0)


def trainer(epochs, *callbacks, **settings):
    return pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        callbacks=list(callbacks),
        enable_checkpointing=any(isinstance(one, ModelCheckpoint) for one in callbacks),
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        reload_dataloaders_every_n_epochs=1,
        **settings,
    )


def leave_run(folder: Path, variant: str, seed: int, said: ScoredPhotographs | None) -> RunRecord:
    """A run's folder."""
    folder = folder / f"{variant}-{seed}"
    folder.mkdir(parents=True)
    metrics = {metric: float(FOREIGN_METRICS[metric](said or scored(9), np.arange(60))) for metric in FOREIGN_METRICS}
    record = run(variant=variant, seed=seed, metrics=metrics, created=f"{variant} {seed}")
    record.save(folder / "record.json")
    if said is not None:
        columns = zip(said.image_ids, said.mean_score.tolist(), said.high, said.score.tolist(), strict=True)
        lines = [f"{name},test,{mean!r},{int(high)},{score!r}" for name, mean, high, score in columns]
        (folder / "predictions.csv").write_text("\n".join(["image_id,split,mean_score,high,score", *lines]))
    return record


MISSING: dict[str, Any] = {
    "bytes": None,
    "modified_ns": None,
    "sha256": None,
    "width": None,
    "height": None,
    "fault": "{path}: no such file; check the image folder",
}
EMPTY: dict[str, Any] = {
    "bytes": 0,
    "sha256": "e3b0",
    "width": None,
    "height": None,
    "fault": "{path}: zero bytes; fetch the photograph again",
}


def facts_of(ratings: Ratings, **changes: dict[str, Any]) -> pa.Table:
    """A row a photograph in id order: 1,000 bytes of its own and 640×480 pixels, but for the changes by id."""
    rows = []
    for row in np.argsort(ratings.image_ids):
        image_id, path = str(ratings.image_ids[row]), str(ratings.image_paths[row])
        known = {"bytes": 1000, "modified_ns": 1, "sha256": f"of {image_id}", "width": 640, "height": 480}
        known |= {"fault": None} | changes.get(image_id, {})
        fault = known["fault"] and str(known["fault"]).format(path=path)
        rows.append({"image_id": image_id, "path": path} | known | {"fault": fault})
    return pa.Table.from_pylist(rows, SCHEMA)
