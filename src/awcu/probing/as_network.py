"""Solved heads as a whole network: a checkpoint like any other, for maps, evaluation and fine-tuning."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from awcu.files import write_atomically
from awcu.images.transforms import Preparation
from awcu.metrics.ranks import auroc
from awcu.models.network import AestheticNet
from awcu.models.objective import ObjectiveName
from awcu.probing.cross_validation import total_variance
from awcu.probing.heads import Heads, fit_attributes
from awcu.ratings.ratings import Ratings
from awcu.ratings.weighting import SampleWeights, Uniform
from awcu.runs.record import RunRecord
from awcu.training.build import build_task, prepared_photographs
from awcu.training.datamodule import RatingData
from awcu.training.evaluation import Evaluation, learned_from
from awcu.training.module import AestheticTask
from awcu.training.trainer import quiet

BATCH = 32


def network_with_heads(
    backbone: AestheticNet,
    aesthetic: Heads,
    attributes: Heads | None,
    ratings: Ratings,
    settings: Mapping[str, Any],
    preparation: dict[str, Any],
    objective: ObjectiveName,
) -> AestheticTask:
    """A task whose network answers what the heads answer, with their AesAM and AttAM.

    Args:
        backbone: The network whose features the heads were solved on.
        aesthetic: One head; a binary one's logit becomes the two of low and high, half of it each.
        attributes: One head an attribute, or None where the ratings have no attributes.
        ratings: Ratings of the split that the heads were solved on.
        settings: The backbone's name, pad_type and output_stride.
        preparation: From `awcu.training.build.image_settings`.
        objective: That the head was solved for.
    """
    # Its weights come from the backbone at hand, not from a file or the hub.
    task = build_task(ratings, dict(settings), preparation, objective=objective)
    task.net.backbone.load_state_dict(backbone.backbone.state_dict())
    sides = torch.tensor([[-0.5], [0.5]], dtype=torch.float64, device=aesthetic.weight.device)
    weight, bias = aesthetic.weight[0], aesthetic.bias[0]
    _fill(task.net.aesthetic_head, *((sides @ weight, sides @ bias) if objective == "binary" else (weight, bias)))
    if attributes is not None:
        _fill(task.net.attribute_head, attributes.weight[:, 0], attributes.bias[:, 0])
    return task


def solve_attributes(
    train: Ratings, features: Tensor, val: Ratings, val_features: Tensor, penalties: list[float]
) -> Heads | None:
    """One head an attribute, all at the penalty whose heads rank the validation photographs best on average.

    Args:
        train: N photographs.
        features: `(N, V, C)`; every view counts.
        val: M photographs, which pick the penalty and nothing else.
        val_features: `(M, V, C)`, of which view 0 is ranked.
        penalties: To choose from, as multiples of the features' total variance.

    Raises:
        ProbeError: An attribute that all labelled training photographs have, or none.
    """
    names = train.attribute_names
    if not names:
        return None
    views = features.shape[1]
    labels = torch.from_numpy(train.attributes).repeat_interleave(views, 0).to(features.device)
    equal = torch.full((len(labels),), 1 / views, dtype=torch.float64, device=features.device)
    solved: list[tuple[float, Heads]] = []
    spread = total_variance(features)
    for penalty in sorted(penalties, reverse=True):
        heads = fit_attributes(
            features.flatten(0, 1), labels, equal, equal.new_full((len(names),), penalty * spread), names
        )
        scores = heads.logits(val_features[:, 0])[..., 0].cpu().numpy()
        labelled = [~np.isnan(column) for column in val.attributes.T]
        areas = [
            auroc(row[known], column[known] > 0)
            for row, column, known in zip(scores, val.attributes.T, labelled, strict=True)
        ]
        # A sum, since an attribute that only one side of the validation split has says nothing.
        solved.append((float(np.nansum(areas)), heads))
    return max(solved, key=lambda pair: pair[0])[1]


def save_run(folder: Path, task: AestheticTask, record: RunRecord, cfg: DictConfig, ratings: Ratings) -> None:
    """Write what a training run leaves: checkpoint, record.json, predictions.csv and the configuration behind them."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "head.ckpt"
    settings = task.hparams["preparation"]
    fitted = Preparation(**settings)
    data = RatingData(
        ratings,
        SampleWeights(Uniform()),
        fitted,
        fitted,
        BATCH,
        workers=0,
        seed=0,
        prepared=prepared_photographs(cfg),
    )
    evaluation = Evaluation(data.splits, learned_from(ratings))
    with quiet():
        trainer = pl.Trainer(
            accelerator="cpu",
            callbacks=[evaluation],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )
        for evaluate in (trainer.validate, trainer.test):
            evaluate(task, datamodule=data, verbose=False)
        trainer.save_checkpoint(checkpoint)
    write_atomically(folder / "predictions.csv", evaluation.predictions_csv())
    write_atomically(folder / ".hydra" / "config.yaml", OmegaConf.to_yaml(cfg))
    replace(record, checkpoint=str(checkpoint)).save(folder / "record.json")


def _fill(layer: nn.Linear, weight: Tensor, bias: Tensor) -> None:
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
