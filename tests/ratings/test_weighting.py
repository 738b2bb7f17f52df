"""The families by hand, what they are equal to in their limits, and the weights a training run sees."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch.nn import functional as F

from awcu.errors import WeightingError
from awcu.ratings.weighting import (
    Drop,
    Exponential,
    Power,
    SampleWeights,
    Sigmoid,
    Step,
    Uniform,
    VoteConfidence,
    effective_share,
)

MARGINS = (0, 0.5, 1, 2)


@pytest.fixture
def four(make_ratings):
    """Margins 0, .5, 1 and 2; the first and third are low."""
    return make_ratings(mean_score=[3, 3.5, 2, 5])


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [
        (Uniform(), [1, 1, 1, 1]),
        (Drop(0), [1, 1, 1, 1]),
        (Drop(0.5), [0, 1, 1, 1]),
        (Drop(0.51), [0, 0, 1, 1]),
        (Drop(2), [0, 0, 0, 1]),
        (Step(delta=1, ratio=4), [0.25, 0.25, 1, 1]),
        (Step(delta=1, ratio=0.5), [2, 2, 1, 1]),
        (Step(delta=1, ratio=math.inf), [0, 0, 1, 1]),
        (Power(0), [1, 1, 1, 1]),
        (Power(1), [0, 0.25, 0.5, 1]),
        (Power(2), [0, 0.0625, 0.25, 1]),
        (Power(0.5), [0, 0.5, math.sqrt(0.5), 1]),
        (Exponential(0), [1, 1, 1, 1]),
        (Exponential(1), [math.exp(-2), math.exp(-1.5), math.exp(-1), 1]),
        (Exponential(math.log(4)), [1 / 16, 1 / 8, 1 / 4, 1]),
        (Sigmoid(delta=0.5, tau=0.5), [1 / (1 + math.e), 0.5, 1 / (1 + 1 / math.e), 1 / (1 + math.exp(-3))]),
    ],
    ids=str,
)
def test_ratios_of_weights_by_hand(four, weighting, expected):
    """Only the ratios are promised, so both sides are divided by the weight of the clearest photograph."""
    weights = weighting(four)
    np.testing.assert_allclose(weights / weights[-1], np.divide(expected, expected[-1]), rtol=1e-14)


def test_vote_confidence_by_hand(make_ratings):
    """√(n/2) is 5 and 10, so the arguments of Φ are 0, 1, 2 and 1; votes that agree are certain."""
    ratings = make_ratings(
        mean_score=[3, 3.2, 2.6, 3.1, 4, 3],
        vote_sd=np.array([1, 1, 1, 1, 0, 0]),
        vote_count=np.array([50, 50, 50, 200, 20, 20]),
    )
    weights = VoteConfidence()(ratings)
    np.testing.assert_allclose(weights[:4], [0, 0.6826894921, 0.9544997361, 0.6826894921], atol=1e-9)
    assert weights[4:].tolist() == [1, 0]


def votes_of_many(rng, n, raters):
    """Two independent draws of the votes of n photographs whose true means are spread evenly over 2 … 9."""
    edges = np.arange(1.5, 10)
    truth = rng.uniform(2, 9, n)
    cumulative = norm.cdf((edges - truth[:, None]) / 1.4)
    shares = np.diff(np.concatenate([np.zeros((n, 1)), cumulative, np.ones((n, 1))], axis=1), axis=1)
    return rng.multinomial(raters, shares), rng.multinomial(raters, shares)


@pytest.mark.parametrize("raters", [20, 100])
def test_vote_confidence_is_how_often_a_redraw_agrees(make_ratings, raters):
    """Agreement in p of the redraws is a weight of 2p − 1: compared within ten groups of equal weight."""
    seen, redrawn = votes_of_many(np.random.default_rng(0), 60_000, raters)
    ids = np.arange(len(seen)).astype(np.str_)
    # A midpoint between two possible means: no ties, which count as low.
    fields = {"image_ids": ids, "image_paths": ids, "midpoint": 5.5 + 0.5 / raters}
    ratings = make_ratings(seen, **fields)
    weights = VoteConfidence()(ratings)
    agrees = ratings.high == make_ratings(redrawn, **fields).high
    group = np.minimum((weights * 10).astype(int), 9)
    for g in range(10):
        mine = group == g
        claimed = (1 + weights[mine].mean()) / 2
        error = math.sqrt(claimed * (1 - claimed) / mine.sum())
        # The standard deviation is itself estimated from the votes: about one part in 4 × raters more.
        assert agrees[mine].mean() == pytest.approx(claimed, abs=4 * error + 0.25 / raters)


def test_vote_confidence_is_phi_of_the_margin_over_the_error_of_a_difference(make_ratings):
    votes = np.random.default_rng(1).integers(0, 9, (50, 5)) + 1
    ratings = make_ratings(votes)
    error = ratings.vote_sd * np.sqrt(2 / votes.sum(1))
    expected = 2 * norm.cdf(np.abs(ratings.mean_score - 3) / error) - 1
    np.testing.assert_allclose(VoteConfidence()(ratings), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("weighting", [Power(300), Power(1000), Exponential(300), Exponential(1e6), Sigmoid(1, 1e-6)])
def test_extreme_parameters_do_not_overflow(make_ratings, weighting):
    ratings = make_ratings(mean_score=[1, 4, 5.5, 10], scale=np.arange(1.0, 11), midpoint=5.5)
    weights = SampleWeights(weighting).at(ratings)
    assert np.isfinite(weights).all()
    assert weights[weights > 0].mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Drop(-1), r"Drop\(delta=-1\) is not a weighting: delta is a distance in rating points, ≥ 0"),
        (lambda: Drop(math.nan), r"Drop\(delta=nan\) is not a weighting"),
        (lambda: Step(-1, 2), "delta is a distance in rating points"),
        (lambda: Step(1, 0), "ratio is how many ambiguous photographs one unambiguous outweighs, > 0"),
        (lambda: Step(1, -2), "ratio is how many"),
        (lambda: Power(-0.5), r"Power\(gamma=-0.5\) is not a weighting: gamma is a.* exponent"),
        (lambda: Power(math.inf), "gamma is a.* exponent"),
        (lambda: Exponential(-1), "beta is a rate per rating point, finite and ≥ 0"),
        (lambda: Exponential(math.inf), "beta is a rate per rating point, finite"),
        (lambda: Sigmoid(-1, 1), "delta is a distance in rating points"),
        (lambda: Sigmoid(1, 0), "tau is the width of the edge in rating points, > 0; for 0 use Drop"),
        (lambda: SampleWeights(Uniform(), anneal="cubic"), "anneal is one of none, linear, cosine"),
        (lambda: SampleWeights(Uniform(), permuted="yes"), "permuted is true or false"),
    ],
)
def test_refuses_impossible_parameters(build, message):
    with pytest.raises(WeightingError, match=message):
        build()


@pytest.mark.parametrize(
    ("family", "misspelt"),
    [
        (Uniform, {"delta": 1}),
        (Drop, {"dleta": 1}),
        (Step, {"delta": 1, "rato": 2}),
        (Power, {"gama": 1}),
        (Exponential, {"bta": 1}),
        (Sigmoid, {"delta": 1, "tua": 1}),
        (VoteConfidence, {"n": 1}),
        (SampleWeights, {"weighting": Uniform(), "anneel": "none"}),
    ],
)
def test_a_misspelt_parameter_fails_at_once(family, misspelt):
    with pytest.raises(TypeError, match=list(misspelt)[-1]):
        family(**misspelt)


def test_equal_by_value_hashable_printable_and_fixed():
    assert Step(delta=1.0, ratio=4.0) == Step(1.0, 4.0) != Step(1.0, 5.0)
    assert Drop(1.0) != Power(1.0)
    assert len({Power(1.0), Power(1.0), Power(2.0)}) == 2
    assert str(SampleWeights(Step(1.0, 4.0), class_balance=True)) == (
        "SampleWeights(weighting=Step(delta=1.0, ratio=4.0), class_balance=True, anneal='none', effective_share=None, "
        "permuted=False)"
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        Drop(1.0).delta = 2.0


def test_vote_confidence_refuses_scores_without_spread(make_ratings):
    ratings = make_ratings(mean_score=[2, 4, 5], vote_sd=np.array([1, np.nan, 1]), vote_count=np.array([9, 9, np.nan]))
    message = r"VoteConfidence\(\) needs the standard deviation .* which made lacks for 2 of 3 photographs"
    with pytest.raises(WeightingError, match=message):
        VoteConfidence()(ratings)
    with pytest.raises(WeightingError, match="vote_sd_column and vote_count_column"):
        VoteConfidence()(ratings)


FAMILIES = [Uniform(), Drop(0.8), Step(0.8, 4), Power(1.5), Exponential(2), Sigmoid(1, 0.2), VoteConfidence()]


@pytest.fixture
def many(make_ratings):
    """200 photographs, two thirds of them high, some exactly on the midpoint."""
    rng = np.random.default_rng(2)
    votes = rng.multinomial(30, (0.1, 0.15, 0.3, 0.25, 0.2), 200)
    votes[::10] = (10, 0, 10, 0, 10)
    votes[1::10] = (18, 6, 4, 2, 0)
    return make_ratings(votes, image_ids=np.arange(200).astype(np.str_), image_paths=np.full(200, ""))


@pytest.mark.parametrize("weighting", FAMILIES, ids=str)
@pytest.mark.parametrize("class_balance", [False, True])
@pytest.mark.parametrize(("anneal", "progress"), [("none", 1), ("linear", 0), ("linear", 0.3), ("cosine", 0.9)])
def test_positive_weights_have_mean_one(many, weighting, class_balance, anneal, progress):
    weights = SampleWeights(weighting, class_balance, anneal).at(many, progress)
    assert weights.shape == (200,)
    assert (weights >= 0).all()
    assert weights[weights > 0].mean() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("weighting", FAMILIES, ids=str)
def test_class_balance_gives_each_class_half_of_the_weight(many, weighting):
    balanced = SampleWeights(weighting, class_balance=True).at(many)
    assert balanced[many.high].sum() == pytest.approx(balanced.sum() / 2, rel=1e-12)
    plain = SampleWeights(weighting).at(many)
    for one in (many.high & (plain > 0), ~many.high & (plain > 0)):
        ratio = balanced[one] / plain[one]
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12, err_msg="balancing must not reorder a class")


def test_class_balance_by_hand(four):
    """Power(1): low 0 and 1, high .5 and 2 → halves 1 and .2, .8 → mean 1 over the three that are positive."""
    weights = SampleWeights(Power(1), class_balance=True).at(four)
    np.testing.assert_allclose(weights, [0, 0.3, 1.5, 1.2], rtol=1e-14)


@pytest.mark.parametrize(
    ("anneal", "progress", "strength"),
    [
        ("none", 0, 1),
        ("none", 0.5, 1),
        ("none", 1, 1),
        ("linear", 0, 0),
        ("linear", 0.5, 0.5),
        ("linear", 1, 1),
        ("cosine", 0, 0),
        ("cosine", 0.25, (1 - math.sqrt(0.5)) / 2),
        ("cosine", 0.5, 0.5),
        ("cosine", 1, 1),
    ],
)
def test_annealing_by_hand(four, anneal, progress, strength):
    """Step(1, 3) is .5, .5, 1.5, 1.5 at full strength, so s of it is 1 ∓ s/2."""
    weights = SampleWeights(Step(1, 3), anneal=anneal).at(four, progress)
    np.testing.assert_allclose(weights, [1 - strength / 2] * 2 + [1 + strength / 2] * 2, rtol=1e-14)


def test_annealing_towards_a_drop_begins_with_every_photograph(four):
    """Drop(1) is 0, 0, 1, 1 at full strength: half way .5, .5, 1, 1, whose mean is ¾."""
    annealed = SampleWeights(Drop(1), anneal="linear")
    np.testing.assert_allclose(annealed.at(four, 0.5), np.array([0.5, 0.5, 1, 1]) / 0.75, rtol=1e-14)
    assert annealed.at(four, 1.0).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("class_balance", [False, True])
def test_a_weighting_that_leaves_nothing_is_refused(four, class_balance):
    message = r"Drop\(delta=2.5\) zeroes all 4 training photographs of made, whose largest margin is 2 rating points"
    with pytest.raises(WeightingError, match=message):
        SampleWeights(Drop(2.5), class_balance).at(four)


@pytest.mark.parametrize(("scores", "left"), [([2.9, 5], "low"), ([3.1, 1], "high")])
def test_a_class_that_is_dropped_whole_cannot_be_balanced(make_ratings, scores, left):
    message = rf"Drop\(delta=1\) leaves no {left} photograph of made, so the classes cannot be balanced"
    with pytest.raises(WeightingError, match=message):
        SampleWeights(Drop(1), class_balance=True).at(make_ratings(mean_score=scores))


# What a weighting is equal to is proved on what it does: the loss and the gradient of a linear model, full batch.


def loss_and_gradient(ratings, weights, rows=None):
    """Σ w·loss / number of rows, over the given rows, of a fixed linear classifier."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(len(ratings), 7, generator=generator, dtype=torch.float64)
    layer = torch.randn(2, 7, generator=generator, dtype=torch.float64).requires_grad_()
    losses = F.cross_entropy(inputs @ layer.T, torch.from_numpy(ratings.high.astype(np.int64)), reduction="none")
    weighted = torch.from_numpy(weights) * losses
    loss = weighted.mean() if rows is None else weighted[torch.from_numpy(rows)].mean()
    loss.backward()
    return loss.item(), layer.grad.numpy()


