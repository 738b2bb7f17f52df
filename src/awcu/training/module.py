"""Training and evaluating the dual-head network on weighted photographs."""

import difflib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, get_args

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F

from awcu.errors import AwcuError, ModelError, TaskError
from awcu.models.network import AestheticNet, Logits, training_format
from awcu.models.objective import (
    Objective,
    ObjectiveName,
    build_objective,
    flaw_loss,
    multi_label_loss,
    single_label_loss,
)
from awcu.models.pretrained import read_checkpoint
from awcu.training.datamodule import Batch

AttributeLoss = Literal["multi_label", "single_label"]


class Answers(TypedDict):
    """What the network says of B photographs in validation or test."""

    row: Tensor  # (B,) int64, row in the split's `Ratings`
    aesthetic: Tensor  # (B, 2, K or 1) logits
    attributes: Tensor  # (B, A) logits
    strongest_evidence: Tensor  # (B,) |AesAM| in its strongest cell
    strongest_attributes: Tensor  # (B, A) |AttAM| in theirs


class AestheticTask(pl.LightningModule):
    """Weighted aesthetic classification with an attribute head.

    The loss of a batch is `mean(weight · aesthetic loss) + attribute_weight · mean(attribute loss)`, the latter
    over photographs that have attribute labels, and with planted flaws `flaw_weight · mean(flaw loss)` over the copies
    that have one. Weights are never part of a metric.

    Args:
        network: Arguments of `AestheticNet` but its output counts.
        scale: `(K,)` rating values.
        midpoint: In rating points.
        attribute_names: `(A,)` what the attribute head answers; empty for a single-headed network.
        preparation: Arguments of `awcu.images.transforms.Preparation` for evaluation, kept with the model.
        objective: "binary" (the paper's), "distribution" (squared EMD, NIMA) or "score" (smooth L1 on the mean score).
        attribute_loss: "multi_label", or "single_label" where the set names one attribute a photograph.
        attribute_weight: λ ≥ 0.
        flaw_weight: ≥ 0, of the loss that a copy with a planted flaw adds, where batches have such copies.
        learning_rate: Peak rate of the heads.
        backbone_rate: The backbone's rate as a share of the heads'; 0 freezes it, batch norm included.
        freeze: Modules of the backbone that are frozen, batch norm included, by name. The lower ones see most pixels:
            without their gradients a step costs about half, and a small set cannot spoil them.
        weight_decay: AdamW's.
        warmup: Share of the steps in [0, 1) over which the rate rises; it then falls on a cosine to 0.
        train_fingerprint: Fingerprint of the ids trained on, kept with the model.
        trained_on: Name of the data set, kept with the model.
        seed: Seeds the dropout. Neither it nor `epoch_steps` is a hyperparameter.
        epoch_steps: Batches of an epoch, for the schedule of the learning rate; None: as many as Lightning counts,
            which is right for a training that is never resumed.

    Raises:
        TaskError: Unknown objective or attribute loss, a number out of range, a module that the backbone has not got.
        BackboneError: From `AestheticNet`.
    """

    def __init__(
        self,
        network: dict[str, Any],
        scale: list[float],
        midpoint: float,
        attribute_names: list[str],
        preparation: dict[str, Any],
        objective: ObjectiveName = "binary",
        attribute_loss: AttributeLoss = "multi_label",
        attribute_weight: float = 0.5,
        flaw_weight: float = 1.0,
        learning_rate: float = 1e-3,
        backbone_rate: float = 0.1,
        freeze: Sequence[str] = (),
        weight_decay: float = 0.05,
        warmup: float = 0.1,
        train_fingerprint: str = "",
        trained_on: str = "",
        seed: int = 0,
        epoch_steps: int | None = None,
    ) -> None:
        super().__init__()
        # A logger has the whole configuration already.
        self.save_hyperparameters(ignore=["seed", "epoch_steps"], logger=False)
        _require(objective in get_args(ObjectiveName), "objective", objective, get_args(ObjectiveName))
        _require(attribute_loss in get_args(AttributeLoss), "attribute_loss", attribute_loss, get_args(AttributeLoss))
        _require(attribute_weight >= 0, "attribute_weight", attribute_weight, "≥ 0")
        _require(flaw_weight >= 0, "flaw_weight", flaw_weight, "≥ 0")
        _require(learning_rate > 0, "learning_rate", learning_rate, "> 0")
        _require(0 <= backbone_rate <= 1, "backbone_rate", backbone_rate, "in [0, 1]")
        _require(0 <= warmup < 1, "warmup", warmup, "in [0, 1)")
        self.objective: Objective = build_objective(objective, scale, midpoint)
        self.net = AestheticNet(
            **network, aesthetic_outputs=self.objective.outputs, attribute_outputs=len(attribute_names)
        )
        self.memory_format = training_format(self.net)
        self.net.to(memory_format=self.memory_format)
        self.frozen_modules = [self.net.backbone] if backbone_rate == 0 else _modules(self.net.backbone, freeze)
        for module in self.frozen_modules:
            module.requires_grad_(False)
        self.attribute_loss = multi_label_loss if attribute_loss == "multi_label" else single_label_loss
        self.gradient_norm: Tensor | None = None  # of the last step of the optimizer, before it was clipped
        self._seed = seed
        self._epoch_steps = epoch_steps

    def forward(self, images: Tensor) -> Logits:
        """Logits of normalised images `(N, 3, H, W)`."""
        logits: Logits = self.net(images.to(memory_format=self.memory_format))
        return logits

    def on_train_start(self) -> None:
        """Keep the batch norm of what is frozen at the statistics of its weights."""
        for module in self.frozen_modules:
            module.eval()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Draw the dropout of a step from seed, epoch and step alone, so that a resumed run draws it again."""
        step = (self._seed, self.trainer.current_epoch, batch_idx, self.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(step).generate_state(1)[0]))

    def training_step(self, batch: Batch) -> Tensor:
        """The weighted loss of one batch."""
        logits, flaw = self._with_flaws(batch) if "flawed" in batch else (self(batch["image"]), None)
        aesthetic = self.objective.loss(logits.aesthetic, batch["high"], batch["distribution"], batch["score"])
        loss = (batch["weight"] * aesthetic).mean()
        self.log("train/aesthetic_loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(aesthetic))
        if self.hparams["attribute_names"]:
            losses = self.attribute_loss(logits.attributes, batch["attributes"])
            labelled, processes = _in_all_processes((~losses.isnan()).sum())
            if labelled > 0:
                # Gradients are averaged over processes, of which one may have more labels than another.
                attribute = losses.nansum() * processes / labelled
                self.log(
                    "train/attribute_loss",
                    attribute,
                    on_step=False,
                    on_epoch=True,
                    sync_dist=True,
                    batch_size=len(losses),
                )
                loss = loss + self.hparams["attribute_weight"] * attribute
        if flaw is not None:
            self.log("train/flaw_loss", flaw, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(aesthetic))
            loss = loss + self.hparams["flaw_weight"] * flaw
        self.log("train/loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(aesthetic))
        return loss

    def _with_flaws(self, batch: Batch) -> tuple[Logits, Tensor]:
        """Logits of the photographs, and the mean loss of those copies that have a flaw."""
        some = batch["place"].flatten(1).any(1)
        images = torch.cat([batch["image"], batch["flawed"][some]]).to(memory_format=self.memory_format)
        logits, maps = self.net.local_logits(images)
        n, evidence = len(some), self.objective.evidence(maps.aesthetic)
        place = F.adaptive_avg_pool2d(batch["place"][some], (evidence.shape[-2], evidence.shape[-1]))
        losses = flaw_loss(evidence[:n][some], evidence[n:], place)
        return Logits(*(value[:n] for value in logits)), losses.sum() / max(len(losses), 1)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip as the trainer asks; keep the norm: where all are clipped, a light batch pulls like a heavy one."""
        norms = [p.grad.norm() for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        self.gradient_norm = torch.stack(norms).norm()
        self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def validation_step(self, batch: Batch) -> Answers:
        """Logits and the strongest values of the maps, which `Evaluation` turns into metrics."""
        logits, maps = self.net.local_logits(batch["image"].to(memory_format=self.memory_format))
        return Answers(
            row=batch["row"],
            aesthetic=logits.aesthetic,
            attributes=logits.attributes,
            strongest_evidence=self.objective.evidence(maps.aesthetic).abs().amax((1, 2)),
            strongest_attributes=maps.attributes.abs().amax((2, 3)),
        )

    test_step = validation_step

    def configure_optimizers(self) -> Any:
        """AdamW, a lower rate for the backbone, linear warm-up and cosine decay by the step."""
        rate = self.hparams["learning_rate"]
        backbone = {id(parameter) for parameter in self.net.backbone.parameters()}
        heads = [p for p in self.net.parameters() if id(p) not in backbone]
        groups = [{"params": heads, "lr": rate}]
        if self.hparams["backbone_rate"] > 0:
            share = rate * self.hparams["backbone_rate"]
            trained = [parameter for parameter in self.net.backbone.parameters() if parameter.requires_grad]
            groups.append({"params": trained, "lr": share})
        optimizer = torch.optim.AdamW(groups, weight_decay=self.hparams["weight_decay"])
        steps = self._training_steps()
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: warmup_cosine(step, steps, self.hparams["warmup"])
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _training_steps(self) -> int:
        """Steps of the optimizer in the whole training."""
        if self._epoch_steps is None:
            return int(self.trainer.estimated_stepping_batches)
        # Lightning's estimate makes the loader of the first epoch before it knows which epoch a run goes on with.
        return math.ceil(self._epoch_steps / self.trainer.accumulate_grad_batches) * int(self.trainer.max_epochs or 0)


def load_task(checkpoint: str | Path | None) -> AestheticTask:
    """The task of a checkpoint; its own weights, so that none are fetched or read elsewhere.

    Raises:
        ModelError: No path, no such file, or a file that is no checkpoint of ours.
    """
    saved = read_checkpoint(checkpoint)
    assert checkpoint is not None
    network = saved["hyper_parameters"]["network"] | {"pretrained": False, "weights_file": None}
    try:
        return AestheticTask.load_from_checkpoint(checkpoint, map_location="cpu", network=network, weights_only=True)
    except (RuntimeError, TypeError, KeyError, AwcuError) as error:
        raise ModelError(
            f"{checkpoint} is no checkpoint of this version of awcu ({type(error).__name__}); give the .ckpt that a "
            f"run's record.json names"
        ) from error


def _modules(backbone: torch.nn.Module, names: Sequence[str]) -> list[torch.nn.Module]:
    known = {name: module for name, module in backbone.named_modules() if name}
    for name in names:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=4) or [name for name, _ in backbone.named_children()]
            raise TaskError(f"task.freeze: the backbone has no module {name!r}; nearest: {', '.join(nearest)}")
    return [known[name] for name in names]


def _in_all_processes(count: Tensor) -> tuple[Tensor, int]:
    """The sum of a count over the processes that train together, and how many these are."""
    if not torch.distributed.is_initialized():
        return count, 1
    torch.distributed.all_reduce(count)
    return count, torch.distributed.get_world_size()


def warmup_cosine(step: int, steps: int, warmup: float) -> float:
    """The learning rate of a step as a share of its peak, in (0, 1] while training.

    Args:
        step: From 0.
        steps: In the whole training.
        warmup: Share of the steps over which the rate rises linearly.
    """
    rising = int(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1))) / 2


def _require(condition: bool, name: str, value: object, rule: str | tuple[str, ...]) -> None:
    if not condition:
        rule = rule if isinstance(rule, str) else f"one of {', '.join(rule)}"
        raise TaskError(f"task.{name}={value!r} must be {rule}")
