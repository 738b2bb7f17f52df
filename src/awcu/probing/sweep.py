"""A sweep: every weighting of a grid at every training size and split, each head solved on the same frozen features."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

from awcu.config.hydra import check_keys, instantiated, plain
from awcu.config.identity import claim, settings
from awcu.errors import ConfigurationError, IdentityError, ImageError
from awcu.files import write_atomically
from awcu.metrics.rating import Predictions, evaluate, trivial
from awcu.models.network import AestheticNet
from awcu.probing.as_network import network_with_heads, save_run, solve_attributes
from awcu.probing.backbones import as_tensor, backbone_settings, each_backbone, see_each
from awcu.probing.cross_validation import Search, Solved, predict, solve, weigh
from awcu.probing.grid import GridRow, grid_rows
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import SPLITS, Split
from awcu.ratings.subsampling import with_clear_share, with_votes
from awcu.runs.predictions import CELLS, save_cell
from awcu.runs.provenance import git_state, package_versions
from awcu.runs.record import RESULTS, RunRecord, read_results_csv, write_results_csv
from awcu.training.build import image_settings
from awcu.training.features import Features, side_by_side

Splits = dict[Split, Ratings]


def run(cfg: DictConfig, folder: Path, overrides: tuple[str, ...] = ()) -> list[RunRecord]:
    """Solve the grid and write `results.csv`: one record a row, training size and seed; beside it, the test scores.

    A finished sweep's folder gives its records back; a killed one's goes on with what `results.csv` lacks.

    Args:
        cfg: `conf/probe.yaml` with overrides; not changed.
        folder: For the configuration, the results, and the heads to be saved.
        overrides: As typed, for the records.

    Raises:
        ConfigurationError: A setting that does not exist or is out of range.
        IdentityError: The folder holds another sweep, or one of other ratings.
        RecordError: The folder's results are damaged.
        RatingsError: Ratings or split at fault.
        ImageError: Unreadable photographs.
        PreparedError: Prepared photographs at fault, or of other photographs.
        BackboneError: Backbone or its weights at fault.
        FeatureError: A feature cache at fault.
        WeightingError: A weighting at fault.
        ProbeError: A head without an optimum.
    """
    plan = _plan(cfg)
    identity, results = claim(folder, settings(cfg)), folder / RESULTS
    known = {record.identity: record for record in (read_results_csv(results) if results.exists() else [])}
    found = {one: known[one] for one in plan.identities if one in known}
    if len(found) == len(plan.identities) and not plan.unsaved(folder):
        print(f"run {identity} has finished before: {results}", flush=True)
        return list(found.values())
    # Hydra would write it before it is known whether the folder holds another sweep.
    write_atomically(folder / ".hydra" / "config.yaml", OmegaConf.to_yaml(cfg))
    study = _study(plan, overrides)
    for seed in cfg.probe.seeds:
        # A row that cannot be solved shall not cost the work done on the others.
        study.check(study.draw(seed), found, folder)
    if found:
        print(f"  going on after {len(found)} of {len(plan.identities)} records ({results})", flush=True)
    for seed in cfg.probe.seeds:
        draw = study.draw(seed)
        for size in cfg.probe.sizes:
            if not found.keys() >= set(plan.identities_of(size, seed)):
                _, records, scores = study.cell(plan.rows, draw, size)
                print(_line(draw, records, len(plan.rows) * plan.search.heads_a_row), flush=True)
                words = [*plan.cfg.variant.split(), *([] if size is None else [f"size={size}"]), f"seed={seed}"]
                save_cell(folder / CELLS / f"{','.join(words)}.npz", draw.parts["test"], records, scores)
                found |= {record.identity: record for record in records}
                # Every time, so that a sweep that is killed leaves what it has.
                write_results_csv(found.values(), results)
    study.save(folder)
    return [found[one] for one in plan.identities]


@dataclass(frozen=True, eq=False)
class _Plan:
    """What a sweep is asked for, before any photograph is seen."""

    cfg: DictConfig  # of one backbone, its own
    singles: list[DictConfig]  # one configuration a backbone
    rows: list[GridRow]
    search: Search

    @property
    def identities(self) -> list[tuple[str, str, int]]:
        """Of all records, in the order in which they are made."""
        settings = self.cfg.probe
        return [one for seed in settings.seeds for size in settings.sizes for one in self.identities_of(size, seed)]

    def identities_of(self, size: int | None, seed: int) -> list[tuple[str, str, int]]:
        """Of the records of one cell, row by row."""
        return [(self.cfg.name, self.variant(row, size), seed) for row in self.rows]

    def variant(self, row: GridRow, size: int | None) -> str:
        """The name of a row's records at one training size."""
        words = [*self.cfg.variant.split(), *([] if size is None else [f"size={size}"]), *row.variant.split()]
        return " ".join(sorted(words))

    def unsaved(self, folder: Path) -> dict[GridRow, Path]:
        """The rows whose head is asked for and not in its folder yet, and these folders."""
        asked, seed = self.cfg.probe.save, self.cfg.probe.seeds[0]
        folders = {
            row: folder / "heads" / re.sub(r"[^\w.-]+", "_", f"{self.variant(row, None)}_seed{seed}")
            for row in self.rows
            if row.variant in asked
        }
        return {row: place for row, place in folders.items() if not (place / "record.json").exists()}


