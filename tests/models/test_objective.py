"""Losses by hand and against scikit-learn, and logits read back as a verdict."""

import math

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import log_loss
from torch.nn import functional as F

from awcu.models.objective import (
    Binary,
    RatingDistribution,
    Score,
    build_objective,
    flaw_loss,
    multi_label_loss,
    single_label_loss,
)

NAN = math.nan
NONE = torch.empty(0)
FIVE = RatingDistribution(scale=(1, 2, 3, 4, 5), midpoint=3)


@pytest.mark.parametrize(
    ("logits", "high", "expected"),
    [
        ([0, 0], 0, math.log(2)),
        ([0, math.log(3)], 1, math.log(4 / 3)),
        ([0, math.log(3)], 0, math.log(4)),
        ([1000, -1000], 0, 0),
        ([1000, -1000], 1, 2000),
    ],
)
def test_cross_entropy_by_hand(logits, high, expected):
    loss = Binary().loss(torch.tensor([logits, [0.0, 0.0]]), torch.tensor([high, 0]), NONE, NONE)
    assert loss.tolist() == pytest.approx([expected, math.log(2)], abs=1e-6)


@pytest.mark.parametrize(
    ("shares", "target", "expected"),
    [
        # Cumulative shares differ by 1, 1 and 0; by ½ once; by nothing.
        ([1, 0, 0], [0, 0, 1], 2 / 3),
        ([0.5, 0.5, 0], [1, 0, 0], 0.25 / 3),
        ([0.2, 0.3, 0.5], [0.2, 0.3, 0.5], 0),
        ([0.25, 0.25, 0.5], [0.5, 0.25, 0.25], (0.25**2 + 0.25**2) / 3),
    ],
)
def test_squared_earth_movers_distance_by_hand(shares, target, expected):
    objective = RatingDistribution((1, 2, 3), 2)
    loss = objective.loss(torch.tensor([shares]).log(), NONE, torch.tensor([target]), NONE)
    assert loss.tolist() == pytest.approx([expected], abs=1e-7)


def test_squared_earth_movers_distance_has_a_gradient_at_equality():
    logits = torch.zeros(1, 5, requires_grad=True)
    FIVE.loss(logits, NONE, torch.full((1, 5), 0.2), NONE).sum().backward()
    assert logits.grad.abs().max() < 1e-7


def test_squared_earth_movers_distance_falls_along_its_gradient():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(8, 5, generator=generator, requires_grad=True)
    target = torch.rand(8, 5, generator=generator).softmax(1)
    loss = FIVE.loss(logits, NONE, target, NONE)
    loss.sum().backward()
    assert (FIVE.loss(logits.detach() - logits.grad, NONE, target, NONE) < loss).all()


def test_binary_reads_logits_as_log_odds():
    logits = torch.tensor([[0.0, 2], [2, 0], [1, 1], [-50, 50]])
    objective = Binary()
    assert objective.outputs == 2
    assert objective.score(logits).tolist() == [2, -2, 0, 100]
    odds = logits[:3].softmax(1)
    torch.testing.assert_close(objective.score(logits[:3]), (odds[:, 1] / odds[:, 0]).log())
    assert objective.distribution(logits).shape == (4, 0)


def test_rating_distribution_reads_logits_as_an_expected_rating():
    shares = torch.tensor([[0.2, 0.2, 0.2, 0.2, 0.2], [0, 0, 0, 0.5, 0.5], [1, 0, 0, 0, 0]])
    assert FIVE.outputs == 5
    assert FIVE.score(shares.log()).tolist() == pytest.approx([0, 1.5, -2], abs=1e-6)
    torch.testing.assert_close(FIVE.distribution(shares.log()), shares)


@pytest.mark.parametrize("midpoint", [2.5, 3, 4])
def test_a_positive_score_is_a_predicted_mean_above_the_midpoint(midpoint):
    logits = torch.randn(50, 5, generator=torch.Generator().manual_seed(1))
    objective = RatingDistribution((1, 2, 3, 4, 5), midpoint)
    mean = objective.distribution(logits) @ torch.arange(1.0, 6)
    assert (objective.score(logits) > 0).tolist() == (mean > midpoint).tolist()
    assert 0 < (mean > midpoint).sum() < 50


def test_binary_probability_by_hand():
    logits = torch.tensor([[0.0, math.log(3)], [math.log(4), 0], [7, 7], [-50, 50]])
    assert Binary().probability(logits).tolist() == pytest.approx([0.75, 0.2, 0.5, 1])
    torch.testing.assert_close(Binary().probability(logits), Binary().score(logits).sigmoid())


