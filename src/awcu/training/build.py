"""From a configuration to what a run is made of: the ratings, the task, the loaders."""

from typing import Any

import numpy as np
from omegaconf import DictConfig

from awcu.config.hydra import instantiated, plain
from awcu.datasets.prepared import Prepared
from awcu.errors import TaskError
from awcu.images.transforms import preparation
from awcu.models.network import normalization
from awcu.ratings.ratings import Ratings
from awcu.ratings.weighting import SampleWeights
from awcu.training.datamodule import RatingData, readable
from awcu.training.leakage import both, learned_from
from awcu.training.module import AestheticTask, load_task


def prepared_photographs(cfg: DictConfig) -> Prepared | None:
    """What `awcu prepare` made, where the configuration names it."""
    folder = cfg.data.get("prepared")
    return None if folder is None else Prepared.open(str(folder))


def read_ratings(cfg: DictConfig, prepared: Prepared | None = None) -> tuple[Ratings, int]:
    """The readable ratings and how many photographs were excluded."""
    if cfg.data.on_unreadable not in ("error", "exclude"):
        raise TaskError(f"data.on_unreadable={cfg.data.on_unreadable!r} must be one of error, exclude")
    return readable(instantiated(cfg.data.ratings), cfg.data.on_unreadable == "exclude", prepared)


def image_settings(cfg: DictConfig) -> dict[str, Any]:
    """Arguments of `awcu.images.transforms.preparation` for evaluation, the backbone's own normalisation filled in."""
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
        TaskError: Values that the task does not take.
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
    task.learned_from = learned_from(ratings)
    return task


def _attribute_loss(asked: str | None, train: Ratings) -> str:
    """The loss that fits what the training photographs say of attributes."""
    labelled = train.attributes[~np.isnan(train.attributes)]
    # As AVA-style's list: of each photograph one attribute is known, and of none that it is absent.
    one_each = labelled.size > 0 and bool(labelled.all())
    if asked == "multi_label" and one_each:
        raise TaskError(
            f"task.attribute_loss=multi_label needs photographs without an attribute, and {train.name} says of none "
            f"that it is absent; use single_label"
        )
    return asked or ("single_label" if one_each else "multi_label")


def configured_task(cfg: DictConfig, ratings: Ratings) -> AestheticTask:
    """The task that a configuration asks for, where `start_from` says so with another model's weights.

    Raises:
        TaskError: Values that the task does not take, or a model that does not fit it.
        BackboneError: Backbone or its weights at fault.
    """
    task = build_task(ratings, plain(cfg.network), image_settings(cfg), **plain(cfg.task))
    if cfg.start_from is not None:
        _start_from(task, load_task(cfg.start_from), cfg.start_from)
    return task


def _start_from(task: AestheticTask, source: AestheticTask, path: str) -> None:
    """Begin with another model's backbone and heads, and all they have learned from."""
    task.learned_from = both(task.learned_from, source.learned_from)
    try:
        task.net.load_state_dict(source.net.state_dict())
    except RuntimeError as error:
        raise TaskError(
            f"start_from={path} holds a {source.hparams['network']['backbone']} with other layers or head sizes than "
            f"network.*, task.objective and the attributes of the data ask for; give it a matching configuration"
        ) from error


def configured_data(
    cfg: DictConfig,
    ratings: Ratings,
    sample_weights: SampleWeights,
    task: AestheticTask,
    prepared: Prepared | None,
    epoch_length: int,
) -> RatingData:
    """The loaders that a configuration asks for.

    Args:
        cfg: `conf/train.yaml` with overrides.
        ratings: To train and measure on.
        sample_weights: Of the training photographs.
        task: Whose preparation is taken.
        prepared: What `awcu prepare` made.
        epoch_length: Photographs that an epoch draws.

    Raises:
        TaskError: An objective that needs votes, for ratings without.
        PreparedError: Photographs prepared smaller than the task takes them.
    """
    if task.hparams["objective"] == "distribution" and ratings.votes is None:
        raise TaskError(f"task.objective=distribution needs votes, {ratings.name} has only mean scores; use binary")
    settings = task.hparams["preparation"]
    augment = {key: cfg.images[key] for key in ("flip", "random_crop", "color")}
    return RatingData(
        ratings,
        sample_weights,
        training=preparation(**settings, **augment),
        evaluation=preparation(**settings),
        size=settings["size"],
        seed=cfg.seed,
        prepared=prepared,
        epoch_length=epoch_length,
        **plain(cfg.loader),
    )