def _plan(cfg: DictConfig) -> _Plan:
    check_keys(cfg, "probe")
    if cfg.data.get("attributes") is not None:
        raise ConfigurationError("data.attributes is for awcu train; awcu probe solves the attributes that the set has")
    singles = each_backbone(cfg)
    _check_settings(cfg, len(singles))
    settings = plain(cfg.probe)
    rows = grid_rows(settings["weightings"])
    for variant in settings["save"]:
        if variant not in [row.variant for row in rows]:
            named = "\n  ".join(row.variant for row in rows)
            raise ConfigurationError(f"probe.save: {variant!r} is no row; the rows are\n  {named}")
    search = Search(tuple(settings["penalties"]), settings["folds"], settings["objective"])
    return _Plan(singles[0] if len(singles) == 1 else cfg, singles, rows, search)


def _check_settings(cfg: DictConfig, backbones: int) -> None:
    """Refuse values of the wrong kind, which OmegaConf lets pass."""
    settings = plain(cfg.probe)
    kinds: dict[str, tuple[type, ...]] = {
        "weightings": (str,), "save": (str,), "seeds": (int,), "sizes": (int, type(None)), "penalties": (int, float),
    }  # fmt: skip
    for key, kind in kinds.items():
        values = settings[key]
        if not isinstance(values, list) or not all(
            isinstance(one, kind) and not isinstance(one, bool) for one in values
        ):
            named = " or ".join("null" if one is type(None) else one.__name__ for one in kind)
            raise ConfigurationError(f"probe.{key}={values!r} must be a list of {named}")
        if not values and key != "save":
            raise ConfigurationError(f"probe.{key} is empty; give at least one")
        if key != "weightings" and len(set(values)) < len(values):
            raise ConfigurationError(f"probe.{key}={values} names one twice; remove it")
    for name, value, least in (
        *((f"probe.seeds: {seed}", seed, 0) for seed in settings["seeds"]),
        ("probe.folds", settings["folds"], 2),
        ("probe.votes", 1 if settings["votes"] is None else settings["votes"], 1),
    ):
        if not isinstance(value, int) or value < least:
            raise ConfigurationError(f"{name} is {value!r}; it must be a whole number ≥ {least}")
    share = settings["clear_share"]
    if not isinstance(share, float | int | None) or isinstance(share, bool):
        raise ConfigurationError(f"probe.clear_share={share!r} must be a number in [0, 1], or null")
    if share is not None and None in settings["sizes"]:
        raise ConfigurationError("probe.clear_share draws photographs of some kinds; say how many in probe.sizes")
    if share is not None and settings["save"]:
        raise ConfigurationError("probe.save keeps heads of all training photographs; leave out probe.clear_share")
    for key, asked in (("probe.save", settings["save"]), ("features.maps", cfg.features.maps)):
        if backbones > 1 and asked:
            raise ConfigurationError(
                f"one backbone is needed for {key}, and {backbones} stand side by side, whose maps do not fit "
                f"together; name one, or leave {key} out"
            )
    if cfg.data.on_unreadable not in ("error", "exclude"):
        raise ConfigurationError(f"data.on_unreadable={cfg.data.on_unreadable!r} must be one of error, exclude")


