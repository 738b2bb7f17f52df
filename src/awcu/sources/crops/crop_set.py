"""What a cropping data set is: photographs, and the boxes people would cut out of each."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from awcu.ratings import SPLITS, Split
from awcu.sources.text import some_of

Boxes = NDArray[np.int64]


class CropSetError(ValueError):
    """A cropping set that is not known, or whose boxes contradict themselves or their photographs."""


@dataclass(frozen=True, eq=False)
class CropSet:
    """A cropping data set in memory; one row a photograph.

    A box is left, top, right, bottom in pixels of the upright photograph, counted from 0 at its top left; right
    and bottom are excluded, so it cuts out `image[top:bottom, left:right]`, and the frame is 0, 0, width, height.
    The set checks itself when built, and every fault names the photographs. Whether a box lies inside its
    photograph is not looked at here, since that opens every file: see `check_sizes`.

    Attributes:
        name: Data set name, as printed in tables.
        image_ids: `(N,)` unique names.
        image_paths: `(N,)` where each photograph is on disk.
        boxes: N arrays `(n_i, 4)`, at least one box each.
        scores: N arrays `(n_i,)`, the mean opinion score of each box; None where every box is a ground truth.
        split: `(N,)` of "train", "val", "test".
        missing_split: `(M,)` the split of each photograph that is published but gone, and so left out above.

    Raises:
        CropSetError: No photographs, arrays of unequal length, a repeated id, a photograph without a box, a box
            that is not four whole numbers or has no area, a score that is not finite, an unknown split.
    """

    name: str
    image_ids: NDArray[np.str_]
    image_paths: NDArray[np.str_]
    boxes: tuple[Boxes, ...]
    scores: tuple[NDArray[np.float64], ...] | None
    split: NDArray[np.str_]
    missing_split: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype=np.str_))

    def __post_init__(self) -> None:
        if len(self) == 0:
            raise CropSetError(f"{self.name}: it has no photographs and needs at least 1; check its folder")
        self._check_lengths()
        self._check_names()
        self._check_boxes()
        if self.scores is not None:
            self._check_scores(self.scores)

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def missing(self) -> int:
        """How many published photographs are gone; `len` counts those that are there."""
        return len(self.missing_split)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits over ids, boxes and scores in id order, not over the split."""
        digest = hashlib.sha256(b"boxes" if self.scores is None else b"scored boxes")
        for row in np.argsort(self.image_ids):
            digest.update(f"\n{self.image_ids[row]}|{len(self.boxes[row])}|".encode())
            digest.update(np.ascontiguousarray(self.boxes[row]).tobytes())
            if self.scores is not None:
                digest.update(np.ascontiguousarray(self.scores[row], dtype=np.float64).tobytes())
        return digest.hexdigest()[:12]

    def of_split(self, split: Split) -> "CropSet":
        """The photographs of one split, and of the missing ones those of that split.

        Raises:
            CropSetError: The split has no photographs.
        """
        rows = np.flatnonzero(self.split == split)
        if len(rows) == 0:
            there = ", ".join(name for name in SPLITS if (self.split == name).any())
            raise CropSetError(f"{self.name}: the {split} split has no photographs; choose one of {there}")
        return replace(
            self,
            image_ids=self.image_ids[rows],
            image_paths=self.image_paths[rows],
            boxes=tuple(self.boxes[row] for row in rows),
            scores=None if self.scores is None else tuple(self.scores[row] for row in rows),
            split=self.split[rows],
            missing_split=self.missing_split[self.missing_split == split],
        )

    def _check_lengths(self) -> None:
        n = len(self)
        for name in ("image_paths", "boxes", "scores", "split"):
            values = getattr(self, name)
            if values is not None and len(values) != n:
                raise CropSetError(
                    f"{self.name}: {name} has {len(values)} rows for {n} ids; each needs one row a photograph"
                )

    def _check_names(self) -> None:
        ids, counts = np.unique(self.image_ids, return_counts=True)
        if (counts > 1).any():
            raise CropSetError(
                f"{self.name}: ids that appear more than once: {some_of(ids[counts > 1])}; keep one row each"
            )
        strange = ~np.isin(self.split, SPLITS)
        if strange.any():
            raise CropSetError(
                f"{self.name}: split {str(self.split[strange][0])!r} of {some_of(self.image_ids[strange])} is none of "
                f"{', '.join(SPLITS)}; rename it"
            )

    def _check_boxes(self) -> None:
        for image_id, boxes in zip(self.image_ids, self.boxes, strict=True):
            if boxes.ndim != 2 or boxes.shape[1] != 4 or len(boxes) == 0 or boxes.dtype.kind not in "iu":
                raise CropSetError(
                    f"{self.name}: the boxes of {image_id} are {boxes.dtype} of shape {boxes.shape}, expected "
                    f"whole numbers of shape (at least 1, 4): correct or remove the photograph"
                )
        # Unsigned numbers would wrap around where a box is measured.
        object.__setattr__(self, "boxes", tuple(boxes.astype(np.int64) for boxes in self.boxes))
        flat = [(boxes[:, 2:] <= boxes[:, :2]).any() for boxes in self.boxes]
        if any(flat):
            raise CropSetError(
                f"{self.name}: a box of {some_of(self.image_ids[flat])} has no area; right must exceed left, and "
                f"bottom top: correct or remove it"
            )

    def _check_scores(self, scores: tuple[NDArray[np.float64], ...]) -> None:
        for image_id, boxes, of_boxes in zip(self.image_ids, self.boxes, scores, strict=True):
            if of_boxes.shape != (len(boxes),):
                raise CropSetError(
                    f"{self.name}: {image_id} has scores of shape {of_boxes.shape} for {len(boxes)} boxes; each box "
                    f"needs one score"
                )
            if not np.isfinite(of_boxes).all():
                raise CropSetError(
                    f"{self.name}: a score of {image_id} is not a finite number; leave boxes without a score out"
                )
