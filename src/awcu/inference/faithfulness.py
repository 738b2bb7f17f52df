"""Faithfulness of a map to its network: deletion and insertion curves, and randomised weights."""

import copy
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from awcu.errors import FaithfulnessError
from awcu.metrics.localization import rank_correlation
from awcu.models.network import AestheticNet

Baseline = Literal["blur", "mean"]
Which = Literal["head", "all"]
# Fong & Vedaldi 2017, Interpretable Explanations of Black Boxes by Meaningful Perturbation: 10 pixels of 224.
BLUR = 10 / 224


class Curves(NamedTuple):
    """The score, in [0, 1], while pixels are inserted into or deleted from the picture; both `(steps + 1,)`."""

    insertion: Tensor
    deletion: Tensor


@torch.no_grad()
def curves(
    score: Callable[[Tensor], Tensor],
    image: Tensor,
    values: Tensor,
    steps: int = 20,
    baseline: Baseline = "blur",
    batch: int = 32,
) -> Curves:
    """The score while pixels are inserted or deleted in the map's order, highest first (Petsiuk et al. 2018, RISE).

    With a faithful map, the insertion curve rises early and the deletion curve falls early. Equal values are taken in
    reading order. Deletion starts from the picture itself, insertion from the baseline.

    Args:
        score: Maps normalised images `(N, 3, H, W)` to the probability `(N,)` of the class predicted for `image`.
        image: `(3, H, W)`, normalised.
        values: `(h, w)` signed evidence for that class (AesAM, negated if the verdict is low), upsampled bilinearly
            to the picture.
        steps: Number of steps, each with an equal share of the pixels.
        baseline: What a deleted pixel shows: the picture blurred with a standard deviation of `BLUR` times its shorter
            side, or its mean colour.
        batch: Maximum number of pictures per call of `score`.

    Raises:
        FaithfulnessError: The picture or map has another shape, the map is not finite, `steps` is less than 1, the
            baseline is unknown, or `score` does not give one probability per picture.
    """
    _check(image, values, steps, baseline)
    size = image.shape[1:]
    drawn_out = F.interpolate(values[None, None].float(), size=size, mode="bilinear", align_corners=False).flatten()
    rank = torch.empty_like(drawn_out, dtype=torch.long)
    rank[drawn_out.argsort(descending=True, stable=True)] = torch.arange(len(rank), device=rank.device)
    counts = torch.linspace(0, len(rank), steps + 1, dtype=torch.float64, device=rank.device).round()
    taken = (rank < counts[:, None]).reshape(-1, 1, *size).to(image.device)
    blank = _blank(image, baseline)
    return Curves(
        _scores(score, torch.where(taken, image, blank), batch), _scores(score, torch.where(taken, blank, image), batch)
    )


def area_under(curve: Tensor) -> float:
    """Area under a curve `(steps + 1,)` over [0, 1] by the trapezoid rule; higher is better for insertion only.

    Raises:
        FaithfulnessError: The curve has fewer than two points.
    """
    if curve.ndim != 1 or len(curve) < 2:
        raise FaithfulnessError(f"a curve of shape {tuple(curve.shape)}: it is (steps + 1,); pass one of `curves`")
    return float(torch.trapezoid(curve.double(), dx=1 / (len(curve) - 1)))


def randomised(net: AestheticNet, which: Which, seed: int) -> AestheticNet:
    """A copy of the network with permuted weights: a faithful map must change with it (Adebayo et al. 2018).

    The entries of each tensor are permuted, so that it keeps its scale. With "all", batch norm recomputes its
    statistics from coloured noise, since the learned ones no longer fit and activations would grow layer by layer.

    Args:
        net: The network; it is not changed.
        which: "head": only the aesthetic head; "all": every weight.
        seed: The same seed gives the same weights.

    Raises:
        FaithfulnessError: `which` is unknown.
    """
    if which not in get_args(Which):
        raise FaithfulnessError(f"which={which!r}: one of {', '.join(get_args(Which))} is redrawn; name one of them")
    generator = torch.Generator().manual_seed(seed)
    redrawn = copy.deepcopy(net)
    part: nn.Module = redrawn.aesthetic_head if which == "head" else redrawn
    with torch.no_grad():
        for parameter in part.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    if which == "all":
        _fit_batch_norm(redrawn, generator)
    return redrawn