@dataclass(frozen=True, eq=False)
class _Draw:
    """One seed's split of the readable photographs."""

    seed: int
    ratings: Ratings
    parts: Splits
    excluded: int


@dataclass(frozen=True, eq=False)
class _Study:
    """All that the cells of one sweep share."""

    plan: _Plan
    overrides: tuple[str, ...]
    network: AestheticNet  # the first; where heads are saved, there is no other
    features: Features
    commit: tuple[str, bool]
    created: str

    def draw(self, seed: int) -> _Draw:
        """The split of one seed."""
        data = _at_seed(self.plan.cfg, seed).data
        ratings, faults = instantiated(data.ratings), self.features.unreadable
        if faults and data.on_unreadable != "exclude":
            listed = "\n  ".join(faults.values())
            raise ImageError(
                f"{ratings.name}: {len(faults)} of {len(ratings)} photographs cannot be read:\n  {listed}\n"
                f"Repair them, or go without them by data.on_unreadable=exclude (the record counts them)"
            )
        # In order of their ids, or another order of the table's rows would draw other samples and folds.
        ratings = ratings.select(np.argsort(ratings.image_ids))
        ratings = ratings.select(~np.isin(ratings.image_ids, list(faults)))
        return _Draw(seed, ratings, {split: ratings.of_split(split) for split in SPLITS}, len(faults))

    def check(self, draw: _Draw, found: Mapping[tuple[str, str, int], RunRecord], folder: Path) -> None:
        """Refuse a row that one of the training sizes leaves without a class, and to go on with other ratings."""
        for size in self.plan.cfg.probe.sizes:
            weigh(self.plan.rows, self.train(draw, size), self.plan.search, draw.seed)
        now = (draw.ratings.fingerprint, draw.ratings.split_fingerprint)
        for record in found.values():
            if record.seed == draw.seed and (record.data_fingerprint, record.split_fingerprint) != now:
                raise IdentityError(
                    f"{folder / RESULTS} was made of other ratings or another split than {draw.ratings.name} has now; "
                    f"remove {folder} to begin again, or give another by hydra.run.dir or name"
                )

    def train(self, draw: _Draw, size: int | None) -> Ratings:
        """The training photographs of one split with the votes and the share of clear ones that are asked for."""
        share, train = self.plan.cfg.probe.clear_share, draw.parts["train"]
        if share is None:
            some = train.subset(size, draw.seed)
        else:
            assert size is not None
            some = with_clear_share(train, share, size, draw.seed)
        return with_votes(some, self.plan.cfg.probe.votes, draw.seed)

    def cell(self, rows: Sequence[GridRow], draw: _Draw, size: int | None) -> tuple[Solved, list[RunRecord], Floats]:
        """The heads of some rows on one split and training size, their records, and `(R, N)` their test scores."""
        started = time.monotonic()
        train = self.train(draw, size)
        solved = solve(rows, train, as_tensor(self.features, train), self.plan.search, draw.seed)
        test, objective = draw.parts["test"], self.plan.search.read(draw.parts["test"])
        predictions = predict(solved.heads, as_tensor(self.features, test)[:, 0], objective)
        metrics = _measured(solved, draw.parts | {"train": train}, predictions)
        n: dict[str, int] = {split: len(part) for split, part in draw.parts.items()}
        n |= {"train": len(train), "unused": n["train"] - len(train), "excluded": draw.excluded}
        facts: dict[str, Any] = {
            "experiment": self.plan.cfg.name, "seed": draw.seed, "overrides": self.overrides, "data": draw.ratings.name,
            "data_fingerprint": draw.ratings.fingerprint, "split_fingerprint": draw.ratings.split_fingerprint,
            "train_fingerprint": train.split_fingerprint,
            "split": str(self.plan.cfg.data.ratings.get("split") or ""),
            "n": n, "git_commit": self.commit[0], "git_dirty": self.commit[1], "checkpoint": "",
            "versions": package_versions(),
            "wall_time_s": (time.monotonic() - started) / len(rows), "created": self.created,
        }  # fmt: skip
        return (
            solved,
            [
                RunRecord(variant=self.plan.variant(row, size), weighting=str(row.weights), metrics=measured, **facts)
                for row, measured in zip(rows, metrics, strict=True)
            ],
            np.stack([one.score.numpy() for one in predictions]),
        )

    def save(self, folder: Path) -> None:
        """Keep the heads asked for as runs; solved once more, since keeping all would fill the memory."""
        folders, cfg, search = self.plan.unsaved(folder), self.plan.cfg, self.plan.search
        if not folders:
            return
        draw = self.draw(cfg.probe.seeds[0])
        solved, records, _ = self.cell(list(folders), draw, None)
        train, val = draw.parts["train"], draw.parts["val"]
        attributes = solve_attributes(
            train, as_tensor(self.features, train), val, as_tensor(self.features, val), list(search.penalties)
        )
        settings, images = backbone_settings(cfg), image_settings(cfg)
        for place, (kept, record) in enumerate(zip(folders.values(), records, strict=True)):
            head = solved.heads.select(torch.tensor([place], device=solved.heads.weight.device))
            task = network_with_heads(self.network, head, attributes, draw.ratings, settings, images, search.objective)
            save_run(kept, task, record, _at_seed(cfg, draw.seed), draw.ratings)
            print(kept)


