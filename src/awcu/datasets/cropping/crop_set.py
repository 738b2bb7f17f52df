"""A cropping data set: photographs, and the boxes that people would cut out of each."""

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from awcu.errors import CropSetError, SourceError
from awcu.ratings.splits import SPLITS, Split
from awcu.text import shown, some_of

Boxes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CropSet:
    """A cropping data set in memory, with one row per photograph.

    A box is left, top, right, bottom in pixels of the upright photograph, counted from 0 at its top left; right
    and bottom are exclusive, so it cuts out `image[top:bottom, left:right]`, and the frame is 0, 0, width, height.
    The set checks itself when built, and every error names the photographs. Whether a box lies inside its
    photograph is not checked here, since that opens every file: see `check_sizes`.

    Attributes:
        name: Data set name, as printed in tables.
        image_ids: `(N,)` unique names.
        image_paths: `(N,)` paths of the photographs.
        boxes: N arrays `(n_i, 4)`, at least one box each.
        scores: N arrays `(n_i,)`, the mean opinion score of each box; None if every box is a ground truth.
        split: `(N,)` of "train", "val", "test".
        missing_split: `(M,)` split of each published photograph that is no longer available and so left out above.

    Raises:
        CropSetError: There are no photographs, arrays differ in length, an id repeats, a photograph has no box, a box
            is not four integers or has no area, a score is not finite, or a split is unknown.
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
        """Number of published photographs that are no longer available; `len` counts those that are."""
        return len(self.missing_split)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits of a hash of ids, boxes and scores in id order; the split is not hashed."""
        digest = hashlib.sha256(b"boxes" if self.scores is None else b"scored boxes")
        for row in np.argsort(self.image_ids):
            digest.update(f"\n{self.image_ids[row]}|{len(self.boxes[row])}|".encode())
            digest.update(np.ascontiguousarray(self.boxes[row]).tobytes())
            if self.scores is not None:
                digest.update(np.ascontiguousarray(self.scores[row], dtype=np.float64).tobytes())
        return digest.hexdigest()[:12]

    def of_split(self, split: Split) -> "CropSet":
        """The photographs of one split, available and missing.

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
                    f"{self.name}: {name} has {len(values)} rows for {n} ids; each needs one row per photograph"
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
        # Unsigned integers would wrap around when a box is measured.
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
                    f"{self.name}: a score of {image_id} is not a finite number; leave out boxes without a score"
                )


LARGEST = 1_000_000  # pixels; no photograph is that wide, so a larger number was misread
WHOLE = re.compile(r"[+-]?[0-9]{1,7}")


def pixels(fields: Iterable[str], where: str) -> list[int]:
    """Parse words as integer pixels.

    Raises:
        SourceError: A word is not an integer or exceeds `LARGEST`.
    """
    return [whole(int(word) if WHOLE.fullmatch(word) else word, where) for word in fields]


def whole(value: object, where: str) -> int:
    """Check that a value from a file is an integer number of pixels.

    Raises:
        SourceError: It is not an integer (true and false are not) or exceeds `LARGEST`.
    """
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        raise SourceError(f"{where}: {shown(value)} is not a whole number of pixels; correct it")
    return value


def box(left: int, top: int, right: int, bottom: int, where: str) -> list[int]:
    """The four edges in the order of `CropSet`.

    Raises:
        CropSetError: The box has no area.
    """
    if right <= left or bottom <= top:
        raise CropSetError(
            f"{where}: the box from x {left} to {right} and y {top} to {bottom} has no area; check the order of its "
            f"columns, or correct it"
        )
    return [left, top, right, bottom]


def as_boxes(rows: Sequence[Sequence[int]]) -> Boxes:
    """Rows of four as an array `(n, 4)`."""
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def files_in(folder: Path) -> frozenset[str]:
    """Names of the visible files in a folder; none if the folder does not exist.

    Raises:
        SourceError: The folder cannot be read.
    """
    try:
        return frozenset(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except OSError as error:
        raise SourceError(f"{folder} cannot be read ({error.strerror}); check its permissions") from error


def require(names: Sequence[str], there: Collection[str], folder: Path, what: str, next_step: str) -> None:
    """Check that each named file exists.

    Raises:
        SourceError: Some are missing; the message counts them and names the first.
    """
    absent = [name for name in names if name not in there]
    if absent:
        raise SourceError(
            f"{folder} lacks {len(absent)} of {len(names)} {what}: {some_of([shown(name) for name in absent])}; "
            f"{next_step}"
        )


LARGEST_LOSS = 1 / 3
"""Share of a box that may lie outside its photograph; the worst published box known loses about a quarter."""

SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that turn by 90°


def photograph_sizes(crop_set: CropSet) -> NDArray[np.int64]:
    """`(N, 2)` width and height of the upright photographs, read from the headers without decoding pixels.

    Raises:
        CropSetError: A file is missing or not an image.
    """
    return np.array([_upright_size(str(path)) for path in crop_set.image_paths], dtype=np.int64)


def check_sizes(crop_set: CropSet) -> NDArray[np.int64]:
    """Check that every box lies inside its photograph, and return `photograph_sizes`.

    This opens each file, which building a `CropSet` does not, so an experiment calls it before it measures.

    Raises:
        CropSetError: A box reaches beyond its photograph, or a photograph cannot be opened.
    """
    sizes = photograph_sizes(crop_set)
    out = [
        bool((boxes[:, :2] < 0).any() or (boxes[:, 2:] > size).any())
        for boxes, size in zip(crop_set.boxes, sizes, strict=True)
    ]
    if any(out):
        raise CropSetError(
            f"{crop_set.name}: boxes reach beyond the photograph for {_sized(crop_set, sizes, out)}; "
            f"cut them with cut_to_photographs, or fetch the photographs in their published size"
        )
    return sizes


def cut_to_photographs(crop_set: CropSet, sizes: NDArray[np.int64]) -> CropSet:
    """The same set with every box clipped to its photograph; scores are kept.

    FCDB and FLMS have boxes that reach beyond the frame, and FCDB's author recommends clipping them. A box that would
    lose more than `LARGEST_LOSS` is refused, since then the photograph has a different size or the box a different
    order.

    Args:
        crop_set: The set.
        sizes: `(N, 2)` width and height (`photograph_sizes`).

    Raises:
        CropSetError: `sizes` has another length, or a box would lose too much.
    """
    if sizes.shape != (len(crop_set), 2):
        raise CropSetError(f"sizes have shape {sizes.shape}, expected ({len(crop_set)}, 2): width and height of each")
    cut = [
        np.clip(boxes, 0, np.tile(size, 2)).astype(np.int64) for boxes, size in zip(crop_set.boxes, sizes, strict=True)
    ]
    lost = [
        bool((_areas(boxes) - _areas(kept) > LARGEST_LOSS * _areas(boxes)).any())
        for kept, boxes in zip(cut, crop_set.boxes, strict=True)
    ]
    if any(lost):
        raise CropSetError(
            f"{crop_set.name}: more than a third of a box lies outside the photograph for "
            f"{_sized(crop_set, sizes, lost)}; fetch the photographs in their published size"
        )
    return replace(crop_set, boxes=tuple(cut))


def _areas(boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    areas: NDArray[np.int64] = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return areas


def _sized(crop_set: CropSet, sizes: NDArray[np.int64], faulty: list[bool]) -> str:
    named = zip(crop_set.image_ids[faulty], sizes[faulty].tolist(), strict=True)
    return some_of([f"{image_id} ({width}×{height})" for image_id, (width, height) in named])


def _upright_size(path: str) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation) in SIDEWAYS
            return (image.height, image.width) if turned else image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CropSetError(f"{path}: Pillow cannot open it ({error}); fetch it again") from error
