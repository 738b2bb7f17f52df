"""`awcu train`: from a configuration to a trained, evaluated, recorded run."""

import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from awcu.config.hydra import check_keys, conf_folder, variant
from awcu.config.identity import claim, settings
from awcu.errors import MENDABLE, AwcuError
from awcu.files import write_atomically
from awcu.inference.predictor import AestheticModel
from awcu.reports.wandb_media import Pictures, log_result, photographs
from awcu.runs.failures import IN_FOLDER, FailedRun
from awcu.runs.provenance import git_state, package_versions
from awcu.runs.record import RunRecord
from awcu.training.build import Run, build_run, fit_and_measure
from awcu.training.trainer import quiet
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
            print(_of_a_sweep(error) if isinstance(error, MENDABLE) else traceback.format_exc(), flush=True)
            return
        if isinstance(error, MENDABLE):
            raise SystemExit(f"awcu: {error}") from error
        raise
    (folder / IN_FOLDER).unlink(missing_ok=True)


def _of_a_sweep(error: Exception) -> str:
    """The line of one run; whether a sweep was asked for tracebacks, its runs cannot tell."""
    line = f"awcu: {error}"
    return line if isinstance(error, AwcuError) else f"{line}; HYDRA_FULL_ERROR=1 on this run alone shows where"


def _leave_failure(error: Exception, cfg: DictConfig, folder: Path, overrides: tuple[str, ...]) -> None:
    said = str(error) if isinstance(error, MENDABLE) else f"{type(error).__name__}: {error}"
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
    made = build_run(cfg, folder)
    weights = made.data.sample_weights
    tags = (made.whole.name, str(weights.weighting), made.task.hparams["network"]["backbone"])
    with quiet(), wandb_logger(cfg, folder, overrides, weights, tags) as logger:
        trainer, checkpoint = fit_and_measure(made, cfg, folder, logger)
        record = _record(cfg, overrides, made, checkpoint)
        if trainer.is_global_zero:
            write_atomically(folder / "predictions.csv", made.evaluation.predictions_csv())
            record.save(folder / "record.json")
        if logger is not None:
            _show(logger.experiment, record, folder, cfg, made, trainer.strategy.root_device)
    return record


def _show(wandb_run: Any, record: RunRecord, folder: Path, cfg: DictConfig, made: Run, device: torch.device) -> None:
    """Give W&B the outcome, which lies in the folder already."""
    pictures: Pictures = {}
    if cfg.wandb.photographs > 0:
        model = AestheticModel.from_pretrained(record.checkpoint, device)
        test, data = made.evaluation.results["test"], made.data
        files = test.ratings.image_paths if data.prepared is None else data.prepared.of(test.ratings)
        score = test.predictions.score.numpy()
        pictures = photographs(model, test.ratings, files.__getitem__, score, cfg.wandb.photographs)
    weights = made.data.sample_weights.at(made.data.splits["train"], seed=cfg.seed) if cfg.fit else None
    log_result(wandb_run, record, folder, weights, pictures)


def _record(cfg: DictConfig, overrides: tuple[str, ...], made: Run, checkpoint: str) -> RunRecord:
    commit, dirty = git_state(Path(__file__).parent)
    return RunRecord(
        experiment=cfg.name,
        variant=variant(overrides),
        weighting=str(made.data.sample_weights),
        seed=cfg.seed,
        overrides=overrides,
        data=made.whole.name,
        data_fingerprint=made.whole.fingerprint,
        split_fingerprint=made.whole.split_fingerprint,
        n=made.counts,
        metrics=made.evaluation.metrics,
        git_commit=commit,
        git_dirty=dirty,
        versions=package_versions(),
        wall_time_s=made.preemption.seconds,
        checkpoint=checkpoint,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        train_fingerprint=made.task.hparams["train_fingerprint"],
        split=str(cfg.data.ratings.get("split") or ""),
    )