def _study(plan: _Plan, overrides: tuple[str, ...]) -> _Study:
    # Before hours of work, since a commit made meanwhile is not the code in memory.
    commit = git_state(Path(__file__).parent)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    ratings = instantiated(_at_seed(plan.cfg, plan.cfg.probe.seeds[0]).data.ratings)
    plan.search.check(ratings)
    networks, features = see_each(plan.singles, ratings)
    overrides = _with_backbones(overrides, plan.singles)
    return _Study(plan, overrides, networks[0], side_by_side(features), commit, created)


def _with_backbones(overrides: tuple[str, ...], singles: Sequence[DictConfig]) -> tuple[str, ...]:
    """The overrides, with several backbones where a page names them and no override does."""
    if len(singles) == 1 or any(text.partition("=")[0].lstrip("+") == "network.backbone" for text in overrides):
        return overrides
    return *overrides, f"network.backbone=[{','.join(one.network.backbone for one in singles)}]"


def _measured(solved: Solved, splits: Splits, predictions: list[Predictions]) -> list[dict[str, float]]:
    """One record's metrics a row: on the test split, beside the trivial predictor's, and the penalty picked."""
    test = splits["test"]
    found = [evaluate(one, test) for one in predictions]
    # It knows no weighting, so it is the same for all rows.
    baseline = {f"test/trivial/{name}": value for name, value in trivial(splits["train"], test, found[0]).items()}
    return [
        {f"test/{name}": value for name, value in one.items()}
        | baseline
        | {"probe/penalty": float(penalty), "probe/converged": float(converged)}
        for one, penalty, converged in zip(found, solved.penalties, solved.converged, strict=True)
    ]


def _line(draw: _Draw, records: Sequence[RunRecord], heads: int) -> str:
    """The line printed for one cell."""
    areas = [record.metrics["test/auroc"] for record in records]
    seconds = sum(record.wall_time_s for record in records)
    return (
        f"seed {draw.seed}, {records[0].n['train']} training photographs: {heads} heads in {seconds:.1f} s; "
        f"test AUROC {areas[0]:.3f} of the baseline, {min(areas):.3f} to {max(areas):.3f} of all rows"
    )


def _at_seed(cfg: DictConfig, seed: int) -> DictConfig:
    """The configuration of one split."""
    merged = OmegaConf.merge(cfg, {"seed": seed})
    assert isinstance(merged, DictConfig)
    return merged
