"""Weights & Biases: one run a job."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import wandb
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from awcu.configuration import variant


@contextmanager
def wandb_logger(cfg: DictConfig, folder: Path, overrides: tuple[str, ...]) -> Iterator[WandbLogger | None]:
    """One W&B run, finished whatever happens: an open one would swallow the next job of a multirun."""
    mode: Any = cfg.wandb.mode or os.environ.get("WANDB_MODE") or ("online" if _has_key() else "offline")
    # Of the processes of one run, the first speaks for all.
    if mode == "disabled" or rank_zero_only.rank != 0:  # type: ignore[attr-defined]
        yield None
        return
    try:
        run = wandb.init(
            project=cfg.wandb.project,
            entity=cfg.wandb.entity,
            group=cfg.name,
            name=f"{variant(overrides)} seed={cfg.seed}",
            dir=folder,
            mode=mode,
            config=OmegaConf.to_container(cfg, resolve=True),  # type: ignore[arg-type]
            # Online, W&B says where to look; offline there is nothing to say.
            settings=wandb.Settings(silent=mode != "online"),
        )
        yield WandbLogger(experiment=run)
    finally:
        wandb.finish()


def _has_key() -> bool:
    """Whether W&B finds an API key on this machine, without asking for one or checking it over the network."""
    return wandb.login(prompt=False, verify=False)
