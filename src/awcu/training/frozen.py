"""What the frozen part of a network makes of photographs, in place of the photographs."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from awcu.ratings.ratings import Ratings


@dataclass(frozen=True, eq=False)
class FrozenOutputs:
    """The outputs of a network's frozen part for N photographs.

    Attributes:
        image_ids: `(N,)` ids in the order of the rows.
        outputs: `(N, V, C, h, w)` float16, memory-mapped: view 0 is the photograph, view 1 its mirror image.
    """

    image_ids: NDArray[np.str_]
    outputs: NDArray[np.float16]

    def rows(self, ratings: Ratings) -> NDArray[np.int64]:
        """`(M,)` the rows of M of these photographs, in their order."""
        order = np.argsort(self.image_ids)
        return order[np.searchsorted(self.image_ids, ratings.image_ids, sorter=order)]

    def of(self, row: int, mirrored: bool) -> Tensor:
        """`(C, h, w)` float32 of one photograph or its mirror image."""
        return torch.from_numpy(self.outputs[row, int(mirrored)].astype(np.float32))
