"""Which photographs a model has learned from, and whether it is about to be tested on one of them."""

import numpy as np
import torch
from torch import Tensor

from awcu.errors import TaskError
from awcu.ratings.ratings import Ratings
from awcu.text import some_of
from awcu.training.module import AestheticTask


def learned_from(ratings: Ratings) -> Tensor:
    """`(M,)` int64, `Ratings.photograph_keys` of all but the test photographs: those of validation choose the epoch."""
    return torch.from_numpy(ratings.photograph_keys[ratings.split != "test"].view(np.int64).copy())


def both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """What two models together have learned from; None where that of either is not known."""
    return None if one is None or other is None else torch.unique(torch.cat([one, other]))


def leaked_count(task: AestheticTask, test: Ratings, source: str | None, allowed: bool) -> dict[str, int]:
    """How many test photographs the model has learned from, as "leaked" for the record; nothing where none.

    Args:
        task: The model.
        test: The photographs it is tested on.
        source: The checkpoint that it comes from, for messages.
        allowed: Count a leak instead of refusing it.

    Raises:
        TaskError: A leak that is not allowed, or a model that does not say what it learned from.
    """
    if task.learned_from is None:
        raise TaskError(
            f"{source} does not say which photographs it learned from, so none can be told from those it is tested on; "
            f"train it again with this version"
        )
    seen = np.isin(test.photograph_keys, task.learned_from.numpy().view(np.uint64))
    if not seen.any():
        return {}
    if not allowed:
        raise TaskError(
            f"LEAK: {source} has learned from {seen.sum():,} of the {len(test):,} test photographs of {test.name} "
            f"({some_of(test.image_ids[seen])}); test on others, or record the result with its stamp by allow_leak=true"
        )
    print(f"LEAK: the model has learned from {seen.sum():,} of the {len(test):,} test photographs", flush=True)
    return {"leaked": int(seen.sum())}
