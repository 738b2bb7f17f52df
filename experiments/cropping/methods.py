"""The ways of cropping that are compared, each from a network and a photograph; all keep the photograph's aspect."""

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from awcu.datasets import gallery
from awcu.images.boxes import Box, ious
from awcu.images.decoding import decode
from awcu.inference.crop import CropWeights, propose, worth
from awcu.inference.explanation import CELLS
from awcu.inference.predictor import CANDIDATES, AestheticModel
from awcu.models.cam import onto_photograph

Map = NDArray[np.float32]
Floats = NDArray[np.float64]
Size = tuple[int, int]
Source = Callable[[AestheticModel | None, Path], Map]

SIDES, PLACES = 24, 17  # of `candidates`: sizes, and places along either side
SHORT = 224  # pixels of the short side at which saliency is looked for, that of the gallery's pictures
GRID = 7  # cells of a map along either side: 224 pixels at an output stride of 32
PLAIN = CropWeights(area=0.0, border=0.0, level=0.0)  # with these the worth of a positive map is its integral
TIE = 1e-9


class Fit(NamedTuple):
    """What a method learned from the validation pictures; a method uses the one or the other."""

    weights: CropWeights
    share: float


class Method(Protocol):
    """A way of cropping.

    Attributes:
        fitted: Method whose line of fit.csv it uses; "" for none.
        network: Whether another network is another answer.
    """

    @property
    def fitted(self) -> str: ...  # noqa: D102

    @property
    def network(self) -> bool: ...  # noqa: D102

    def box(self, model: AestheticModel | None, path: Path, size: Size, fit: Fit | None) -> Box:
        """The crop of one photograph of `size` (height, width)."""
        ...

    def rank(self, model: AestheticModel | None, path: Path, size: Size, fit: Fit | None, boxes: ArrayLike) -> Floats:
        """`(M,)` how good given crops `(M, 4)` are."""
        ...


def aesam(model: AestheticModel | None, path: Path) -> Map:
    """Ours, as `Explanation.crops` looks at it: on a lattice, in standard deviations of the score."""
    assert model is not None
    return model.explain(path).on_lattice() / _spread(model)


def averaged(model: AestheticModel | None, path: Path) -> Map:
    """Ours, averaged with the mirror image and with both at 1.5 times the size."""
    assert model is not None
    return model.explain(path, flip=True, scales=(1.0, 1.5)).on_lattice() / _spread(model)


def fine_grained(model: AestheticModel | None, path: Path) -> Map:
    """OpenCV's fine-grained saliency, in multiples of its mean."""
    return _saliency(cv2.saliency.StaticSaliencyFineGrained_create(), path)


def spectral_residual(model: AestheticModel | None, path: Path) -> Map:
    """OpenCV's spectral-residual saliency, in multiples of its mean."""
    return _saliency(cv2.saliency.StaticSaliencySpectralResidual_create(), path)


def causes(model: AestheticModel | None, path: Path) -> Map:
    """What truly caused a gallery picture's ratings, in rating points; what a network could know at the very best."""
    cause_map = gallery.truth(path.parent.parent, path.stem).cause_map
    return _on_lattice(cause_map * cause_map.size)


