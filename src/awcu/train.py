"""`awcu train`: from a configuration to a trained, evaluated, recorded run."""

import csv
import io
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from awcu.configuration import ConfigurationError, check_keys, conf_folder, instantiated, variant
from awcu.data import RatingData, readable
from awcu.failed_runs import IN_FOLDER, FailedRun
from awcu.identity import IdentityError, claim, settings
from awcu.images import ImageError, preparation
from awcu.leak import both, leaked_count, learned_from
from awcu.network import BackboneError, normalization
from awcu.predictor import AestheticModel
from awcu.prepared import Prepared, PreparedError
from awcu.ratings import Ratings, RatingsError
from awcu.results import RecordError, RunRecord, git_state, package_versions, write_atomically
from awcu.resume import Preemption, ResumeError, checkpoint_to_resume
from awcu.sources.text import SourceError
from awcu.task import AestheticTask, TaskError, load_task
from awcu.tracking import wandb_logger
from awcu.trainer import build_trainer, quiet
from awcu.wandb_result import Pictures, log_result, photographs
from awcu.weighting import SampleWeights, WeightingError

USER_ERRORS = (
    ConfigurationError,
    SourceError,
    RatingsError,
    ImageError,
    PreparedError,
    BackboneError,
    WeightingError,
    TaskError,
    IdentityError,
    ResumeError,
    RecordError,
)
"""What a user can mend: shown as one line, without a traceback."""


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="train")
def main(cfg: DictConfig) -> None:
    """One Hydra job; where it is one of several and fails, the others go on."""
    job = HydraConfig.get()
    folder, overrides = Path(job.runtime.output_dir), tuple(job.overrides.task)
    try:
        run(cfg, folder, overrides)
    except Exception as error:
        _leave_failure(error, cfg, folder, overrides)
        if job.mode == RunMode.MULTIRUN:
            # Raised, it would be all that Hydra says at the end of the sweep.
            print(f"awcu: {error}" if isinstance(error, USER_ERRORS) else traceback.format_exc(), flush=True)
            return
        if isinstance(error, USER_ERRORS):
            raise SystemExit(f"awcu: {error}") from error
        raise
    (folder / IN_FOLDER).unlink(missing_ok=True)


def _leave_failure(error: Exception, cfg: DictConfig, folder: Path, overrides: tuple[str, ...]) -> None:
    said = str(error) if isinstance(error, USER_ERRORS) else f"{type(error).__name__}: {error}"
    try:
        FailedRun(cfg.name, variant(overrides), str(cfg.seed), said).save(folder)
    except OSError as full:
        # A sweep that went on would forget this one.
        raise SystemExit(f"awcu: {folder} cannot be written ({full.strerror}), after: {said}") from error


def run(cfg: DictConfig, folder: Path, overrides: tuple[str, ...] = ()) -> RunRecord:
    """Train as configured (unless `fit` is false), evaluate on validation and test, write `record.json`.

    A finished run's folder gives its record back; a killed one's goes on from its last checkpoint.

    Args:
        cfg: `conf/train.yaml` with overrides; not changed.
        folder: For the configuration, the checkpoints, the record, the predictions and W&B's files.
        overrides: As typed, for the record.

    Raises:
        ConfigurationError: A setting that does not exist.
        IdentityError: The folder holds another run.
        RecordError: The folder's record is damaged.
        ResumeError: The folder's checkpoint is damaged or of other photographs.
        RatingsError: Ratings, table or split at fault.
        ImageError: Unreadable photographs.
        PreparedError: Prepared photographs at fault, or of other photographs.
        BackboneError: Backbone or its weights at fault.
        WeightingError: Weighting at fault.
        TaskError: A number of the task out of range, or `fit=false` without a checkpoint.
    """
    check_keys(cfg, "train")
    identity = claim(folder, settings(cfg))
    if (folder / "record.json").exists():
        record = RunRecord.load(folder / "record.json")
        print(f"run {identity} has finished before: {folder / 'record.json'}", flush=True)
        return record
    # Hydra would write it before it is known whether the folder holds another run.
    write_atomically(folder / ".hydra" / "config.yaml", OmegaConf.to_yaml(cfg))
    return _train_and_measure(cfg, folder, overrides)