def assert_same_training(ratings, first, second, rtol):
    (loss_a, gradient_a), (loss_b, gradient_b) = (loss_and_gradient(ratings, *one) for one in (first, second))
    assert loss_a == pytest.approx(loss_b, rel=rtol)
    np.testing.assert_allclose(gradient_a, gradient_b, rtol=rtol, atol=rtol * np.abs(gradient_b).max())


def test_drop_is_training_on_the_rest_alone(many):
    kept = many.margin >= 0.6
    rest = many.select(kept)
    assert 0 < len(rest) < len(many)
    weights = SampleWeights(Drop(0.6)).at(many)
    np.testing.assert_array_equal(weights[kept], SampleWeights(Uniform()).at(rest))
    assert_same_training(many, (weights, weights > 0), (np.ones(len(many)), kept), rtol=1e-14)


def test_drop_of_zero_is_uniform(many):
    np.testing.assert_array_equal(SampleWeights(Drop(0)).at(many), SampleWeights(Uniform()).at(many))


@pytest.mark.parametrize("class_balance", [False, True])
@pytest.mark.parametrize(("anneal", "progress"), [("none", 1), ("linear", 0.3), ("cosine", 0.9)])
def test_a_step_of_infinite_ratio_is_drop(many, class_balance, anneal, progress):
    step, drop = (SampleWeights(one, class_balance, anneal) for one in (Step(0.6, math.inf), Drop(0.6)))
    np.testing.assert_array_equal(step.at(many, progress), drop.at(many, progress))


