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
        image_ids: `(N,)`
        arrays: `(N, V, C, h, w)` float16, on the disk: view 0 is the photograph, view 1, where there, its mirror image.
        rows: `(M,)` of these, the photographs of a split; None: all.
    """

    image_ids: NDArray[np.str_]
    arrays: NDArray[np.float16]
    rows: NDArray[np.int64] | None = None

    def of(self, ratings: Ratings) -> "FrozenOutputs":
        """Those of some photographs, in their order."""
        place = {image_id: row for row, image_id in enumerate(self.image_ids.tolist())}
        rows = np.array([place[image_id] for image_id in ratings.image_ids.tolist()], np.int64)
        return FrozenOutputs(self.image_ids, self.arrays, rows)

    def __call__(self, number: int, mirrored: bool) -> Tensor:
        """Of one photograph or its mirror image, `(C, h, w)` float32."""
        row = number if self.rows is None else self.rows[number]
        return torch.from_numpy(self.arrays[row, int(mirrored)].astype(np.float32))