def _train_and_measure(cfg: DictConfig, folder: Path, overrides: tuple[str, ...]) -> RunRecord:
    last = folder / "checkpoints" / "last.ckpt"
    preemption = Preemption(last)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    prepared = prepared_photographs(cfg)
    whole, excluded = read_ratings(cfg, prepared)
    for note in whole.notes:
        print(f"{whole.name}: {note}", flush=True)
    ratings = whole.with_train(cfg.train_size, cfg.seed)
    sample_weights = SampleWeights(instantiated(cfg.weighting), **plain(cfg.sample_weights))
    task = _task(cfg, ratings) if cfg.fit else load_task(cfg.ckpt_path)
    # Fewer photographs do not also shorten training.
    data = _data(cfg, ratings, sample_weights, task, prepared, epoch_length=len(whole.of_split("train")))
    leaked = leaked_count(task, data.splits["test"], cfg.ckpt_path or cfg.start_from, cfg.allow_leak)
    tags = (ratings.name, str(sample_weights.weighting), task.hparams["network"]["backbone"])
    with quiet(), wandb_logger(cfg, folder, overrides, sample_weights, tags) as logger:
        trainer = build_trainer(plain(cfg.trainer), folder, logger, preemption)
        checkpoint = str(cfg.ckpt_path)
        if cfg.fit:
            resumed = checkpoint_to_resume(last, task.hparams["train_fingerprint"])
            trainer.fit(task, datamodule=data, ckpt_path=resumed, weights_only=True)
            checkpoint = str(folder / "checkpoints" / f"{cfg.trainer.checkpoint}.ckpt")
            task = load_task(checkpoint)
        # What is measured now is how the run ended, and no point of its curves.
        trainer.logger = None
        for evaluate in (trainer.validate, trainer.test):
            evaluate(task, datamodule=data, verbose=False)
        counts = {split: len(part) for split, part in data.splits.items()} | {"excluded": excluded} | leaked
        if cfg.train_size is not None:
            counts["unused"] = len(whole) - len(ratings)
        record = _record(cfg, overrides, task, whole, str(sample_weights), counts, checkpoint, preemption.seconds)
        if trainer.is_global_zero:
            write_atomically(folder / "predictions.csv", predictions_csv(task, data))
            record.save(folder / "record.json")
        if logger is not None:
            _show(logger.experiment, record, folder, cfg, task, data, trainer.strategy.root_device)
    return record


def _show(
    wandb_run: Any,
    record: RunRecord,
    folder: Path,
    cfg: DictConfig,
    task: AestheticTask,
    data: RatingData,
    device: torch.device,
) -> None:
    """Give W&B the outcome, which lies in the folder already."""
    pictures: Pictures = {}
    if cfg.wandb.photographs > 0:
        model = AestheticModel.from_pretrained(record.checkpoint, device)
        test, score = data.splits["test"], task.predictions["test"].score.numpy()
        files = test.image_paths if data.prepared is None else data.prepared.of(test)
        pictures = photographs(model, test, files.__getitem__, score, cfg.wandb.photographs)
    weights = data.sample_weights.at(data.splits["train"]) if cfg.fit else None
    log_result(wandb_run, record, folder, weights, pictures)


def _record(
    cfg: DictConfig,
    overrides: tuple[str, ...],
    task: AestheticTask,
    ratings: Ratings,
    weighting: str,
    counts: dict[str, int],
    checkpoint: str,
    seconds: float,
) -> RunRecord:
    commit, dirty = git_state(Path(__file__).parent)
    return RunRecord(
        experiment=cfg.name,
        variant=variant(overrides),
        weighting=weighting,
        seed=cfg.seed,
        overrides=overrides,
        data=ratings.name,
        data_fingerprint=ratings.fingerprint,
        split_fingerprint=ratings.split_fingerprint,
        n=counts,
        metrics=task.metrics,
        git_commit=commit,
        git_dirty=dirty,
        versions=package_versions(),
        wall_time_s=seconds,
        checkpoint=checkpoint,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        train_fingerprint=task.hparams["train_fingerprint"],
    )


def load_run(folder: Path) -> tuple[AestheticModel, Ratings]:
    """The model of a finished run and the test split it was measured on.

    Raises:
        TaskError: The folder holds no finished run.
    """
    config, record = folder / ".hydra" / "config.yaml", folder / "record.json"
    if not (config.is_file() and record.is_file()):
        raise TaskError(f"{folder} holds no finished run (record.json and .hydra/config.yaml); train one first")
    cfg = OmegaConf.load(config)
    assert isinstance(cfg, DictConfig)
    ratings, _ = read_ratings(cfg, prepared_photographs(cfg))
    return AestheticModel.from_pretrained(folder), ratings.of_split("test")


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
    """Arguments of `awcu.images.preparation` for evaluation, the backbone's own normalisation filled in."""
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


def _task(cfg: DictConfig, ratings: Ratings) -> AestheticTask:
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


def _data(
    cfg: DictConfig,
    ratings: Ratings,
    sample_weights: SampleWeights,
    task: AestheticTask,
    prepared: Prepared | None,
    epoch_length: int,
) -> RatingData:
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


def predictions_csv(task: AestheticTask, data: RatingData) -> str:
    """What the model said of each photograph that it was evaluated on, a row each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    # Without a column an attribute where the set has other attributes than the model.
    attribute_names = task.hparams["attribute_names"] if "test/map" in task.metrics else []
    writer.writerow(["image_id", "split", "mean_score", "high", "score", *attribute_names])
    for split, predictions in task.predictions.items():
        part = data.splits[split]
        rows = zip(part.image_ids, part.mean_score, part.high, predictions.score, predictions.attributes, strict=True)
        for image_id, mean, high, score, attributes in rows:
            writer.writerow([image_id, split, float(mean), int(high), score.item(), *attributes.tolist()])
    return text.getvalue()


def plain(cfg: Any) -> Any:
    """A configuration node as plain lists and dicts."""
    return OmegaConf.to_container(cfg, resolve=True)
