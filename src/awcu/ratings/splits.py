"""Training, validation and test splits: published ones, and ones hashed from the id."""

import hashlib
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from awcu.errors import RatingsError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


def with_validation(split: NDArray[np.str_], image_ids: NDArray[np.str_], seed: int, val: float) -> NDArray[np.str_]:
    """Set aside a part of a published training split, chosen by a hash of the id, for validation.

    Args:
        split: `(N,)` of "train", "val", "test"; returned unchanged if it has validation photographs.
        image_ids: `(N,)` names.
        seed: Another seed selects another part.
        val: Expected share of the training photographs in [0, 1).

    Raises:
        RatingsError: The share is negative or leaves nothing to train on.
    """
    if (split == "val").any():
        return split
    part = hash_split(image_ids, seed, val, 0)
    return np.where((split == "train") & (part == "val"), "val", split).astype(np.str_)


def hash_split(image_ids: Sequence[str] | NDArray[np.str_], seed: int, val: float, test: float) -> NDArray[np.str_]:
    """Split by a hash of the id: `(N,)` of "train", "val", "test".

    The split of an id depends on the id and the seed alone, so neither the order of the rows nor the presence of other
    rows can move a photograph from one split to another.

    Args:
        image_ids: `(N,)` names.
        seed: Another seed gives another split.
        val: Expected share in [0, 1).
        test: Expected share in [0, 1); `val + test < 1`.

    Raises:
        RatingsError: The shares are negative or leave nothing to train on.
    """
    if val < 0 or test < 0 or val + test >= 1:
        raise RatingsError(f"split shares val={val}, test={test} must be ≥ 0 and sum to less than 1")
    place = hash_place(image_ids, str(seed))
    return np.select([place < test, place < test + val], ["test", "val"], "train").astype(np.str_)


def hash_place(image_ids: Sequence[str] | NDArray[np.str_], salt: str) -> NDArray[np.float64]:
    """`(N,)` places in [0, 1], as if drawn at random, that depend on the id and the salt alone."""
    digests = (hashlib.sha256(f"{salt}:{image_id}".encode()).digest()[:8] for image_id in image_ids)
    return np.array([int.from_bytes(digest, "big") for digest in digests]) / 2**64
