"""The frozen backbones that a configuration names, one or several side by side, and their features of photographs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from awcu.config.hydra import plain
from awcu.errors import ConfigurationError
from awcu.images.transforms import Preparation
from awcu.models.network import AestheticNet
from awcu.ratings.ratings import Ratings
from awcu.training.build import image_settings, one_each, prepared_photographs
from awcu.training.features import Features, extract


def each_backbone(cfg: DictConfig) -> list[DictConfig]:
    """One configuration for each of the backbones side by side; of one backbone, its own.

    Raises:
        ConfigurationError: Lists in `network.*` or `images.size` that are empty or of unequal lengths.
    """
    listed = one_each(cfg)
    lengths = {key: len(values) for key, values in listed.items()}
    if len({*lengths.values()}) > 1 or 0 in lengths.values():
        named = ", ".join(f"{key} has {length}" for key, length in lengths.items())
        raise ConfigurationError(
            f"lists of backbones must be of one length, at least 1: {named}; give one value for all, or one each"
        )
    singles = [cfg.copy() for _ in range(max(lengths.values(), default=1))]
    for place, single in enumerate(singles):
        for key, values in listed.items():
            OmegaConf.update(single, key, values[place])
    return singles


def frozen_network(cfg: DictConfig) -> AestheticNet:
    """The backbone; without weights, what `seed` draws."""
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    return AestheticNet(**plain(cfg.network), image_size=cfg.images.size)


def backbone_settings(cfg: DictConfig) -> dict[str, Any]:
    """Settings that define the backbone, except its weights."""
    return {key: cfg.network[key] for key in ("backbone", "pad_type", "output_stride")}


def see(cfg: DictConfig, ratings: Ratings, network: AestheticNet) -> Features:
    """The features of all photographs, whatever their split; from the cache where they are there."""
    settings = plain(cfg.features)
    home = settings.pop("folder")
    images = image_settings(cfg)
    folder = None if home is None else Path(home)
    return extract(
        ratings,
        network,
        backbone_settings(cfg) | images,
        Preparation(**images),
        folder=folder,
        prepared=prepared_photographs(cfg),
        missing=cfg.data.on_unreadable == "exclude",
        **settings,
    )


def see_each(singles: Sequence[DictConfig], ratings: Ratings) -> tuple[list[AestheticNet], list[Features]]:
    """The networks of some configurations and their features."""
    # A second backbone at fault shall not cost the minutes of the first one's pass.
    networks = [frozen_network(one) for one in singles]
    for note in ratings.notes:
        print(f"{ratings.name}: {note}", flush=True)
    return networks, [see(one, ratings, network) for one, network in zip(singles, networks, strict=True)]


def as_tensor(features: Features, ratings: Ratings) -> Tensor:
    """Pooled features `(N, V, C)` of these photographs, on the GPU where there is one."""
    return torch.from_numpy(features.of(ratings.image_ids)).to("cuda" if torch.cuda.is_available() else "cpu")
