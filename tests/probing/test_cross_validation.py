"""The penalty picked, and the head it gives, against a cross-validation by hand with scikit-learn."""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from awcu.errors import ConfigurationError, ProbeError, WeightingError
from awcu.models.objective import Binary, RatingDistribution, Score
from awcu.probing import cross_validation as selection
from awcu.probing.cross_validation import Search, predict, solve, weigh
from awcu.probing.grid import GridRow
from awcu.probing.heads import fit_binary
from awcu.ratings.weighting import Drop, Power, SampleWeights, Step, Uniform

N, CHANNELS = 90, 12
PENALTIES = (0.03, 3.0, 0.003, 0.3, 30.0)
ROWS = [
    GridRow("uniform", SampleWeights(Uniform())),
    GridRow("drop", SampleWeights(Drop(0.4))),
    GridRow("power", SampleWeights(Power(2))),
    GridRow("step", SampleWeights(Step(0.8, 64))),
    GridRow("balanced", SampleWeights(Power(1), class_balance=True)),
]


@pytest.fixture
def train(make_ratings):
    """Photographs whose votes the first channels explain in part, no two with the same mean."""
    return rated(make_ratings, photographs())


def photographs(n=N, seed=0):
    random = np.random.default_rng(seed)
    # Of very different scale, so that penalties in another unit than the total variance would not fit.
    return random.normal(size=(n, CHANNELS)) * np.geomspace(5, 0.2, CHANNELS) + 2


def rated(make_ratings, x, seed=0):
    random = np.random.default_rng(seed + 50)
    quality = 3.1 + 0.25 * (x[:, :4] - 2).sum(1) / 3 + 0.6 * random.normal(size=len(x))
    shares = softmax(-((quality[:, None] - np.arange(1, 6)) ** 2), axis=1)
    ids = np.array([f"p{row:03d}" for row in range(len(x))])
    made = make_ratings([random.multinomial(2000 + row, p) for row, p in enumerate(shares)], image_ids=ids)
    assert len(set(made.mean_score)) == len(x)
    return replace(made, image_paths=ids)


def one_view(x):
    return torch.tensor(x, dtype=torch.float64)[:, None]


def logistic(x, y, w, penalty):
    with warnings.catch_warnings():
        # Weights of 64 : 1 make its line search give up at the last digits.
        warnings.filterwarnings("ignore", "(?s).*Line search of Newton solver.*")
        model = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-10, max_iter=1000)
        return model.fit(x, y, sample_weight=w)