def test_a_step_of_huge_ratio_trains_like_drop(many):
    """All rows reach the loss here, so the weights have mean 1 over all, not over the kept."""
    drop = SampleWeights(Drop(0.6)).at(many)
    step = SampleWeights(Step(0.6, 1e9)).at(many)
    assert_same_training(many, (step, None), (drop, drop > 0), rtol=1e-6)


@pytest.mark.parametrize("weighting", [Step(0.6, 1.0), Power(0.0), Exponential(0.0)], ids=str)
@pytest.mark.parametrize("class_balance", [False, True])
def test_neutral_parameters_are_exactly_uniform(many, weighting, class_balance):
    neutral, uniform = (SampleWeights(one, class_balance).at(many) for one in (weighting, Uniform()))
    np.testing.assert_array_equal(neutral, uniform)
    assert loss_and_gradient(many, neutral)[0] == loss_and_gradient(many, uniform)[0]


def test_a_sharp_sigmoid_trains_like_drop(many):
    """No margin is within .001 of the edge, so tau = 1e-5 leaves nothing between 0 and 1."""
    delta = 0.6175
    assert np.abs(many.margin - delta).min() > 1e-3
    drop, sigmoid = (SampleWeights(one).at(many) for one in (Drop(delta), Sigmoid(delta, 1e-5)))
    kept = drop > 0
    assert 0 < kept.sum() < len(many)
    # Dropped photographs keep a weight of e^−100 or less and still count as rows: the mean is over all of them.
    np.testing.assert_allclose(sigmoid / sigmoid.max(), drop, atol=1e-12)
    assert_same_training(many, (sigmoid / sigmoid.mean(), None), (drop, kept), rtol=1e-9)