@pytest.mark.parametrize(
    ("midpoint", "expected"),
    # Of shares .1, .2, .3, .15, .25: a rating at the midpoint counts half.
    [(3, 0.55), (2.5, 0.7), (3.5, 0.4), (5, 0.125), (1, 0.95), (0, 1), (6, 0)],
)
def test_distribution_probability_by_hand(midpoint, expected):
    logits = torch.tensor([[0.1, 0.2, 0.3, 0.15, 0.25], [1, 1e-30, 1e-30, 1e-30, 1e-30]]).log() + 2
    probability = RatingDistribution((1, 2, 3, 4, 5), midpoint).probability(logits)
    assert probability.tolist() == pytest.approx([expected, {0: 1, 1: 0.5}.get(midpoint, 0)], abs=1e-6)


@pytest.mark.parametrize("objective", [Binary(), FIVE, RatingDistribution((1, 1.5, 4), 2.2)])
def test_probability_of_maps_is_that_of_each_location(objective):
    maps = 2 * torch.randn(4, objective.outputs, 3, 5, generator=torch.Generator().manual_seed(8))
    probability = objective.probability(maps)
    assert probability.shape == (4, 3, 5)
    for row in range(3):
        for column in range(5):
            one = objective.probability(maps[:, :, row, column])
            torch.testing.assert_close(probability[:, row, column], one)
    assert ((probability > 0) & (probability < 1)).all()


def test_binary_evidence_averages_to_the_score():
    """`maps.mean + bias == logits`, so evidence averages to the score but for the difference of the biases."""
    generator = torch.Generator().manual_seed(2)
    maps, bias = torch.randn(6, 2, 3, 4, generator=generator), torch.randn(2, generator=generator)
    evidence = Binary().evidence(maps)
    assert evidence.shape == (6, 3, 4)
    score = Binary().score(maps.mean((2, 3)) + bias)
    torch.testing.assert_close(evidence.mean((1, 2)) + bias[1] - bias[0], score)


def test_distribution_evidence_by_hand():
    """Weights −2 … 2: evidence for 5 counts twice that for 4, evidence common to all ratings counts nothing."""
    maps = torch.zeros(1, 5, 1, 4)
    maps[0, 4, 0, 0] = 1
    maps[0, 1, 0, 1] = 3
    maps[0, :, 0, 2] = 7
    evidence = RatingDistribution((1, 2, 3, 4, 5), midpoint=2).evidence(maps)
    torch.testing.assert_close(evidence, torch.tensor([[[2.0, -3, 0, 0]]]))


def test_distribution_evidence_is_the_change_of_the_score_of_an_undecided_photograph():
    """At equal logits the expected rating changes by (value − mean value) / K a logit: evidence over K."""
    maps = torch.randn(3, 5, 2, 2, generator=torch.Generator().manual_seed(3))
    small = 1e-3 * maps.double()
    torch.testing.assert_close(
        FIVE.score(small.mean((2, 3))), FIVE.evidence(small).mean((1, 2)) / 5, rtol=1e-2, atol=1e-6
    )


def test_smooth_l1_by_hand():
    """Errors of 0, ½, 1 and −3 rating points: half the square up to one point, the error less a half beyond."""
    logits = torch.tensor([[1.0], [0.5], [2.0], [-2.0]])
    loss = Score((1.0, 5.0), 3.0).loss(logits, NONE, NONE, torch.tensor([1.0, 0.0, 1.0, 1.0]))
    assert loss.tolist() == [0, 0.125, 0.5, 2.5]


def test_a_score_is_its_logit_and_its_maps_are_exact():
    objective, generator = Score((1.0, 5.0), 3.0), torch.Generator().manual_seed(2)
    maps, bias = torch.randn(6, 1, 3, 4, generator=generator), torch.randn(1, generator=generator)
    logits = maps.mean((2, 3)) + bias
    evidence = objective.evidence(maps)
    assert evidence.shape == (6, 3, 4)
    assert torch.equal(objective.score(logits), logits[:, 0])
    torch.testing.assert_close(evidence.mean((1, 2)) + bias, objective.score(logits))
    assert objective.outputs == 1
    assert objective.distribution(logits).shape == (6, 0)
    assert objective.probability(logits) is None


def test_a_rating_lies_on_the_scale_people_rated_on():
    regression = Score((0.0, 5.0), 2.5)
    assert [regression.rating(score) for score in (-9.0, -2.5, 0.91, 2.5, 9.0)] == [0, 0, pytest.approx(3.41), 5, 5]
    assert RatingDistribution((1.0, 2.0, 3.0), 2.0).rating(-0.25) == 1.75
    assert Binary().rating(0.91) is None


