"""From a configuration to what a run is made of, and from that to a trained and measured model."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import WandbLogger
from torch import Tensor
from torch.nn.init import constant_

from awcu.config.hydra import instantiated, plain
from awcu.datasets.measured import with_measured
from awcu.datasets.prepared import Prepared
from awcu.errors import BackboneError, TaskError
from awcu.images.transforms import Preparation
from awcu.models.frozen import FrozenPart, skipping
from awcu.models.network import fixed_size, normalization
from awcu.models.objective import Score
from awcu.models.pretrained import load, read_checkpoint
from awcu.ratings.ratings import Ratings
from awcu.ratings.weighting import SampleWeights
from awcu.training.checkpointing import Preemption, checkpoint_to_resume
from awcu.training.datamodule import Flaws, RatingData, readable
from awcu.training.evaluation import Evaluation, both, leaked_count, learned_from, lookalikes_apart
from awcu.training.features import PRECISIONS, extract
from awcu.training.frozen import FrozenOutputs
from awcu.training.module import AestheticTask, load_task
from awcu.training.sampling import epoch_steps
from awcu.training.trainer import build_trainer


def prepared_photographs(cfg: DictConfig) -> Prepared | None:
    """What `awcu prepare` made, where the configuration names it."""
    folder = cfg.data.get("prepared")
    return None if folder is None else Prepared.open(str(folder))


def read_ratings(
    cfg: DictConfig, prepared: Prepared | None = None, known: Ratings | None = None
) -> tuple[Ratings, int]:
    """The readable ratings and how many photographs were excluded; `known` are those of `cfg.data.ratings`, if read."""
    if cfg.data.on_unreadable not in ("error", "exclude"):
        raise TaskError(f"data.on_unreadable={cfg.data.on_unreadable!r} must be one of error, exclude")
    if cfg.data.get("attributes") not in (None, "measured"):
        raise TaskError(f"data.attributes={cfg.data.attributes!r} must be measured, or null for the set's own")
    exclude, fitting = cfg.data.on_unreadable == "exclude", Preparation(**image_settings(cfg))
    ratings = instantiated(cfg.data.ratings) if known is None else known
    ratings, excluded = readable(ratings, exclude, prepared, fitting)
    if cfg.data.get("attributes") == "measured":
        ratings = with_measured(ratings, None if prepared is None else prepared.of(ratings))
    return ratings, excluded


def one_each(cfg: DictConfig) -> dict[str, list[Any]]:
    """The settings in `network.*` and `images.size` that list one value for each of several backbones."""
    settings = {f"network.{key}": value for key, value in cfg.network.items()} | {"images.size": cfg.images.size}
    return {key: list(value) for key, value in settings.items() if OmegaConf.is_list(value)}


def image_settings(cfg: DictConfig) -> dict[str, Any]:
    """Arguments of `Preparation` for evaluation, the backbone's own normalisation filled in.

    Raises:
        BackboneError: The backbone takes squares of one size only, and the photographs' own frames are to be kept.
    """
    if cfg.images.aspect == "keep" and fixed_size(cfg.network.backbone):
        raise BackboneError(
            f"{cfg.network.backbone!r} takes squares of one size only; use another images.aspect than keep, or a "
            f"convolutional backbone"
        )
    mean, std = normalization(cfg.network.backbone)
    return {
        "size": cfg.images.size,
        "aspect": cfg.images.aspect,
        "mean": list(mean) if cfg.images.mean is None else plain(cfg.images.mean),
        "std": list(std) if cfg.images.std is None else plain(cfg.images.std),
    }


def build_task(
    ratings: Ratings, network: dict[str, Any], preparation: dict[str, Any], **settings: Any
) -> AestheticTask:
    """The task for these ratings.

    Args:
        ratings: With the training split.
        network: Arguments of `AestheticNet` but its output counts.
        preparation: From `image_settings`.
        **settings: Further arguments of `AestheticTask`.

    Raises:
        TaskError: Values that the task does not take, or no scores or votes to learn.
    """
    train = ratings.of_split("train")
    settings["attribute_loss"] = _attribute_loss(settings.get("attribute_loss"), train)
    try:
        task = AestheticTask(
            network=network | {"image_size": preparation["size"]},
            scale=ratings.scale.tolist(),
            midpoint=ratings.midpoint,
            attribute_names=list(ratings.attribute_names),
            preparation=preparation,
            train_fingerprint=train.split_fingerprint,
            trained_on=ratings.name,
            **settings,
        )
    except TypeError as error:
        raise TaskError(f"the task cannot be built ({error}); check the values of task.* and network.*") from error
    _check_votes(task, ratings)
    if isinstance(task.objective, Score):
        if not train.has_scores:
            raise TaskError(f"task.objective=score needs mean scores, {ratings.name} has only low and high; use binary")
        # From zero, every photograph would first have to be lifted to the mean.
        constant_(task.net.aesthetic_head.bias, float((train.mean_score - train.midpoint).mean()))
    return task


def _check_votes(task: AestheticTask, ratings: Ratings) -> None:
    if task.hparams["objective"] == "distribution" and ratings.votes is None:
        raise TaskError(f"task.objective=distribution needs votes, {ratings.name} has only mean scores; use binary")


def _attribute_loss(asked: str | None, train: Ratings) -> str:
    """The loss that fits what the training photographs say of attributes."""
    labelled = train.attributes[~np.isnan(train.attributes)]
    # AVA-style's training list names one attribute of each photograph and never says that one is absent.
    one_each = labelled.size > 0 and bool(labelled.all())
    if asked == "multi_label" and one_each:
        raise TaskError(
            f"task.attribute_loss=multi_label needs photographs without an attribute, and {train.name} says of none "
            f"that it is absent; use single_label"
        )
    return asked or ("single_label" if one_each else "multi_label")


@dataclass(frozen=True, eq=False)
class Run:
    """All that a configured run is made of.

    Attributes:
        whole: All readable ratings.
        data: The loaders, which may have fewer training photographs.
        task: To be trained, or measured only.
        evaluation: Has the results once `fit_and_measure` is through.
        counts: Photographs of each split, and how many were excluded, are unused or leaked.
        preemption: Knows the seconds spent.
    """

    whole: Ratings
    data: RatingData
    task: AestheticTask
    evaluation: Evaluation
    counts: dict[str, int]
    preemption: Preemption

    def feeding(self, task: AestheticTask) -> AbstractContextManager[None]:
        """Meanwhile the task takes what the loaders give: images, or the outputs of its frozen modules."""
        return nullcontext() if self.data.frozen is None else skipping(task.frozen_modules)


def build_run(cfg: DictConfig, folder: Path, known: Ratings | None = None) -> Run:
    """Make what a configuration asks for.

    Args:
        cfg: `conf/train.yaml` with overrides.
        folder: The run's folder.
        known: As for `read_ratings`.

    Raises:
        RatingsError: Ratings, table or split at fault.
        ImageError: Unreadable photographs.
        PreparedError: Prepared photographs at fault, or of other photographs.
        BackboneError: Backbone or its weights at fault, or frozen modules whose outputs cannot be kept.
        FeatureError: The outputs of frozen modules do not fit on the disk or into half precision.
        WeightingError: Weighting at fault.
        ModelError: `ckpt_path` is no checkpoint, or `start_from` no model.
        TaskError: Values that the task does not take, a model that does not fit it, or a leak.
    """
    for key, values in one_each(cfg).items():
        raise BackboneError(
            f"{key}={values} is a list, and awcu train takes one backbone; give one value (awcu probe takes several "
            f"side by side)"
        )
    preemption = Preemption(_last(folder))
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    prepared = prepared_photographs(cfg)
    whole, excluded = read_ratings(cfg, prepared, known)
    for note in whole.notes:
        print(f"{whole.name}: {note}", flush=True)
    ratings = _apart(cfg, whole, prepared).with_train(cfg.train_size, cfg.seed)
    weights = SampleWeights(instantiated(cfg.weighting), **plain(cfg.sample_weights))
    # Fewer photographs do not also shorten training.
    epoch_length = len(whole.of_split("train"))
    task, learned = _new_task(cfg, ratings, epoch_length) if cfg.fit else _trained(cfg.ckpt_path)
    frozen = _frozen_outputs(cfg, whole, task, prepared)
    data = _data(cfg, ratings, weights, task, prepared, epoch_length, frozen)
    counts = {split: len(part) for split, part in data.splits.items()} | {"excluded": excluded}
    counts |= leaked_count(learned, data.splits["test"], cfg.ckpt_path or cfg.start_from, cfg.allow_leak)
    if len(ratings) < len(whole):
        counts["unused"] = len(whole) - len(ratings)
    return Run(whole, data, task, Evaluation(data.splits, learned), counts, preemption)


def _apart(cfg: DictConfig, ratings: Ratings, prepared: Prepared | None) -> Ratings:
    if prepared is not None:
        return lookalikes_apart(ratings, prepared.first_alike(ratings), cfg.leave_out_alike)
    if cfg.leave_out_alike:
        raise TaskError(
            "leave_out_alike=true needs to know what photographs look like; run awcu prepare, and give its folder as "
            "data.prepared"
        )
    return ratings


def fit_and_measure(run: Run, cfg: DictConfig, folder: Path, logger: WandbLogger | None) -> tuple[pl.Trainer, str]:
    """Train the task unless `fit` is false, then measure it on validation and test, on train too if so asked.

    The trainer comes back with the path of the checkpoint that was measured.

    Args:
        run: From `build_run`; its evaluation has the results afterwards.
        cfg: `conf/train.yaml` with overrides.
        folder: The run's folder, with the checkpoint of an earlier start if there was one.
        logger: Receives the training metrics.

    Raises:
        TaskError: Values that the trainer does not take, or a training that diverged.
        ResumeError: The folder's checkpoint is damaged or of other photographs.
    """
    trainer = build_trainer(plain(cfg.trainer), folder, logger, run.preemption, run.evaluation)
    task, checkpoint = run.task, str(cfg.ckpt_path)
    if cfg.fit:
        resumed = checkpoint_to_resume(_last(folder), task.hparams["train_fingerprint"])
        with run.feeding(task):
            trainer.fit(task, datamodule=run.data, ckpt_path=resumed, weights_only=True)
        checkpoint = str(_last(folder).with_stem(cfg.trainer.checkpoint))
        task = load_task(checkpoint)
    # What is measured now is how the run ended, and no point of its curves.
    trainer.logger = None
    with run.feeding(task):
        if cfg.evaluate_train:
            with run.evaluation.on_training_photographs():
                trainer.validate(task, run.data.evaluation_loader("train"), verbose=False)
        for evaluate in (trainer.validate, trainer.test):
            evaluate(task, datamodule=run.data, verbose=False)
    return trainer, checkpoint


def _last(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


def _new_task(cfg: DictConfig, ratings: Ratings, epoch_length: int) -> tuple[AestheticTask, Tensor | None]:
    """The task that a configuration asks for, where `start_from` says so with another model's weights.

    With it, what it will have learned from, and the other model before it.
    """
    steps = epoch_steps(epoch_length, cfg.loader.batch_size)
    settings = {"seed": cfg.seed, "epoch_steps": steps}
    task = build_task(ratings, plain(cfg.network), image_settings(cfg), **plain(cfg.task), **settings)
    if cfg.start_from is None:
        return task, learned_from(ratings)
    backbone, state, earlier = _to_start_from(str(cfg.start_from), ratings)
    try:
        task.net.load_state_dict(state)
    except RuntimeError as error:
        raise TaskError(
            f"start_from={cfg.start_from} holds a {backbone} with other layers or head "
            f"sizes than network.*, task.objective and the attributes of the data ask for; give it a matching "
            f"configuration"
        ) from error
    return task, both(learned_from(ratings), earlier)


def _to_start_from(source: str, ratings: Ratings) -> tuple[str, dict[str, Tensor], Tensor | None]:
    """Backbone and weights of a checkpoint or an exported model, and what it has learned from; None if not known."""
    if not Path(source).is_dir():
        task, learned = _trained(source)
        return task.hparams["network"]["backbone"], task.net.state_dict(), learned
    config, state = load(source)
    # An exported model says only by a fingerprint which photographs it was trained on.
    same = config.train_fingerprint == ratings.of_split("train").split_fingerprint
    return config.network["backbone"], state, learned_from(ratings) if same else None


def _trained(checkpoint: str | None) -> tuple[AestheticTask, Tensor | None]:
    """The task of a checkpoint, and what it has learned from."""
    return load_task(checkpoint), read_checkpoint(checkpoint).get("learned_from")


def _data(
    cfg: DictConfig,
    ratings: Ratings,
    weights: SampleWeights,
    task: AestheticTask,
    prepared: Prepared | None,
    epoch_length: int,
    frozen: FrozenOutputs | None,
) -> RatingData:
    """The loaders that a configuration asks for, with the preparation of the task."""
    _check_votes(task, ratings)
    settings = task.hparams["preparation"]
    augment = {key: cfg.images[key] for key in ("flip", "random_crop", "color")}
    flaws = Flaws(plain(cfg.images.flaws), cfg.images.flaw_share) if cfg.images.flaws else None
    loader = {key: value for key, value in plain(cfg.loader).items() if key != "frozen_outputs"}
    return RatingData(
        ratings,
        weights,
        training=Preparation(**settings, **augment),
        evaluation=Preparation(**settings),
        seed=cfg.seed,
        prepared=prepared,
        epoch_length=epoch_length,
        flaws=flaws,
        frozen=frozen,
        **loader,
    )


def _frozen_outputs(
    cfg: DictConfig, whole: Ratings, task: AestheticTask, prepared: Prepared | None
) -> FrozenOutputs | None:
    """What the frozen part of the network makes of all photographs; from the cache where it is there."""
    if not cfg.loader.frozen_outputs:
        return None
    for key, value in (
        ("random_crop", cfg.images.random_crop),
        ("color", cfg.images.color),
        ("flaws", cfg.images.flaws),
    ):
        if value:
            raise TaskError(
                f"images.{key}={value} changes photographs anew in each epoch, so frozen modules have no outputs "
                f"to keep; set loader.frozen_outputs=false"
            )
    settings, network = task.hparams["preparation"], task.hparams["network"]
    features = extract(
        whole,
        FrozenPart(task.net, task.frozen_modules, settings["size"]),
        {key: network.get(key) for key in ("backbone", "output_stride", "pad_type")}
        | settings
        | {"freeze": list(task.hparams["freeze"])},
        Preparation(**settings),
        flip=cfg.images.flip,
        maps=True,
        workers=cfg.loader.workers,
        precision=cfg.trainer.precision if cfg.trainer.precision in PRECISIONS else None,
        prepared=prepared,
    )
    assert features.maps is not None
    return FrozenOutputs(features.image_ids, features.maps)