def test_a_wide_sigmoid_is_uniform(many):
    weights = SampleWeights(Sigmoid(0.5, 1e9)).at(many)
    assert_same_training(many, (weights, None), (np.ones(len(many)), None), rtol=1e-8)


def test_balanced_weights_give_both_classes_the_same_say(many):
    """The gradient of the bias of an undecided classifier is the difference of the class masses: zero."""
    weights = torch.from_numpy(SampleWeights(Power(1), class_balance=True).at(many))
    bias = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    high = torch.from_numpy(many.high.astype(np.int64))
    (weights * F.cross_entropy(bias.expand(len(many), 2), high, reduction="none")).mean().backward()
    np.testing.assert_allclose(bias.grad.numpy(), 0, atol=1e-14)


@pytest.mark.parametrize(("weights", "share"), [([2, 2, 2], 1), ([1, 0], 0.5), ([3, 1], 0.8), ([1, 1, 0, 0], 0.5)])
def test_effective_share_by_hand(weights, share):
    assert effective_share(np.array(weights, dtype=float)) == pytest.approx(share)


@pytest.mark.parametrize(
    ("family", "mild", "strong"),
    [(lambda r: Step(1, r), 2, 16), (Power, 0.5, 3), (Power, 3, 0.5), (Exponential, 0.2, 2)],
)
def test_a_family_of_one_parameter_is_brought_to_another_of_its_own(many, family, mild, strong):
    wanted = SampleWeights(family(strong)).at(many)
    share = effective_share(wanted)
    np.testing.assert_allclose(SampleWeights(family(mild), effective_share=share).at(many), wanted, rtol=1e-6)


