"""A sweep that takes seconds: rated pictures, a grid of four rows, and its configuration."""

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from PIL import Image

from awcu.config.hydra import conf_folder

N = 80
VOTES = ["c1", "c2", "c3", "c4", "c5"]
GRID = ["weighting=uniform", "weighting=drop weighting.delta=0.25,0.5", "weighting=power weighting.gamma=2"]
ROWS = [
    "weighting=uniform",
    "weighting.delta=0.25 weighting=drop",
    "weighting.delta=0.5 weighting=drop",
    "weighting.gamma=2 weighting=power",
]
SIDE_BY_SIDE = ("network.backbone=[test_resnet,test_efficientnet]", "images.size=[64,48]")


def write_pictures(folder):
    """A table of pictures whose brightness tells in part how they are rated; the folder comes back."""
    random = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    rows = []
    for place in range(N):
        quality = random.normal()
        level = 125 + 25 * quality + random.normal(0, 25)
        noise = random.normal(level, 20, (40, 48, 3)).clip(0, 255)
        Image.fromarray(noise.astype(np.uint8)).save(folder / "images" / f"{place:02d}.jpg", quality=90)
        shares = np.exp(-((np.arange(1, 6) - 3 - 0.7 * quality) ** 2))
        rows.append([f"{place:02d}.jpg", *random.multinomial(30, shares / shares.sum())])
    pd.DataFrame(rows, columns=["image", *VOTES]).to_csv(folder / "ratings.csv", index=False)
    return folder


def overrides(folder, *more, grid=GRID):
    return [
        "data=table", f"data.root={folder}", f"data.ratings.vote_columns=[{','.join(VOTES)}]",
        "data.ratings.scale=[1,2,3,4,5]", "data.ratings.midpoint=3", "data.ratings.val=0.2", "data.ratings.test=0.3",
        "network.backbone=test_resnet", "images.size=64", "features.workers=0", "features.precision=32-true",
        f"features.folder={folder}/features", f"probe.weightings={grid}", "probe.seeds=[0]", "probe.folds=3",
        "probe.penalties=[0.1,0.01,0.001]", *more,
    ]  # fmt: skip


def configured(folder, *more, grid=GRID):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose("probe", overrides(folder, *more, grid=grid))
