"""Every public data set, from a tiny copy as distributed to a trained and recorded run."""

import pkgutil
from importlib import import_module
from pathlib import Path

import published_layouts
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from awcu.commands.train import run
from awcu.config.hydra import conf_folder
from awcu.ratings.splits import SPLITS
from awcu.runs.record import RunRecord

COPIES = sorted(module.name for module in pkgutil.iter_modules(published_layouts.__path__) if module.name != "pictures")
CONFIGURED = sorted(path.stem for path in (Path(conf_folder()) / "data").glob("*.yaml"))
NO_COPY = {"gallery", "table", "ava_huggingface"}  # rendered; any table; read as data=huggingface is
SMALL = (
    "network.backbone=test_resnet",
    "images.size=64",
    "loader.batch_size=8",
    "loader.workers=0",
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "wandb.mode=disabled",
)


def test_every_configured_set_has_a_copy():
    assert set(CONFIGURED) - NO_COPY == set(COPIES)


@pytest.mark.parametrize("name", CONFIGURED)
def test_every_set_says_where_to_get_it(name):
    cfg = OmegaConf.load(Path(conf_folder()) / "data" / f"{name}.yaml")
    assert cfg.home
    assert cfg.on_unreadable in ("error", "exclude")
    assert "split_seed" in cfg.ratings


@pytest.mark.slow
@pytest.mark.parametrize("name", COPIES)
def test_one_epoch(name, tmp_path, one_thread):
    root = tmp_path / name
    root.mkdir()
    overrides = import_module(f"published_layouts.{name}").write(root)
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        cfg = compose("train", [f"data={name}", f"data.root={root}", *SMALL, *overrides])
    record = run(cfg, tmp_path / "run")
    assert RunRecord.load(tmp_path / "run" / "record.json") == record
    assert all(record.n[split] > 0 for split in SPLITS)