@pytest.mark.parametrize("weighting", [Sigmoid(0.5, 0.2), VoteConfidence(), Power(1), Exponential(1), Step(0.5, 8)])
@pytest.mark.parametrize("share", [0.6, 0.8])
def test_families_are_brought_to_equal_strength(make_ratings, weighting, share):
    votes = np.random.default_rng(4).multinomial(15, [0.1, 0.2, 0.3, 0.25, 0.15], size=200)
    weights = SampleWeights(weighting, effective_share=share).at(make_ratings(votes=votes))
    assert effective_share(weights) == pytest.approx(share, abs=1e-9)


def test_uniform_weights_have_no_strength_to_set(many):
    np.testing.assert_array_equal(SampleWeights(Uniform(), effective_share=0.5).at(many), np.ones(len(many)))


@pytest.mark.parametrize(
    ("weighting", "share", "message"),
    [
        (Drop(1), 0.4, r"Drop\(delta=1\) cannot have an effective share of 0.4: .* between 0.500 and 0.500"),
        (Step(1, 4), 0.3, r"between 0.500 and 1.000; ask for one between these"),
        (Power(1), 0.2, r"between 0.250 and 0.750"),
    ],
)
def test_a_share_that_no_power_gives_is_refused(four, weighting, share, message):
    with pytest.raises(WeightingError, match=message):
        SampleWeights(weighting, effective_share=share).at(four)


@pytest.mark.parametrize("share", [0, -1, 1.01, math.nan, "half"])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(WeightingError, match=r"effective_share is in \(0, 1\]"):
        SampleWeights(Power(1), effective_share=share)


class TestPermuted:
    """The placebo: the same weights for photographs of the same class that are drawn at random."""

    @pytest.fixture
    def six(self, make_ratings):
        """Low a, b, c with margins 2, 1, .5, and high d, e, f with margins .5, 1, 2."""
        ids = np.array(list("abcdef"))
        return make_ratings(mean_score=[1, 2, 2.5, 3.5, 4, 5], image_ids=ids, image_paths=ids)

    def test_by_hand(self, six):
        """SHA-256 of "0:permuted:a" begins with b9, b 58, c 7c, d ee, e cc, f 03: b and f get least, a and d most."""
        weights = SampleWeights(Power(1), permuted=True).at(six)
        np.testing.assert_allclose(weights, np.array([2, 0.5, 1, 2, 1, 0.5]) * 6 / 7)

    @pytest.mark.parametrize("weighting", [Drop(1), Step(1, math.inf)], ids=str)
    def test_drops_at_random_as_many_of_each_class_as_are_ambiguous(self, six, weighting):
        for seed in range(20):
            weights = SampleWeights(weighting, permuted=True).at(six, seed=seed)
            assert sorted(weights[:3]) == sorted(weights[3:]) == [0, 1, 1]

    def test_each_is_dropped_as_often_as_another(self, six):
        """Of 1,200 draws 400 each, with a standard deviation of √(1200 · ⅓ · ⅔) = 16."""
        sampled = SampleWeights(Drop(1), permuted=True)
        dropped = sum((sampled.at(six, seed=seed) == 0).astype(int) for seed in range(1200))
        assert (abs(dropped - 400) < 65).all()

    @pytest.mark.parametrize("order", [[5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 3, 4]])
    def test_neither_the_order_nor_the_course_of_training_changes_who_has_which(self, six, order):
        sampled = SampleWeights(Power(1), anneal="linear", permuted=True)
        np.testing.assert_array_equal(sampled.at(six.select(order)), sampled.at(six)[order])
        assert (sampled.at(six, 0.5).argsort() == sampled.at(six).argsort()).all()

    def test_balances_classes_as_without(self, many):
        plain, permuted = (SampleWeights(Power(1), class_balance=True, permuted=one).at(many) for one in (False, True))
        for mine in (many.high, ~many.high):
            np.testing.assert_allclose(np.sort(permuted[mine]), np.sort(plain[mine]))
        assert (permuted != plain).any()