def similarity(map_a: Tensor, map_b: Tensor) -> float:
    """Signed Spearman correlation of two maps `(h, w)`, in [−1, 1]; nan if one is constant.

    The sign matters, since an inverted map takes flaws for merits. But a randomised head may invert a map whose shape
    comes from the backbone alone, and such values cancel over seeds. So look at the mean absolute value beside the
    mean: both are near 0 if the map depends on the weights.

    Raises:
        FaithfulnessError: The maps have different shapes.
    """
    if map_a.shape != map_b.shape:
        raise FaithfulnessError(
            f"maps of {tuple(map_a.shape)} and {tuple(map_b.shape)}: only maps of the same shape can be compared; "
            f"use the same input and the same output of both networks"
        )
    a, b = (values.detach().cpu().double().numpy() for values in (map_a, map_b))
    return rank_correlation(a, b)


def _check(image: Tensor, values: Tensor, steps: int, baseline: str) -> None:
    if image.ndim != 3 or image.shape[0] != 3:
        raise FaithfulnessError(f"a picture of shape {tuple(image.shape)}: it is (3, H, W); pass one at a time")
    if values.ndim != 2 or not values.isfinite().all():
        raise FaithfulnessError(
            f"a map of shape {tuple(values.shape)}, finite: {bool(values.isfinite().all())}; it is (h, w) and finite, "
            f"on the network's own view"
        )
    if steps < 1:
        raise FaithfulnessError(f"steps={steps}: a curve has at least 1 step; ask for more")
    if baseline not in get_args(Baseline):
        raise FaithfulnessError(f"baseline={baseline!r}: one of {', '.join(get_args(Baseline))}; name one of them")


def _blank(image: Tensor, baseline: Baseline) -> Tensor:
    if baseline == "mean":
        return image.mean((1, 2), keepdim=True).expand_as(image)
    pixels = image.permute(1, 2, 0).float().cpu().numpy()
    blurred = torch.from_numpy(cv2.GaussianBlur(pixels, (0, 0), BLUR * min(image.shape[1:])))
    return blurred.permute(2, 0, 1).to(image)


def _scores(score: Callable[[Tensor], Tensor], images: Tensor, batch: int) -> Tensor:
    scores = []
    for chunk in torch.split(images, batch):
        found = score(chunk)
        # Written as `not all inside`, so that nan does not pass.
        if found.shape != (len(chunk),) or not ((found >= 0) & (found <= 1)).all():
            raise FaithfulnessError(
                f"scores of shape {tuple(found.shape)} for {len(chunk)} pictures, from {found.min():.3g} to "
                f"{found.max():.3g}: each is one probability; end the score in a softmax or sigmoid of one output"
            )
        scores.append(found)
    return torch.cat(scores).cpu()


@torch.no_grad()
def _fit_batch_norm(net: AestheticNet, generator: torch.Generator) -> None:
    """Compute running statistics in one pass over 16 noise pictures, which mix three scales as photographs do."""
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return
    settings = [(m, m.momentum, m.training) for m in norms]
    grids = [torch.randn(16, 3, n, n, generator=generator) for n in (4, 16, 64)]
    pictures = sum(F.interpolate(grid, size=(128, 128), mode="bilinear") for grid in grids)
    for m in norms:
        # With a momentum of 1 the statistics are those of this pass alone.
        m.momentum = 1.0
        m.train()
    net.features(torch.as_tensor(pictures).to(next(net.parameters()).device))
    for m, momentum, training in settings:
        m.momentum = momentum
        m.train(training)
