"""Solved heads against scikit-learn, the published definitions and hand-computed optima."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from awcu.errors import ProbeError
from awcu.probing import heads as probe
from awcu.probing.heads import fit_attributes, fit_binary, fit_distribution, fit_score


def features(n, channels, condition=1.0, seed=0):
    """Correlated non-negative features whose singular values span `condition`."""
    random = np.random.default_rng(seed)
    left, _ = np.linalg.qr(random.normal(size=(n, min(n, channels))))
    right, _ = np.linalg.qr(random.normal(size=(channels, min(n, channels))))
    spectrum = np.geomspace(1, 1 / condition, min(n, channels)) * math.sqrt(n)
    return left * spectrum @ right.T + 3


def labels(x, seed=0):
    random = np.random.default_rng(seed + 100)
    z = (x - x.mean(0)) @ random.normal(size=x.shape[1])
    return z / z.std() + 0.7 * random.normal(size=len(x)) > -0.3


def margins(n, seed=0):
    return np.abs(np.random.default_rng(seed + 200).normal(size=n))


def objective(x, y, w, penalty, weight, bias):
    z = x @ weight + bias
    return float(w @ np.logaddexp(0, np.where(y, -z, z)) + penalty * weight @ weight / 2)


def reference(x, y, w, penalty):
    """scikit-learn at its most exact."""
    with warnings.catch_warnings():
        # At the last digits its line search may give up; the objective decides who is nearer.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "(?s).*Line search of Newton solver.*")
        model = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-12, max_iter=1000)
        model.fit(x, y, sample_weight=w)
    return model.coef_[0], model.intercept_[0]


CASES = {
    "more photographs than channels": (300, 20, 1.0),
    "more channels than photographs": (60, 150, 1.0),
    "ill-conditioned": (300, 40, 1e6),
    "ill-conditioned and wide": (80, 120, 1e5),
}


@pytest.mark.parametrize("case", CASES)
def test_optimum_equals_scikit_learn_for_every_penalty_and_weighting_at_once(case):
    n, channels, condition = CASES[case]
    x = features(n, channels, condition)
    y, d = labels(x), margins(n)
    weightings = [np.ones(n), d**2, (d > 0.5).astype(float), np.where(d > 1, 64.0, 1.0)]
    settings = [(w, 1 / c) for w in weightings for c in (1e-4, 1e-2, 1.0, 1e2, 1e4)]
    weights = torch.tensor(np.array([w for w, _ in settings]))
    penalty = torch.tensor([p for _, p in settings], dtype=torch.float64)
    heads = fit_binary(torch.tensor(x), torch.tensor(y), weights, penalty)
    assert heads.converged.all()
    assert heads.weight.shape == (20, 1, channels)
    unseen = features(50, channels, condition, seed=7)
    for head, (w, strength) in enumerate(settings):
        mine = (heads.weight[head, 0].numpy(), heads.bias[head, 0].item())
        theirs = reference(x, y, w, strength)
        best = objective(x, y, w, strength, *theirs)
        assert objective(x, y, w, strength, *mine) <= best * (1 + 1e-6)
        assert heads.objective[head].item() == pytest.approx(objective(x, y, w, strength, *mine), rel=1e-9)
        for rows in (x, unseen):
            np.testing.assert_allclose(expit(rows @ mine[0] + mine[1]), expit(rows @ theirs[0] + theirs[1]), atol=1e-4)


def test_a_head_by_hand():
    # One photograph a class, mirrored about 0: the bias is 0 and w solves w = 2 · σ(−w), the penalty being 1.
    heads = fit_binary(torch.tensor([[1.0], [-1.0]]), torch.tensor([True, False]), torch.ones(1, 2), torch.ones(1))
    w = heads.weight.item()
    assert w == pytest.approx(2 / (1 + math.exp(w)), abs=1e-6)
    assert heads.bias.item() == pytest.approx(0, abs=1e-9)
    assert heads.objective.item() == pytest.approx(2 * math.log1p(math.exp(-w)) + w * w / 2)


def test_without_usable_features_the_bias_is_the_weighted_log_odds():
    heads = fit_binary(
        torch.ones(4, 3), torch.tensor([True, True, False, False]), torch.tensor([[3.0, 3, 1, 1]]), torch.ones(1)
    )
    torch.testing.assert_close(heads.bias, torch.tensor([[math.log(3)]], dtype=torch.float64), atol=1e-4, rtol=0)
    assert heads.weight.abs().max() < 1e-9


def test_zero_weight_leaves_a_photograph_out_whatever_its_features():
    x = features(120, 10)
    y, keep = labels(x), margins(120) > 0.5
    full = fit_binary(torch.tensor(x), torch.tensor(y), torch.tensor(keep[None] * 1.0), torch.ones(1))
    part = fit_binary(torch.tensor(x[keep]), torch.tensor(y[keep]), torch.ones(1, int(keep.sum())), torch.ones(1))
    torch.testing.assert_close(full.weight, part.weight, atol=1e-4, rtol=0)
    x[~keep] = 1e6
    torch.testing.assert_close(
        fit_binary(torch.tensor(x), torch.tensor(y), torch.tensor(keep[None] * 1.0), torch.ones(1)).weight, full.weight
    )


def test_scaling_weights_and_penalty_together_changes_nothing():
    x = torch.tensor(features(100, 8))
    y, w = torch.tensor(labels(x.numpy())), torch.tensor(margins(100))
    heads = fit_binary(x, y, torch.stack([w, 50 * w]), torch.tensor([0.3, 15.0]))
    torch.testing.assert_close(heads.weight[0], heads.weight[1], atol=1e-5, rtol=1e-4)


def test_a_head_does_not_depend_on_its_company_or_on_the_chunk(monkeypatch):
    x = torch.tensor(features(90, 30))
    y = torch.tensor(labels(x.numpy()))
    w, penalty = torch.rand(7, 90, dtype=torch.float64), torch.logspace(-3, 3, 7, dtype=torch.float64)
    together = fit_binary(x, y, w, penalty)
    monkeypatch.setattr(probe, "ENTRIES_AT_ONCE", 200)
    chunked = fit_binary(x, y, w, penalty)
    alone = [fit_binary(x, y, w[h : h + 1], penalty[h : h + 1]) for h in range(7)]
    torch.testing.assert_close(torch.cat([a.objective for a in alone]), together.objective, rtol=1e-7, atol=0)
    torch.testing.assert_close(chunked.objective, together.objective, rtol=1e-7, atol=0)
    torch.testing.assert_close(chunked.logits(x), together.logits(x), atol=2e-3, rtol=1e-3)


def test_heads_with_labels_of_their_own():
    x = torch.tensor(features(80, 12))
    first, second = torch.tensor(labels(x.numpy(), 1)), torch.tensor(labels(x.numpy(), 2))
    both = fit_binary(x, torch.stack([first, second]), torch.ones(2, 80), torch.ones(2))
    for head, own in enumerate((first, second)):
        alone = fit_binary(x, own, torch.ones(1, 80), torch.ones(1))
        torch.testing.assert_close(both.weight[head], alone.weight[0], atol=1e-5, rtol=1e-4)


def test_distribution_equals_scikit_learn_on_one_row_a_vote():
    x = features(60, 9)
    random = np.random.default_rng(3)
    votes = random.multinomial(12, random.dirichlet([2, 3, 1, 2], 60))
    w, strength = margins(60), 0.7
    shares = votes / votes.sum(1, keepdims=True)
    heads = fit_distribution(
        torch.tensor(x), torch.tensor(shares), torch.tensor(w[None]), torch.tensor([strength], dtype=torch.float64)
    )
    rows, values = np.nonzero(shares)
    # scikit-learn knows no shares, but a row a rating value, weighted by its share, is the same objective.
    model = LogisticRegression(C=1 / strength, tol=1e-12, max_iter=10_000)
    model.fit(x[rows], values, sample_weight=w[rows] * shares[rows, values])

    def total(weight, bias):
        logits = log_softmax(x @ weight.T + bias, axis=1)
        return -(w @ (shares * logits).sum(1)) + strength * (weight**2).sum() / 2

    mine, theirs = total(heads.weight[0].numpy(), heads.bias[0].numpy()), total(model.coef_, model.intercept_)
    assert mine <= theirs * (1 + 1e-6)
    assert heads.objective.item() == pytest.approx(mine, rel=1e-9)
    np.testing.assert_allclose(heads.logits(torch.tensor(x))[0].softmax(1).numpy(), model.predict_proba(x), atol=1e-4)


def test_distribution_without_usable_features_is_the_weighted_mean_distribution():
    shares = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8]], dtype=torch.float64)
    heads = fit_distribution(torch.ones(2, 4), shares, torch.tensor([[3.0, 1.0]]), torch.ones(1))
    torch.testing.assert_close(
        heads.logits(torch.ones(1, 4))[0, 0].softmax(0), (3 * shares[0] + shares[1]) / 4, atol=1e-4, rtol=0
    )
    mean = np.array([1.5, 1.7, 0.8]) / 4  # (3 · first + second) / 4
    entropy = -4 * (mean * np.log(mean)).sum()
    assert heads.objective.item() == pytest.approx(entropy, rel=1e-6)


def test_attributes_are_each_fitted_on_the_photographs_labelled_for_them():
    x = features(100, 6)
    attributes = np.stack([labels(x, 1), labels(x, 2)], 1).astype(float)
    attributes[:40, 1] = np.nan
    w = margins(100)
    heads = fit_attributes(
        torch.tensor(x), torch.tensor(attributes), torch.tensor(w), torch.tensor([0.5, 2.0]), ["Macro", "HDR"]
    )
    for head, (rows, strength) in enumerate([(slice(None), 0.5), (slice(40, None), 2.0)]):
        weight, bias = reference(x[rows], attributes[rows, head] == 1, w[rows], strength)
        np.testing.assert_allclose(heads.weight[head, 0], weight, atol=1e-4)
        assert heads.bias[head].item() == pytest.approx(bias, abs=1e-3)


def test_a_head_stopped_early_is_marked():
    x = torch.tensor(features(200, 30))
    y = torch.tensor(labels(x.numpy()))
    penalty = torch.tensor([1e4, 1e-4], dtype=torch.float64)
    heads = fit_binary(x, y, torch.ones(2, 200), penalty, max_steps=5)
    assert heads.converged.tolist() == [True, False]
    assert heads.steps.tolist()[1] == 5
    assert heads.gap[1] > 1e-10 >= heads.gap[0]


def test_single_precision_features_are_enough():
    x = torch.tensor(features(150, 12), dtype=torch.float32)
    y = torch.tensor(labels(x.numpy()))
    heads = fit_binary(x, y, torch.ones(1, 150), torch.ones(1))
    assert heads.weight.dtype == torch.float64
    assert heads.logits(x).shape == (1, 150, 1)


GOOD = {
    "features": torch.tensor(features(6, 2)),
    "high": torch.tensor([True, False] * 3),
    "weights": torch.ones(2, 6),
    "penalty": torch.ones(2),
    "names": ["uniform", "drop"],
}
NAN_ROW = GOOD["features"].clone()
NAN_ROW[4, 1] = torch.nan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": torch.ones(2, 5)}, r"weights \(2, 5\), penalty \(2,\) and 2 names for features \(6, 2\)"),
        ({"penalty": torch.ones(3)}, r"penalty \(3,\)"),
        ({"names": ["one"]}, "and 1 names"),
        ({"high": torch.ones(5) > 0}, "6 rows of features for 5 labels"),
        ({"features": NAN_ROW}, "row 4 holds nan or infinity"),
        ({"weights": torch.tensor([[1.0] * 6, [1, 1, 1, 1, 1, -1]])}, "drop: a weight is negative"),
        ({"weights": torch.tensor([[torch.nan] * 6, [1.0] * 6])}, "uniform: a weight is negative, nan"),
        ({"weights": torch.tensor([[1.0] * 6, [torch.inf] * 6])}, "drop: a weight is negative, nan or infinite"),
        ({"penalty": torch.tensor([1.0, 0.0])}, "drop: the penalty must be finite and > 0"),
        ({"penalty": torch.tensor([-1.0, 1.0])}, "uniform: the penalty"),
        ({"penalty": torch.tensor([torch.nan, 1.0])}, "uniform: the penalty"),
        ({"weights": torch.tensor([[1.0] * 6, [1, 0, 1, 0, 1, 0]])}, "drop: no low photograph"),
        ({"weights": torch.tensor([[0, 1.0, 0, 1, 0, 1], [1.0] * 6])}, "uniform: no high photograph"),
        ({"weights": torch.zeros(2, 6)}, "uniform: no low photograph"),
    ],
)
def test_a_head_without_an_optimum_is_refused_by_name(change, message):
    with pytest.raises(ProbeError, match=message):
        fit_binary(**(GOOD | change))


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ([[0.5, 0.6]] * 6, "shares ≥ 0 that sum to 1"),
        ([[1.5, -0.5]] * 6, "shares ≥ 0"),
        ([[0.5, 0.5]] * 5, r"shape \(5, 2\) for 6 rows"),
        ([[0.0, 1.0]] * 6, "uniform: rating value 1 of 2 has no vote"),
    ],
)
def test_a_distribution_that_is_none_is_refused(shares, message):
    with pytest.raises(ProbeError, match=message):
        fit_distribution(GOOD["features"], torch.tensor(shares), torch.ones(1, 6), torch.ones(1), names=["uniform"])


def test_an_attribute_without_examples_is_refused_by_name():
    with pytest.raises(ProbeError, match="HDR: no high photograph"):
        fit_attributes(
            GOOD["features"], torch.tensor([[1.0, 0]] * 3 + [[0, torch.nan]] * 3), torch.ones(6), torch.ones(2),
            ["Macro", "HDR"],
        )  # fmt: skip


class TestScore:
    @pytest.mark.parametrize("case", CASES)
    def test_heads_are_those_of_scikit_learn_for_every_penalty_and_weighting_at_once(self, case):
        n, channels, condition = CASES[case]
        x, d = features(n, channels, condition), margins(n)
        y = labels(x) + d - 1
        weightings = [np.ones(n), d**2, (d > 0.5).astype(float), np.where(d > 1, 64.0, 1.0)]
        settings = [(w, penalty) for w in weightings for penalty in (1e3, 10, 1, 0.1)]
        weights = torch.tensor(np.array([w for w, _ in settings]))
        penalties = torch.tensor([p for _, p in settings], dtype=torch.float64)
        heads = fit_score(torch.tensor(x), torch.tensor(y), weights, penalties)
        assert heads.converged.all()
        assert heads.weight.shape == (16, 1, channels)
        unseen = features(50, channels, condition, seed=7)
        for head, (w, penalty) in enumerate(settings):
            model = Ridge(alpha=penalty, solver="svd").fit(x, y, sample_weight=w)
            np.testing.assert_allclose(heads.weight[head, 0].numpy(), model.coef_, atol=1e-8, rtol=1e-8)
            logits = heads.logits(torch.tensor(unseen))[head, :, 0]
            np.testing.assert_allclose(logits.numpy(), model.predict(unseen), atol=1e-8, rtol=1e-8)
            lost = w @ (y - model.predict(x)) ** 2 + penalty * model.coef_ @ model.coef_
            assert heads.objective[head].item() == pytest.approx(lost / 2, rel=1e-8)

    def test_a_head_by_hand(self):
        """Weights 3 and 1 on x = 0 and 2: the centre is ½, Σw(x − ½)² = 3 and Σw(x − ½)(y − 1) = 6."""
        x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([0.0, 4.0])
        heads = fit_score(x, y, torch.tensor([[3.0, 1.0]]), torch.tensor([3.0]))
        assert (heads.weight.item(), heads.bias.item()) == pytest.approx((1, 0.5))
        assert heads.objective.item() == pytest.approx((3 * 0.5**2 + 1.5**2 + 3) / 2)

    @pytest.mark.parametrize("y", [torch.zeros(5), torch.zeros(6, 1), torch.tensor([0, 1, 2, 3, 4, math.nan])])
    def test_one_finite_score_per_row(self, y):
        with pytest.raises(ProbeError, match="give one finite score per row"):
            fit_score(torch.ones(6, 2), y, torch.ones(1, 6), torch.ones(1))

    def test_a_head_without_photographs_is_named(self):
        weights = torch.tensor([[1.0, 1], [0, 0]])
        with pytest.raises(ProbeError, match="far: no photograph has a positive weight"):
            fit_score(torch.eye(2), torch.arange(2.0), weights, torch.ones(2), ["near", "far"])
