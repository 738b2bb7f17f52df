"""Weights & Biases: one W&B run for each run of ours, however often it is restarted."""

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import wandb
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from awcu.config.hydra import variant
from awcu.files import write_atomically
from awcu.ratings.weighting import SampleWeights, Step, Uniform

ID_FILE = "wandb_id"
LONGEST_TAG = 64  # characters, W&B's own limit
FLUSH = 1.0  # s until what was logged is in the file; after W&B's 15 a kill leaves nothing of the last epochs


@contextmanager
def wandb_logger(
    cfg: DictConfig, folder: Path, overrides: tuple[str, ...], weights: SampleWeights, tags: Sequence[str]
) -> Iterator[WandbLogger | None]:
    """A logger to one W&B run, which is always closed: an open one would swallow the next job of a multirun.

    Args:
        cfg: `conf/train.yaml` with overrides, which W&B gets resolved.
        folder: The run's folder, for W&B's files and for the id by which a second start continues the same W&B run.
        overrides: As typed.
        weights: Weights of the training photographs.
        tags: What runs are filtered by.
    """
    # Only the first of several processes logs.
    mode = "disabled" if rank_zero_only.rank != 0 else wandb_mode(cfg.wandb.mode)  # type: ignore[attr-defined]
    if mode == "disabled":
        yield None
        return
    identity = json.loads((folder / "identity.json").read_text(encoding="utf-8"))["identity"]
    row = variant(overrides)
    with opened_run(
        mode,
        folder,
        identity,
        project=cfg.wandb.project,
        entity=cfg.wandb.entity,
        group=cfg.name,
        name=f"{row} seed={cfg.seed}",
        job_type="train" if cfg.fit else "evaluate",
        tags=[tag[:LONGEST_TAG] for tag in tags],
        config={
            **OmegaConf.to_container(cfg, resolve=True),  # type: ignore[dict-item]
            **{"variant": row, "identity": identity, "weights": str(weights), "ratio": _ratio(weights)},
        },
    ) as run:
        # Beside Lightning's own axis, the step, on which runs with other batch sizes do not compare.
        for split in ("train", "val"):
            run.define_metric(f"{split}/*", step_metric="epoch")
        yield WandbLogger(experiment=run)


@contextmanager
def opened_run(mode: str, folder: Path, identity: str, **settings: Any) -> Iterator[wandb.Run]:
    """The W&B run of a folder, new or resumed.

    Args:
        mode: "online" or "offline".
        folder: For W&B's files and the id.
        identity: The run's identity, the first part of the id.
        **settings: Further arguments of `wandb.init`.
    """
    if os.environ.get("WANDB_SWEEP_ID"):
        # Under its agent, W&B says which run of which project this is.
        settings |= {"project": None, "entity": None}
    else:
        settings["id"] = run_id(folder, identity)
    run = wandb.init(
        mode=mode,  # type: ignore[arg-type]
        dir=folder.resolve(),  # W&B writes from a process of its own, which may have begun in another folder
        resume="allow",
        settings=wandb.Settings(
            silent=mode != "online",  # online, W&B prints the run's address
            x_transaction_log_flush_interval=FLUSH,
        ),
        **settings,
    )
    try:
        yield run
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()


def run_id(folder: Path, identity: str) -> str:
    """The W&B id of a folder's run, kept in the folder so that a restart resumes the same W&B run.

    The identity alone is not enough: two people may train the same run in one project.
    """
    path = folder / ID_FILE
    held = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    # A folder whose first run failed early may have become another's.
    if not held.startswith(f"{identity}-"):
        held = f"{identity}-{secrets.token_hex(4)}"
        write_atomically(path, held + "\n")
    return held


def wandb_mode(asked: str | None) -> str:
    """Online, offline or disabled: as asked, else as WANDB_MODE says, else by whether there is a key."""
    return asked or os.environ.get("WANDB_MODE") or ("online" if has_key() else "offline")


def has_key() -> bool:
    """Whether W&B finds an API key on this machine, without asking for one or checking it over the network."""
    return wandb.login(prompt=False, verify=False)


def _ratio(weights: SampleWeights) -> float | None:
    """How many ambiguous photographs one unambiguous outweighs, where that is what the weighting sets."""
    if isinstance(weights.weighting, Uniform):
        return 1.0
    return weights.weighting.ratio if isinstance(weights.weighting, Step) else None
