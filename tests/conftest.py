"""Tiny data sets, written or built within a test, and what several test files look at or set."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from matplotlib.figure import Figure
from PIL import Image

from awcu.commands import main as cli
from awcu.config.hydra import conf_folder
from awcu.datasets.readers import table
from awcu.models.reference import Reference
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import SPLITS
from awcu.training.module import AestheticTask

VOTE_COLUMNS = ("c1", "c2", "c3", "c4", "c5")
TABLE = {
    "name": "tiny",
    "file": "ratings.csv",
    "image_column": "image",
    "vote_columns": VOTE_COLUMNS,
    "attribute_columns": ("kind",),
    "scale": (1, 2, 3, 4, 5),
    "midpoint": 3,
}

TINY_RUN = (
    "data=table",
    "data.ratings.vote_columns=[c1,c2,c3,c4,c5]",
    "data.ratings.scale=[1,2,3,4,5]",
    "data.ratings.midpoint=3",
    "data.ratings.attribute_columns=[kind]",
    "data.ratings.val=0.25",
    "data.ratings.test=0.25",
    "network.backbone=test_resnet",
    "images.size=64",
    "loader.batch_size=6",
    "loader.workers=0",
    "trainer.max_epochs=2",
    "trainer.accelerator=cpu",
    "wandb.mode=disabled",
)
"""Overrides that train on `rated_folder` within a second or two."""


def write_rated_pictures(folder):
    """ratings.csv and images/ of 24 pictures, every second one bright and rated high.

    The names are chosen so that the split hashed with seed 0 has both classes everywhere, whether at the
    default shares or at a quarter each for val and test.
    """
    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    rows = []
    for i in range(24):
        bright = i % 2
        name = f"picture_{i:02d}.jpg"
        level = (60, 190)[bright] + rng.integers(-20, 21)
        noise = rng.normal(level, 12, (40, 48, 3)).clip(0, 255)
        Image.fromarray(noise.astype(np.uint8)).save(folder / "images" / name, quality=90)
        shares = (0.3, 0.4, 0.2, 0.1, 0.0)[:: -1 if bright else 1]
        rows.append([name, *rng.multinomial(20, shares), ("indoors", "outdoors", "")[i % 3]])
    frame = pd.DataFrame(rows, columns=["image", *VOTE_COLUMNS, "kind"])
    frame.to_csv(folder / "ratings.csv", index=False)


@pytest.fixture
def rated_folder(tmp_path):
    """A folder with the pictures of `write_rated_pictures`."""
    write_rated_pictures(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def experiment_runs(tmp_path_factory):
    """Folder of the finished runs of a tiny experiment, two variants with two seeds; a third variant failed.

    To be copied by who changes anything in it.
    """
    # Here, since most tests need neither.
    from awcu.commands.train import run
    from awcu.runs.failures import FailedRun

    root = tmp_path_factory.mktemp("experiment")
    write_rated_pictures(root)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for weighting, seed in product(("uniform", "step"), (0, 1)):
        overrides = (f"seed={seed}", f"weighting={weighting}")
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            cfg = compose("train", [*TINY_RUN, f"data.root={root}", "name=smoke", *overrides])
        run(cfg, root / "runs" / f"{weighting}_{seed}", overrides)
    torch.set_num_threads(threads)
    FailedRun("smoke", "weighting=drop", "0", "no room <left>\non the disk").save(root / "runs" / "drop_0")
    return root / "runs"


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """Folder of one finished run, whose photographs lie beside it; to be copied by who changes anything in it."""
    from awcu.commands.train import run

    root = tmp_path_factory.mktemp("trained")
    write_rated_pictures(root)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        cfg = compose("train", [*TINY_RUN, f"data.root={root}"])
    run(cfg, root / "run", ("weighting=uniform", "seed=0", f"data.root={root}"))
    torch.set_num_threads(threads)
    return root / "run"


@pytest.fixture
def small(rated_folder):
    """Overrides of a run on `rated_folder`."""
    return [*TINY_RUN, f"data.root={rated_folder}"]


@pytest.fixture
def configured(small):
    """Compose the configuration of such a run."""

    def configure(*overrides):
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            return compose("train", [*small, *overrides])

    return configure


@pytest.fixture
def ratings(rated_folder):
    """`rated_folder` in memory; both classes in each split."""
    tiny = table.read(root=rated_folder, val=0.25, test=0.25, **TABLE)
    for split in SPLITS:
        tiny.of_split(split)
    return tiny


@pytest.fixture(scope="session")
def make_ratings():
    """Build `Ratings` without files, from votes or from mean scores; any field can be given."""

    def make(votes=None, mean_score=None, **fields):
        n = len(votes) if mean_score is None else len(mean_score)
        ids = np.array([f"p{i:02d}" for i in range(n)], dtype=np.str_)
        k = 5 if votes is None else len(votes[0])
        values = {
            "name": "made",
            "image_ids": ids,
            "image_paths": np.array([str(Path("images") / f"{i}.jpg") for i in ids], dtype=np.str_),
            "scale": np.arange(1.0, k + 1),
            "midpoint": (1 + k) / 2,
            "mean_score": np.empty(0) if mean_score is None else np.asarray(mean_score, dtype=np.float64),
            "split": np.full(n, "train"),
            "votes": None if votes is None else np.asarray(votes),
        }
        return Ratings(**values | fields)

    return make


@pytest.fixture
def ends_with(monkeypatch):
    """Run `awcu` with these words; what it ends with, None for success."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["awcu", *map(str, words)])
        try:
            cli.main()
        except SystemExit as ended:
            return ended.code
        return None

    return run


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """A full disk: no file of more than `size` bytes can be written meanwhile; the test's own output may be in one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures as they are saved."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *arguments: Any, **options: Any) -> None:
        figures.append(self)
        save(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


@pytest.fixture
def one_thread():
    """Threads cost more than they save on networks and pictures this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a network of two attributes that nobody trained, with a reference as after a validation."""
    rng = np.random.default_rng(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        task = AestheticTask(
            network={"backbone": "test_resnet", "image_size": 64},
            scale=[1, 2, 3, 4, 5],
            midpoint=3,
            attribute_names=["indoors", "outdoors"],
            preparation={"size": 64, "aspect": "warp", "mean": [0.5] * 3, "std": [0.25] * 3},
        )
        for head in (task.net.aesthetic_head, task.net.attribute_head):
            torch.nn.init.normal_(head.weight)
            torch.nn.init.normal_(head.bias)
    scores, logits = rng.normal(0, 2, 50), rng.normal(0, 1, (50, 2))
    reference = Reference.measure(scores, logits, np.abs(scores) + 2, np.abs(logits) + 1)
    path = tmp_path_factory.mktemp("model") / "model.ckpt"
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(path, weights_only=True)
    torch.save(torch.load(path, weights_only=True) | {"reference": reference.as_dict(), "learned_from": None}, path)
    return path


@pytest.fixture
def without_account(monkeypatch, tmp_path):
    """W&B finds no key in the environment, and writes nothing outside of the test's folder."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_SWEEP_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "wandb_home"))
