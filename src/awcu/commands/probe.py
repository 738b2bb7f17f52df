"""`awcu probe`: a grid of weightings, training sizes and splits over one pass of a frozen backbone."""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

from awcu.config.hydra import check_keys, conf_folder, instantiated
from awcu.errors import MENDABLE
from awcu.probing import sweep
from awcu.probing.backbones import each_backbone, see_each
from awcu.runs.record import RESULTS, RunRecord
from awcu.tables.spec import TableSpec
from awcu.tables.table import Table


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="probe")
def main(cfg: DictConfig) -> None:
    """One Hydra job: the sweep, and its table for all training photographs."""
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    try:
        records = sweep.run(cfg, folder, tuple(job.overrides.task))
    except MENDABLE as error:
        raise SystemExit(f"awcu: {error}") from error
    whole = [record for record in records if record.n["unused"] == 0]
    if whole:
        columns = {"test/accuracy": "accuracy", "test/auroc": "AUROC", "test/srcc": "SRCC"}
        labels = {record.variant: label(record) for record in whole}
        table = Table.from_records(TableSpec(cfg.name, whole[0].variant, columns, labels), whole)
        # A pipe or a log file has no width to fit into.
        Console(width=None if sys.stdout.isatty() else 120).print(table.to_terminal())
    ends = [min(cfg.probe.penalties), max(cfg.probe.penalties)]
    at_end = sum(record.metrics["probe/penalty"] in ends for record in records)
    if at_end:
        print(f"{at_end} of {len(records)} picked the weakest or strongest penalty; widen probe.penalties if many")
    print(f"{len(records)} records in {folder / RESULTS}")


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="probe")
def features_main(cfg: DictConfig) -> None:
    """One Hydra job: the pass of the backbone alone."""
    try:
        check_keys(cfg, "probe")
        singles = each_backbone(cfg)
        _, seen = see_each(singles, instantiated(cfg.data.ratings))
    except MENDABLE as error:
        raise SystemExit(f"awcu: {error}") from error
    for one, features in zip(singles, seen, strict=True):
        count, views, channels = features.pooled.shape
        named = f"{one.network.backbone}: " if len(singles) > 1 else ""
        print(f"{named}{count} photographs × {views} × {channels} features, key {features.key}")


def label(record: RunRecord) -> str:
    """What a row weights by, without what it leaves at its default."""
    text = record.weighting.removeprefix("SampleWeights(weighting=")[:-1]
    for default in (", permuted=False", ", effective_share=None", ", anneal='none'", ", class_balance=False"):
        text = text.replace(default, "")
    return text.replace(", class_balance=True", ", balanced").replace(", permuted=True", ", permuted")