def test_objectives_by_name():
    built = [build_objective(name, [1.0, 2.0, 4.0], 2.5) for name in ("binary", "distribution", "score")]
    assert built == [Binary(), RatingDistribution((1.0, 2.0, 4.0), 2.5), Score((1.0, 2.0, 4.0), 2.5)]


def test_multi_label_equals_the_references_where_all_is_labelled():
    generator = torch.Generator().manual_seed(4)
    logits = 3 * torch.randn(20, 6, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, 2, (20, 6), generator=generator).double()
    losses = multi_label_loss(logits, targets)
    torch.testing.assert_close(losses, F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(1))
    for i in range(20):
        assert losses[i].item() == pytest.approx(log_loss(targets[i], expit(logits[i].numpy()), labels=[0, 1]))


def test_multi_label_looks_only_at_what_is_labelled():
    logits = torch.tensor([[0.0, math.log(3), 99], [math.log(3), 5, -99]])
    targets = torch.tensor([[1, 0, NAN], [1, NAN, NAN]])
    expected = [(math.log(2) + math.log(4)) / 2, math.log(4 / 3)]
    assert multi_label_loss(logits, targets).tolist() == pytest.approx(expected)


def test_single_label_equals_cross_entropy():
    logits = torch.randn(20, 6, generator=torch.Generator().manual_seed(5))
    one = torch.arange(20) % 6
    targets = F.one_hot(one, 6).float()
    torch.testing.assert_close(single_label_loss(logits, targets), F.cross_entropy(logits, one, reduction="none"))
    hidden = targets.where(targets == 1, torch.nan)
    torch.testing.assert_close(single_label_loss(logits, hidden), single_label_loss(logits, targets))


@pytest.mark.parametrize(
    ("loss", "nothing"),
    [(multi_label_loss, [NAN, NAN]), (single_label_loss, [NAN, NAN]), (single_label_loss, [0, 0])],
)
def test_a_photograph_without_labels_has_no_loss_and_harms_no_gradient(loss, nothing):
    logits = torch.zeros(3, 2, requires_grad=True)
    targets = torch.tensor([[1, 0], nothing, [0, 1]])
    losses = loss(logits, targets)
    assert losses.isnan().tolist() == [False, True, False]
    losses.nanmean().backward()
    assert np.isfinite(logits.grad.numpy()).all()
    assert logits.grad[1].tolist() == [0, 0]
    assert logits.grad[0, 0] < 0 < logits.grad[0, 1]


def test_objectives_are_equal_by_value_and_refuse_misspelt_parameters():
    assert RatingDistribution((1, 2), 1.5) == RatingDistribution((1, 2), 1.5) != RatingDistribution((1, 2), 1.6)
    with pytest.raises(TypeError, match="mid"):
        RatingDistribution((1, 2), mid=1.5)


class TestFlawLoss:
    """A 1 × 3 map: half a cell of flaw, none, none."""

    INTACT = torch.tensor([[[2.0, 1.0, 3.0]]])
    PLACE = torch.tensor([[[0.5, 0.0, 0.0]]])

    @pytest.mark.parametrize(
        ("flawed", "expected"),
        [
            ([0.5, 1.0, 3.0], 0.0),  # half a point below the lowest outside, which is 1
            ([0.9, 1.0, 3.0], 0.5 * 0.4**2),
            ([0.1, 1.0, 3.0], 0.5 * 0.4**2),  # nor lower than that
            ([3.0, 1.0, 3.0], 2.5 - 0.5),  # beyond one point the error less a half
            ([0.5, 1.0, 2.4], 0.5 * 0.6**2 / 2),  # outside moved in one of two cells
            ([1.5, 2.5, 3.0], (1.5 - 0.5) / 2),  # now the intact photograph's 2 is the lowest
        ],
    )
    def test_it_counts_what_is_off_the_goal(self, flawed: list[float], expected: float) -> None:
        found = flaw_loss(self.INTACT, torch.tensor([[flawed]]), self.PLACE)
        torch.testing.assert_close(found, torch.tensor([expected]))

    def test_a_flaw_of_the_whole_frame_has_only_the_margin(self) -> None:
        found = flaw_loss(self.INTACT, self.INTACT - 0.1, torch.full((1, 1, 3), 0.5), margin=1.0)
        torch.testing.assert_close(found, torch.tensor([0.5 * 0.4**2]))

    def test_the_intact_photograph_is_not_lifted(self) -> None:
        intact, flawed = self.INTACT.clone().requires_grad_(), self.INTACT.clone().requires_grad_()
        flaw_loss(intact, flawed, self.PLACE).sum().backward()
        assert intact.grad is None
        assert flawed.grad is not None
        assert flawed.grad[0, 0].tolist() == [1.0, 0.0, 0.0]