def coarse_causes(model: AestheticModel | None, path: Path) -> Map:
    """The same seen through a grid as coarse as the networks' maps, and drawn out as theirs are."""
    cause_map = gallery.truth(path.parent.parent, path.stem).cause_map
    grid = cv2.resize(cause_map * cause_map.size, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return onto_photograph(grid, "warp", _lattice(cause_map.shape))


SOURCES: Mapping[str, Source] = {
    "aesam": aesam,
    "averaged": averaged,
    "fine_grained": fine_grained,
    "spectral_residual": spectral_residual,
    "causes": causes,
    "coarse_causes": coarse_causes,
}
NETWORK = ("aesam", "averaged")
GALLERY = ("causes", "coarse_causes")


@dataclass(frozen=True)
class Centred:
    """A share of either side, in the middle of the frame; crops rank by their overlap with it."""

    share: float
    fitted: str = ""
    network: bool = False

    def box(self, model: AestheticModel | None, path: Path, size: Size, fit: Fit | None) -> Box:
        """See `Method`."""
        high, wide = (round(side * self.share) for side in size)
        top, left = (size[0] - high) // 2, (size[1] - wide) // 2
        return Box(left, top, left + wide, top + high)

    def rank(self, model: AestheticModel | None, path: Path, size: Size, fit: Fit | None, boxes: ArrayLike) -> Floats:
        """See `Method`."""
        return ious(boxes, self.box(model, path, size, fit))


@dataclass(frozen=True)
class Proposed:
    """`awcu.inference.crop.propose` on a map; crops rank by their worth, or by the model's score of each."""

    source: str
    fitted: str
    rescored: bool = False

    @property
    def network(self) -> bool:
        """See `Method`."""
        return self.source in NETWORK

    def box(self, model: AestheticModel | None, path: Path, size: Size, fit: Fit | None) -> Box:
        """See `Method`."""
        assert fit is not None
        found = SOURCES[self.source](model, path)
        top = CANDIDATES if self.rescored else 1
        proposals = propose(found, size, aspect=size[1] / size[0], top=top, weights=fit.weights)
        if self.rescored:
            assert model is not None
            proposals = model.rescore(decode(path), proposals)
        return proposals[0].box

    def rank(self, model: AestheticModel | None, path: Path, size: Size, fit: Fit | None, boxes: ArrayLike) -> Floats:
        """See `Method`."""
        assert fit is not None
        if not self.rescored:
            return worth(SOURCES[self.source](model, path), size, boxes, fit.weights)
        assert model is not None
        pixels = decode(path)
        crops = (pixels[top:bottom, left:right] for left, top, right, bottom in np.asarray(boxes, dtype=np.int64))
        return np.array([verdict.score for verdict in model.score(crops)])


@dataclass(frozen=True)
class Holding:
    """The smallest box that holds a share of what is positive in a map; crops rank by their overlap with it.

    The share is the fitted one, unless one is given.
    """

    source: str
    fitted: str = ""
    share: float = math.nan

    @property
    def network(self) -> bool:
        """See `Method`."""
        return self.source in NETWORK

    def box(self, model: AestheticModel | None, path: Path, size: Size, fit: Fit | None) -> Box:
        """See `Method`."""
        share = self.share if fit is None else fit.share
        return Box(*smallest_holding(held(SOURCES[self.source](model, path), size), size, share).tolist())

    def rank(self, model: AestheticModel | None, path: Path, size: Size, fit: Fit | None, boxes: ArrayLike) -> Floats:
        """See `Method`."""
        return ious(boxes, self.box(model, path, size, fit))


METHODS: Mapping[str, Method] = {
    "whole": Centred(1.0),
    "centre_90": Centred(0.9),
    "centre_80": Centred(0.8),
    "aesam": Proposed("aesam", "aesam"),
    "aesam_rescored": Proposed("aesam", "aesam", rescored=True),
    "aesam_averaged": Proposed("averaged", "aesam"),
    "aesam_holding": Holding("aesam", "aesam_holding"),
    "aesam_holding_90": Holding("aesam", share=0.9),
    "fine_grained": Proposed("fine_grained", "fine_grained"),
    "fine_grained_holding": Holding("fine_grained", "fine_grained_holding"),
    "fine_grained_holding_90": Holding("fine_grained", share=0.9),
    "spectral_residual": Proposed("spectral_residual", "spectral_residual"),
    "spectral_residual_holding": Holding("spectral_residual", "spectral_residual_holding"),
    "spectral_residual_holding_90": Holding("spectral_residual", share=0.9),
    "causes": Proposed("causes", "causes"),
    "coarse_causes": Proposed("coarse_causes", "coarse_causes"),
}


@lru_cache
def candidates(size: Size) -> NDArray[np.int64]:
    """`(M, 4)` boxes of the photograph's own aspect with sides from a half to the whole, largest first."""
    height, width = size
    boxes = []
    for share in np.linspace(1, 0.5, SIDES):
        high, wide = round(height * share), round(width * share)
        tops, lefts = (np.unique(np.rint(np.linspace(0, slack, PLACES))) for slack in (height - high, width - wide))
        top, left = (corner.ravel() for corner in np.meshgrid(tops, lefts, indexing="ij"))
        boxes.append(np.stack([left, top, left + wide, top + high], axis=1))
    return np.concatenate(boxes).astype(np.int64)


def held(values: Map, size: Size) -> Floats:
    """`(M,)` share of the map's positive part in each of `candidates`; 0 throughout where nothing is positive."""
    positive = np.nan_to_num(values).clip(min=0)
    return worth(positive, size, candidates(size), PLAIN) / max(float(positive.mean()), TIE)


def smallest_holding(shares: Floats, size: Size, share: float) -> NDArray[np.int64]:
    """Of `candidates` the smallest that holds so much, of equal ones that which holds most; else the whole frame."""
    boxes = candidates(size)
    enough = np.flatnonzero(shares >= share - TIE)
    if len(enough) == 0:
        return boxes[0]
    left, top, right, bottom = boxes[enough].T
    return boxes[enough[np.lexsort((-shares[enough], (right - left) * (bottom - top)))[0]]]


def read_fit(path: Path) -> dict[str, Fit]:
    """Of each fitted method the line of fit.csv with the highest mean IoU; the first of several."""
    best: dict[str, dict[str, str]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["method"] not in best or float(row["iou"]) > float(best[row["method"]]["iou"]):
                best[row["method"]] = row
    return {
        method: Fit(
            CropWeights(*(float(row[name]) for name in ("area", "border", "level"))) if row["area"] else PLAIN,
            float(row["share"] or "nan"),
        )
        for method, row in best.items()
    }


def _spread(model: AestheticModel) -> float:
    assert model.config.reference is not None
    return max(model.config.reference.score_sd, 1e-6)


def _saliency(detector: cv2.saliency.Saliency, path: Path) -> Map:
    pixels = decode(path)
    share = SHORT / min(pixels.shape[:2])
    shape = tuple(round(side * share) for side in pixels.shape[1::-1])
    fitted = cv2.resize(pixels, shape, interpolation=cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC)
    done, found = detector.computeSaliency(cv2.cvtColor(fitted, cv2.COLOR_RGB2BGR))
    assert done
    return _on_lattice(found / max(float(found.mean()), TIE))


def _on_lattice(values: Map) -> Map:
    height, width = _lattice(values.shape)
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _lattice(shape: tuple[int, ...]) -> Size:
    """That of `Explanation.on_lattice`."""
    cells = CELLS / max(shape)
    return max(round(shape[0] * cells), 1), max(round(shape[1] * cells), 1)
