"""PARA: photographs with a histogram of aesthetic scores from 1 to 5 in half points, and means of six attributes.

Format: `annotation/PARA-GiaaTrain.csv` and `PARA-GiaaTest.csv`. These columns are read by name, since the authors'
description numbers them differently: imageName, sessionId, the counts aestheticScore_1.0 to aestheticScore_5.0,
aestheticScore_mean, and the means of quality, composition, color, dof, light and content (qualityScore_mean and so on).
Photographs: `imgs/<sessionId>/<imageName>`. The files on individual raters (`PARA-Images.csv`, `PARA-UserInfo.csv`) are
not read.

Attributes: 1 if the mean is above 3, the middle of 1..5; 0 if below; unlabelled at exactly 3.

Split: as published, with a part of the training photographs set aside for validation. Counts: 3,000 test; the paper has
31,220 photographs in all. Known faults: none; if a histogram and aestheticScore_mean disagree, the histogram is used
and a note says so.

Licence: research and learning only, by the agreement on OPPO's site; the source must be credited. Citation: Yang, Xu,
Li, Qie, Li, Zhang, Guo 2022, Personalized Image Aesthetics Assessment with Rich Attributes, CVPR.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awcu.bounds import MAX_NUMBER
from awcu.datasets.parsing import TextTable, folder_of, names_of, photographs_in
from awcu.errors import SourceError
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import with_validation
from awcu.text import some_of

ATTRIBUTES = ("quality", "composition", "color", "dof", "light", "content")
SCALE = np.arange(1.0, 5.25, 0.5)
VOTES = [f"aestheticScore_{score:.1f}" for score in SCALE]
MEANS = [f"{name}Score_mean" for name in ATTRIBUTES]
TEST = 3_000
ROUNDING = 0.01
"""Largest accepted difference, in rating points, between a mean in the table and the mean of its histogram."""


def read(root: str | Path, split_seed: int = 0, val: float = 0.05, check_counts: bool = True) -> Ratings:
    """Read PARA.

    Args:
        root: The folder that holds `annotation/` and `imgs/`.
        split_seed: Selects the validation photographs.
        val: Expected share of the training photographs that is set aside for validation.
        check_counts: Refuse a test table whose length differs from the published one.

    Raises:
        SourceError: A table or all photographs are missing, a line is malformed, or the count is not the published one.
        RatingsError: From `Ratings`, for example for fractional counts.
    """
    folder = folder_of(root, "PARA", "annotation", "")
    tables = [
        TextTable.read(
            folder / f"PARA-Giaa{part}.csv", ["imageName", "sessionId", *VOTES, "aestheticScore_mean", *MEANS]
        )
        for part in ("Train", "Test")
    ]
    if check_counts and len(tables[1]) != TEST:
        raise SourceError(
            f"{tables[1].path} lists {len(tables[1]):,} photographs, expected {TEST:,}; fetch it again, or accept "
            f"another version with data.ratings.check_counts=false"
        )
    ids = names_of(name for table in tables for name in table.texts("imageName"))
    sessions = [session for table in tables for session in table.texts("sessionId")]
    files = [f"{session}/{name}" for session, name in zip(sessions, ids.tolist(), strict=True)]
    paths, missing = photographs_in("PARA", folder_of(root, "PARA", "imgs"), files)
    votes = _columns(tables, VOTES, 0, MAX_NUMBER)
    means = _columns(tables, MEANS, 1, 5)
    split = np.repeat(["train", "test"], [len(table) for table in tables])
    return Ratings(
        name="PARA",
        image_ids=ids,
        image_paths=paths,
        scale=SCALE,
        midpoint=3.0,
        mean_score=np.empty(0),
        votes=votes,
        split=with_validation(split, ids, split_seed, val),
        attributes=np.select([means > 3, means < 3], [1.0, 0.0], np.nan),
        attribute_names=ATTRIBUTES,
        notes=(*_disagreement(ids, votes, _columns(tables, ["aestheticScore_mean"], 1, 5)[:, 0]), *missing),
    )


def _columns(tables: list[TextTable], names: list[str], low: float, high: float) -> NDArray[Any]:
    """`(N, len(names))` values of all tables."""
    return np.concatenate([np.stack([table.numbers(name, low, high) for name in names], axis=1) for table in tables])


def _disagreement(ids: NDArray[np.str_], votes: Floats, means: Floats) -> tuple[str, ...]:
    count = votes.sum(axis=1)
    other = ids[np.abs(votes @ SCALE - means * count) > ROUNDING * count]
    if not len(other):
        return ()
    return (f"{len(other):,} histograms disagree with aestheticScore_mean and are used instead: {some_of(other)}",)