def cross_validated(row, train, x, penalties, held_out):
    """Mean AUROC of each penalty over the folds that have both classes."""
    spread, areas = x.var(axis=0).sum(), np.full((held_out.max() + 1, len(penalties)), np.nan)
    for fold in range(held_out.max() + 1):
        out = held_out == fold
        if len(set(train.high[out])) < 2:
            continue
        weights = row.weights.at(train.select(~out))
        for place, penalty in enumerate(penalties):
            model = logistic(x[~out], train.high[~out], weights, penalty * spread)
            areas[fold, place] = roc_auc_score(train.high[out], model.decision_function(x[out]))
    return np.nanmean(areas, axis=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_penalty_and_head_are_those_of_a_cross_validation_by_hand(train, seed):
    x, strongest_first = photographs(), sorted(PENALTIES, reverse=True)
    solved = solve(ROWS, train, one_view(x), Search(PENALTIES, folds=4), seed)
    held_out = selection._folds(train, 4, seed)
    for place, row in enumerate(ROWS):
        areas = cross_validated(row, train, x, strongest_first, held_out)
        assert solved.penalties[place] == strongest_first[np.argmax(areas)]
        strength = solved.penalties[place] * x.var(axis=0).sum()
        model = logistic(x, train.high, row.weights.at(train), strength)
        np.testing.assert_allclose(solved.heads.weight[place].numpy(), model.coef_, atol=1e-3)
        np.testing.assert_allclose(solved.heads.bias[place].numpy(), model.intercept_, atol=2e-3)
    assert len(set(solved.penalties)) > 1, "weightings must pick differently, or mixing them up could hide"
    assert solved.converged.tolist() == [True] * len(ROWS)


def test_rows_and_penalties_in_another_order_give_the_same(train):
    x, search = one_view(photographs()), Search(PENALTIES, folds=3)
    solved = solve(ROWS, train, x, search, 0)
    turned = solve(ROWS[::-1], train, x, replace(search, penalties=PENALTIES[::-1]), 0)
    assert turned.penalties.tolist() == solved.penalties.tolist()[::-1]
    torch.testing.assert_close(turned.heads.weight.flip(0), solved.heads.weight, atol=1e-4, rtol=1e-4)


def test_of_equals_the_strongest_penalty_is_picked(make_ratings):
    """The classes are far apart in one channel, so that every penalty ranks every fold perfectly."""
    scores = np.linspace(1.5, 4.6, 24)
    train = make_ratings(mean_score=scores)
    x = one_view(np.stack([np.where(scores > 3, 9, -9) + scores, np.cos(np.arange(24))], 1))
    for penalties in ((0.01, 1.0, 0.1), (1.0, 0.1, 0.01)):
        assert solve(ROWS[:3], train, x, Search(penalties, folds=3), 0).penalties.tolist() == [1, 1, 1]


def test_a_fold_of_one_class_says_nothing(make_ratings):
    """Two of 24 are high, so that of four folds two have none and rank nothing."""
    x = photographs(24, seed=8)
    train = make_ratings(mean_score=np.r_[np.linspace(1.2, 2.9, 22), 3.5, 3.6])
    x[-2:, -3:] += 2  # what they are told by varies least, so that a weak penalty ranks them best
    solved = solve(ROWS[:1], train, one_view(x), Search(PENALTIES, folds=4), 0)
    held_out = selection._folds(train, 4, 0)
    assert len(set(held_out[-2:])) == 2
    strongest_first = sorted(PENALTIES, reverse=True)
    areas = cross_validated(ROWS[0], train, x, strongest_first, held_out)
    assert np.argmax(areas) != 0, "the strongest would also be picked if a fold without an area spoilt the mean"
    assert solved.penalties[0] == strongest_first[np.argmax(areas)]


class TestFolds:
    @pytest.mark.parametrize(("n", "folds"), [(90, 5), (23, 4), (8, 3), (7, 2)])
    def test_every_fold_has_one_of_each_neighbourhood_of_scores(self, make_ratings, n, folds):
        train = rated(make_ratings, photographs(n))
        held_out = selection._folds(train, folds, 0)
        by_score = held_out[np.argsort(train.mean_score)]
        for start in range(0, n - folds + 1, folds):
            assert sorted(by_score[start : start + folds]) == list(range(folds))
        sizes = np.bincount(held_out, minlength=folds)
        assert sizes.max() - sizes.min() <= 1

    def test_the_draw_depends_on_the_seed_and_the_data_alone(self, train):
        first = selection._folds(train, 5, 0)
        np.random.default_rng(1).normal()
        np.testing.assert_array_equal(selection._folds(train, 5, 0), first)
        assert (selection._folds(train, 5, 1) != first).mean() > 0.5
        fewer = train.select(np.arange(len(train) - 1))
        assert (selection._folds(fewer, 5, 0) != first[:-1]).mean() > 0.5

    def test_a_photograph_keeps_its_fold_wherever_its_row_is(self, train):
        """Where scores tie, the order of the rows decides instead: those may change places."""
        order = np.random.default_rng(0).permutation(N)
        np.testing.assert_array_equal(selection._folds(train.select(order), 5, 3), selection._folds(train, 5, 3)[order])


def test_the_order_of_the_photographs_changes_no_head(train):
    x, order = photographs(), np.random.default_rng(0).permutation(N)
    search = Search(PENALTIES, folds=3)
    solved, turned = (solve(ROWS, train.select(rows), one_view(x[rows]), search, 0) for rows in (np.arange(N), order))
    assert turned.penalties.tolist() == solved.penalties.tolist()
    torch.testing.assert_close(
        turned.heads.logits(torch.tensor(x)), solved.heads.logits(torch.tensor(x)), atol=1e-3, rtol=0
    )


class Spy:
    """The solver, with what it was called with."""

    def __init__(self):
        self.calls = []

    def __call__(self, *arguments):
        self.calls.append(arguments)
        return fit_binary(*arguments)


def test_each_problem_weights_its_own_photographs_to_a_mean_of_one(train, monkeypatch):
    monkeypatch.setattr(selection, "fit_binary", spy := Spy())
    solve(ROWS, train, one_view(photographs()), Search(PENALTIES, folds=4), 0)
    ((_, _, weights, strengths, names),) = spy.calls
    held_out = selection._folds(train, 4, 0)
    assert len(weights) == len(strengths) == len(names) == (4 + 1) * len(ROWS) * len(PENALTIES)
    shaped = weights.reshape(5, len(ROWS), len(PENALTIES), N).numpy()
    for fold in range(5):
        kept = held_out != fold
        for place, row in enumerate(ROWS):
            expected = np.zeros(N)
            expected[kept] = row.weights.at(train.select(kept))
            assert expected[expected > 0].mean() == pytest.approx(1)
            np.testing.assert_allclose(shaped[fold, place], np.tile(expected, (len(PENALTIES), 1)))
    assert names[0] == "uniform, penalty 30 without fold 0"
    assert names[-1] == "balanced, penalty 0.003"
    assert len(set(names)) == len(names)


def test_a_placebo_is_drawn_by_the_seed_and_drops_the_same_photographs_in_every_fold(train):
    placebo = GridRow("placebo", SampleWeights(Drop(0.4), permuted=True))
    first, second = (weigh([placebo], train, Search(PENALTIES, folds=4), seed)[1][:, 0] for seed in (0, 1))
    dropped = (first == 0)[-1]
    assert dropped.sum() == (train.margin < 0.4).sum()
    assert ((second == 0)[-1] != dropped).any()
    held_out = selection._folds(train, 4, 0)
    for fold in range(4):
        # A fold takes out another number of ambiguous photographs than of dropped ones, so a few change places.
        assert ((first[fold] == 0) != dropped)[held_out != fold].mean() < 0.15


class TestViews:
    def test_a_photograph_given_twice_is_the_photograph(self, train):
        x, search = one_view(photographs()), Search(PENALTIES, folds=3)
        single, double = (solve(ROWS, train, views, search, 0) for views in (x, x.repeat(1, 2, 1)))
        assert double.penalties.tolist() == single.penalties.tolist()
        torch.testing.assert_close(double.heads.objective, single.heads.objective, rtol=1e-7, atol=0)
        torch.testing.assert_close(double.heads.weight, single.heads.weight, atol=2e-4, rtol=1e-3)

    def test_each_view_counts_half_in_training_and_the_first_is_ranked(self, train):
        x, mirrored = photographs(), photographs(seed=9) * 0.5 + photographs() * 0.5
        solved = solve(ROWS[:3], train, torch.tensor(np.stack([x, mirrored], 1)), Search((0.3, 0.03), folds=3), 0)
        held_out = selection._folds(train, 3, 0)
        for place, row in enumerate(ROWS[:3]):
            areas = np.zeros((3, 2))
            strengths = np.array([0.3, 0.03]) * x.var(axis=0).sum()
            for fold in range(3):
                kept = held_out != fold
                w = np.tile(row.weights.at(train.select(kept)) / 2, 2)
                for column, strength in enumerate(strengths):
                    model = logistic(
                        np.concatenate([x[kept], mirrored[kept]]), np.tile(train.high[kept], 2), w, strength
                    )
                    areas[fold, column] = roc_auc_score(train.high[~kept], model.decision_function(x[~kept]))
            best = areas.mean(0).argmax()
            assert solved.penalties[place] == (0.3, 0.03)[best]
            w = np.tile(row.weights.at(train) / 2, 2)
            model = logistic(np.concatenate([x, mirrored]), np.tile(train.high, 2), w, strengths[best])
            np.testing.assert_allclose(solved.heads.weight[place].numpy(), model.coef_, atol=1e-3)


class TestScore:
    SEARCH = Search((30.0, 0.3, 0.003), folds=3, objective="score")

    def test_heads_and_penalties_are_those_of_scikit_learn(self, train):
        x, y = photographs(), train.mean_score - 3
        solved = solve(ROWS, train, one_view(x), self.SEARCH, 0)
        strengths = np.array(self.SEARCH.penalties) * x.var(axis=0).sum()
        held_out = selection._folds(train, 3, 0)
        for place, row in enumerate(ROWS):
            areas = np.zeros((3, 3))
            for fold in range(3):
                kept = held_out != fold
                w = row.weights.at(train.select(kept))
                for column, strength in enumerate(strengths):
                    model = Ridge(alpha=strength).fit(x[kept], y[kept], sample_weight=w)
                    areas[fold, column] = roc_auc_score(train.high[~kept], model.predict(x[~kept]))
            best = areas.mean(0).argmax()
            assert solved.penalties[place] == self.SEARCH.penalties[best]
            model = Ridge(alpha=strengths[best]).fit(x, y, sample_weight=row.weights.at(train))
            found = predict(solved.heads, torch.tensor(x), self.SEARCH.read(train))[place]
            np.testing.assert_allclose(found.score.numpy(), model.predict(x), atol=1e-8)
            assert found.distribution.shape == (len(x), 0)
        assert len(set(solved.penalties)) > 1, "a choice that is always the same would pass"

    def test_each_view_counts_half(self, train):
        x, mirrored = photographs(), photographs(seed=9)
        search = replace(self.SEARCH, penalties=(0.3,))
        solved = solve(ROWS[1:2], train, torch.tensor(np.stack([x, mirrored], 1)), search, 0)
        w = np.tile(ROWS[1].weights.at(train) / 2, 2)
        model = Ridge(alpha=0.3 * x.var(axis=0).sum())
        model.fit(np.concatenate([x, mirrored]), np.tile(train.mean_score - 3, 2), sample_weight=w)
        np.testing.assert_allclose(solved.heads.weight[0, 0].numpy(), model.coef_, atol=1e-8)

    def test_two_classes_are_no_scores(self, train):
        two = replace(train, votes=None, mean_score=np.where(train.high, 5.0, 1.0))
        with pytest.raises(ConfigurationError, match=r"probe\.objective=score needs mean scores, made has only low"):
            solve(ROWS[:1], two, one_view(photographs()), self.SEARCH, 0)


class TestDistribution:
    SEARCH = Search((0.3, 0.03), folds=3, objective="distribution")

    def test_heads_have_a_logit_a_rating_value_and_are_those_of_scikit_learn(self, train):
        x = photographs()
        solved = solve(ROWS[:2], train, one_view(x), self.SEARCH, 0)
        assert solved.heads.weight.shape == (2, 5, CHANNELS)
        assert solved.converged.all()
        rows, values = np.nonzero(train.votes)
        shares = train.rating_distribution[rows, values]
        for place, row in enumerate(ROWS[:2]):
            # A row a rating value, weighted by its share, is the same objective.
            used = (weights := row.weights.at(train)[rows] * shares) > 0
            model = LogisticRegression(
                C=1 / (solved.penalties[place] * x.var(axis=0).sum()), tol=1e-10, max_iter=10_000
            )
            model.fit(x[rows[used]], values[used], sample_weight=weights[used])
            logits = solved.heads.logits(torch.tensor(x))[place]
            np.testing.assert_allclose(logits.softmax(1).numpy(), model.predict_proba(x), atol=1e-3)

    def test_scores_say_high_in_the_same_direction_as_the_binary_ones(self, train):
        x = one_view(photographs())
        binary, distribution = Search((0.3,), folds=3), replace(self.SEARCH, penalties=(0.3,))
        scores = [
            predict(solve(ROWS[:1], train, x, search, 0).heads, x[:, 0], search.read(train))[0].score.numpy()
            for search in (binary, distribution)
        ]
        for one in scores:
            assert roc_auc_score(train.high, one) > 0.7
            assert abs((one > 0).mean() - train.high.mean()) < 0.15
        assert spearmanr(*scores).statistic > 0.9

    def test_a_score_is_the_expected_rating_less_the_midpoint(self, train):
        x = one_view(photographs())
        heads = solve(ROWS[:2], train, x, self.SEARCH, 0).heads
        shares = softmax(heads.logits(x[:, 0]).numpy(), axis=2)
        for place, found in enumerate(predict(heads, x[:, 0], self.SEARCH.read(train))):
            np.testing.assert_allclose(found.score, shares[place] @ np.arange(1, 6) - 3, atol=1e-12)
            np.testing.assert_allclose(found.distribution, shares[place], atol=1e-12)
            assert found.attributes.shape == (N, 0)

    def test_a_binary_score_is_the_logit_and_says_no_distribution(self, train):
        x, search = one_view(photographs()), Search((0.3,), folds=3)
        heads = solve(ROWS[:2], train, x, search, 0).heads
        for place, found in enumerate(predict(heads, x[:, 0], search.read(train))):
            torch.testing.assert_close(found.score, x[:, 0] @ heads.weight[place, 0] + heads.bias[place, 0])
            assert found.distribution.shape == (N, 0)

    def test_two_classes_alone_are_no_scores(self, make_ratings):
        train = make_ratings(mean_score=[0, 1] * 6, scale=np.array([0.0, 1]), midpoint=0.5, name="classes")
        with pytest.raises(
            ConfigurationError, match=r"probe\.objective=score needs mean scores, classes has only low and high"
        ):
            solve(ROWS[:1], train, one_view(photographs(12)), Search((0.3,), folds=3, objective="score"), 0)

    def test_mean_scores_alone_are_refused_by_name(self, make_ratings):
        train = make_ratings(mean_score=np.linspace(1.5, 4.5, 12), name="scored")
        with pytest.raises(
            ConfigurationError,
            match=r"probe\.objective=distribution needs votes, scored has only mean scores; use binary",
        ):
            solve(ROWS[:1], train, one_view(photographs(12)), self.SEARCH, 0)


def test_a_row_is_unfinished_if_a_head_that_picked_its_penalty_is(train, monkeypatch):
    """One head without one fold, of a penalty not picked: of 4 problems × 5 rows × 5 penalties the one of row 2."""

    def unfinished(*arguments):
        heads = fit_binary(*arguments)
        heads.converged[(1 * len(ROWS) + 2) * len(PENALTIES) + 4] = False
        return heads

    monkeypatch.setattr(selection, "fit_binary", unfinished)
    solved = solve(ROWS, train, one_view(photographs()), Search(PENALTIES, folds=3), 0)
    assert solved.converged.tolist() == [True, True, False, True, True]


def test_too_few_steps_show(train, monkeypatch):
    monkeypatch.setattr(selection, "fit_binary", partial(fit_binary, max_steps=1))
    solved = solve(ROWS, train, one_view(photographs()), Search(PENALTIES, folds=3), 0)
    assert not solved.converged.any()


class TestErrors:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"penalties": ()}, r"probe.penalties=\[\] must be at least one number > 0"),
            ({"penalties": (1.0, 0.0)}, r"probe.penalties=\[1.0, 0.0\] must be"),
            ({"penalties": (-1.0, 1.0)}, r"probe.penalties=\[-1.0, 1.0\] must be"),
            ({"folds": 1}, "probe.folds=1 must be ≥ 2"),
            ({"objective": "emd"}, "probe.objective='emd' must be one of binary, distribution, score"),
        ],
    )
    def test_a_search_out_of_range_is_refused(self, settings, message):
        with pytest.raises(ConfigurationError, match=message):
            Search(**{"penalties": (1.0,), "folds": 3} | settings)

    @pytest.mark.parametrize(
        ("scores", "message"),
        [
            (
                np.r_[np.linspace(1.2, 2.9, 20), np.linspace(3.1, 3.5, 10)],
                "far gives no high photograph a weight among 30 training photographs of seed 0, without the 10 of one",
            ),
            (
                np.r_[np.linspace(2.4, 2.9, 15), np.linspace(3.1, 4.9, 15)],
                "far gives no low photograph a weight among 30 training photographs of seed 0, without the 10 of one",
            ),
            (
                np.r_[np.linspace(1.2, 2.9, 29), 3.8],
                "uniform gives no high photograph a weight among 30 training photographs of seed 0, without the 10 of",
            ),
        ],
    )
    def test_a_weighting_that_leaves_one_class_is_refused_by_row(self, make_ratings, scores, message):
        train, rows = make_ratings(mean_score=scores), [ROWS[0], GridRow("far", SampleWeights(Drop(0.7)))]
        with pytest.raises(ProbeError, match=message) as refused:
            solve(rows, train, one_view(photographs(30)), Search((1.0, 0.1), folds=3), 0)
        assert "larger probe.sizes or a lower delta" in str(refused.value)

    def test_features_that_are_all_the_same_are_refused(self, train):
        same = torch.ones(len(train), 1, 4)
        with pytest.raises(ProbeError, match="photographs have the same features"):
            solve(ROWS, train, same, Search((1.0,), folds=3), 0)

    def test_a_single_class_in_all_photographs_is_refused(self, make_ratings):
        train, rows = make_ratings(mean_score=np.linspace(1.2, 2.9, 30)), [GridRow("far", SampleWeights(Drop(0.7)))]
        with pytest.raises(ProbeError, match="far gives no high photograph a weight among 30 training photographs"):
            weigh(rows, train, Search((1.0,), folds=3), 0)

    def test_a_weighting_that_leaves_nothing_is_refused(self, train):
        rows = [ROWS[0], GridRow("far", SampleWeights(Drop(1.99)))]
        with pytest.raises(WeightingError, match=r"Drop\(delta=1.99\) zeroes all"):
            solve(rows, train, one_view(photographs()), Search((1.0,), folds=3), 0)


def test_what_the_logits_are_read_by_and_what_a_row_costs(train):
    search = Search((1.0, 0.1), folds=5)
    assert search.heads_a_row == 12
    assert search.read(train) == Binary()
    assert replace(search, objective="distribution").read(train) == RatingDistribution((1, 2, 3, 4, 5), 3)
    assert replace(search, objective="score").read(train) == Score((1, 2, 3, 4, 5), 3)
