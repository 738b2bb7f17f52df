"""`awcu train`: from a configuration to a trained, evaluated, recorded run."""

import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from awcu.config.hydra import check_keys, conf_folder, instantiated, plain, variant
from awcu.config.identity import claim, settings
from awcu.errors import (
    AwcuError,
    TaskError,
)
from awcu.files import write_atomically
from awcu.inference.predictor import AestheticModel
from awcu.ratings.ratings import Ratings
from awcu.ratings.weighting import SampleWeights
from awcu.reports.wandb_media import Pictures, log_result, photographs
from awcu.runs.failures import IN_FOLDER, FailedRun
from awcu.runs.predictions import predictions_csv
from awcu.runs.provenance import git_state, package_versions
from awcu.runs.record import RunRecord
from awcu.training.build import configured_data, configured_task, prepared_photographs, read_ratings
from awcu.training.checkpointing import Preemption, checkpoint_to_resume
from awcu.training.datamodule import RatingData
from awcu.training.leakage import leaked_count
from awcu.training.module import AestheticTask, load_task
from awcu.training.trainer import build_trainer, quiet
from awcu.training.wandb_run import wandb_logger


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
            print(f"awcu: {error}" if isinstance(error, AwcuError) else traceback.format_exc(), flush=True)
            return
        if isinstance(error, AwcuError):
            raise SystemExit(f"awcu: {error}") from error
        raise
    (folder / IN_FOLDER).unlink(missing_ok=True)


def _leave_failure(error: Exception, cfg: DictConfig, folder: Path, overrides: tuple[str, ...]) -> None:
    said = str(error) if isinstance(error, AwcuError) else f"{type(error).__name__}: {error}"
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
    task = configured_task(cfg, ratings) if cfg.fit else load_task(cfg.ckpt_path)
    # Fewer photographs do not also shorten training.
    data = configured_data(cfg, ratings, sample_weights, task, prepared, epoch_length=len(whole.of_split("train")))
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
            write_atomically(folder / "predictions.csv", _predictions(task, data))
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


def _predictions(task: AestheticTask, data: RatingData) -> str:
    # Without a column an attribute where the set has other attributes than the model.
    attribute_names = task.hparams["attribute_names"] if "test/map" in task.metrics else []
    return predictions_csv(
        {split: (data.splits[split], one) for split, one in task.predictions.items()}, attribute_names
    )
