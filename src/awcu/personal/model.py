"""A personal head as an ordinary model, which every command takes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from awcu.errors import ImageError
from awcu.inference.predictor import AestheticModel
from awcu.models.purpose import OF_ONE_PERSON
from awcu.models.reference import Reference
from awcu.personal.features import PooledFeatures
from awcu.personal.head import LinearScore

LOOKED_AT = 200  # photographs whose maps say where the colours of every map are full


def everyone(model: AestheticModel, features: NDArray[np.float32], width: float) -> LinearScore:
    """A model's score as a linear head on its pooled features, in rating points of a person's scale.

    Of low and high, or of the score itself, it is exactly the model's; the expected rating of a distribution is no
    linear function of the features, and the nearest one on these photographs stands for it. Log odds are no rating
    points: they are scaled to a standard deviation of an eighth of the scale over these photographs.

    Args:
        model: The general model.
        features: `(n, d)` of the person's photographs under it.
        width: From one end of the person's scale to the other, in rating points.
    """
    head = model.net.aesthetic_head
    weight, bias = (one.detach().double().cpu().numpy() for one in (head.weight, head.bias))
    logits = features @ weight.T + bias
    score = model.objective.score(torch.from_numpy(logits)).numpy()
    columns = np.column_stack([logits, np.ones(len(logits))])
    if model.config.objective == "binary":
        found = np.array([-1.0, 1.0, 0.0])
        unit = width / 8 / (float(score.std()) or 1.0)
    else:
        found = np.array([1.0, 0.0]) if logits.shape[1] == 1 else np.linalg.lstsq(columns, score, rcond=None)[0]
        unit = width / (model.config.scale[-1] - model.config.scale[0])
    return LinearScore(unit * (found[:-1] @ weight), unit * float(found[:-1] @ bias + found[-1]))


def personal_model(
    general: AestheticModel,
    score: LinearScore,
    scale: Sequence[float],
    midpoint: float,
    photographs: PooledFeatures,
    fingerprint: str = "",
) -> AestheticModel:
    """The general model with one person's head in the place of everyone's; `save_pretrained` writes it.

    Its scores are rating points above the midpoint of the person's scale, and are ranked among the person's own
    photographs.

    Args:
        general: Whose backbone, preparation and attributes stay.
        score: From `awcu.personal.head.fit`.
        scale: The rating values that the person could give, ascending.
        midpoint: In rating points.
        photographs: All of the person's, under the general model.
        fingerprint: Of the photographs rated.
    """
    config = replace(
        general.config,
        objective="score",
        scale=tuple(float(value) for value in scale),
        midpoint=float(midpoint),
        reference=None,
        trained_on=OF_ONE_PERSON,
        train_fingerprint=fingerprint,
    )
    net = config.build_network()
    net.backbone.load_state_dict(general.net.backbone.state_dict())
    net.attribute_head.load_state_dict(general.net.attribute_head.state_dict())
    with torch.no_grad():
        net.aesthetic_head.weight.copy_(torch.from_numpy(score.weight)[None])
        net.aesthetic_head.bias.fill_(score.bias)
    model = AestheticModel(config, net, general.device)
    return AestheticModel(replace(config, reference=_reference(model, photographs)), net, general.device)


@torch.inference_mode()
def _reference(model: AestheticModel, photographs: PooledFeatures) -> Reference:
    """Scores of all photographs, and the strongest map cells of some drawn at random."""
    pooled = torch.from_numpy(photographs.pooled).to(model.device)
    scores, attributes = (
        head(pooled).cpu().double().numpy() for head in (model.net.aesthetic_head, model.net.attribute_head)
    )
    evidence, others = [], []
    n = len(photographs.paths)
    for row in np.random.default_rng(0).permutation(n)[:LOOKED_AT]:
        try:
            image = model.prepare(photographs.paths[row])
        except ImageError:  # it was readable, and may be gone since
            continue
        _, maps = model.net.activation_maps(image[None].to(model.device))
        evidence.append(float(model.objective.evidence(maps.aesthetic).abs().amax()))
        others.append(maps.attributes[0].abs().amax((1, 2)).cpu().numpy())
    return Reference.measure(scores[:, 0], attributes, np.array(evidence), np.array(others, np.float64))
