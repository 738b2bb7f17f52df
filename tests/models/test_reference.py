"""The link against scikit-learn and brute force; shares against scipy; and the way into a file and back."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge, RidgeCV

from awcu.models.reference import PENALTIES, AttributeLink, Reference
from awcu.models.usual import PLACES, End, Usual


def photographs(n=40, noise=0.5, seed=0):
    """Scores of attribute logits on four very different scales, the second of no effect."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 4)) * (1, 5, 0.1, 2) + (0, -3, 1, 10)
    return logits @ (1, 0, -20, 0.5) + noise * rng.normal(size=n), logits


def standardised(logits):
    return (logits - logits.mean(0)) / logits.std(0)


def left_one_out(scores):
    """Squared errors of the mean of all others."""
    n = len(scores)
    return [(scores[np.arange(n) != i].mean() - scores[i]) ** 2 for i in range(n)]


class TestMeasure:
    @pytest.mark.parametrize("n", [10, 40, 200])
    @pytest.mark.parametrize("noise", [0.01, 0.5, 20.0])
    def test_equals_scikit_learn(self, n, noise):
        """Slopes and errors at the same penalties, on the same standardised logits."""
        scores, logits = photographs(n, noise)
        link = AttributeLink.measure(scores, logits)
        model = RidgeCV(PENALTIES * n, store_cv_results=True).fit(standardised(logits), scores)
        assert link.slopes == pytest.approx(model.coef_ / logits.std(0), rel=1e-6)
        assert link.means == pytest.approx(logits.mean(0))
        error = model.cv_results_.mean(0).min()
        assert link.r2 == pytest.approx(1 - error / np.mean(left_one_out(scores)), abs=1e-9)

    def test_equals_fitting_without_each_photograph(self):
        """The scale of the logits is that of all photographs, as in the formula; the mean is fitted anew."""
        scores, logits = photographs(12)
        features = standardised(logits)
        errors = []
        for penalty in PENALTIES * 12:
            others = [np.arange(12) != i for i in range(12)]
            fits = (Ridge(penalty).fit(features[kept], scores[kept]) for kept in others)
            predicted = [fit.predict(features[[i]])[0] for i, fit in enumerate(fits)]
            errors.append(np.square(predicted - scores).mean())
        expected = 1 - min(errors) / np.mean(left_one_out(scores))
        assert AttributeLink.measure(scores, logits).r2 == pytest.approx(expected, abs=1e-12)

    def test_finds_known_slopes(self):
        link = AttributeLink.measure(*photographs(400, noise=1e-3))
        assert link.slopes == pytest.approx((1, 0, -20, 0.5), abs=0.01)
        assert link.r2 > 0.999

    def test_noise_is_not_explained(self):
        """Near 0 on average, hardly above it with hundreds of photographs, and with slopes of next to nothing."""
        rng = np.random.default_rng(1)
        links = [AttributeLink.measure(rng.normal(size=500), rng.normal(size=(500, 6))) for _ in range(20)]
        r2 = [link.r2 for link in links]
        assert np.median(r2) < 0.005
        assert max(r2) < 0.03
        assert max(abs(slope) for link in links for slope in link.slopes) < 0.2

    @pytest.mark.parametrize("value", [0.0, 0.1, -7.3])
    def test_a_constant_attribute_says_nothing(self, value):
        """Also one whose standard deviation is not 0 but a rounding error."""
        scores, logits = photographs()
        link = AttributeLink.measure(scores, np.column_stack([logits, np.full(40, value)]))
        alone = AttributeLink.measure(scores, logits)
        assert link.slopes[-1] == pytest.approx(0, abs=1e-12)
        assert link.slopes[:-1] == pytest.approx(alone.slopes)
        assert link.r2 == pytest.approx(alone.r2)

    def test_attributes_that_say_the_same_share_the_slope(self):
        scores, logits = photographs(noise=1e-3)
        link = AttributeLink.measure(scores, np.column_stack([logits, logits[:, 0]]))
        assert link.slopes[0] == pytest.approx(link.slopes[4], rel=1e-6)
        assert link.slopes[0] + link.slopes[4] == pytest.approx(1, abs=0.01)
        assert link.r2 > 0.999

    def test_more_attributes_than_photographs(self):
        rng = np.random.default_rng(2)
        logits = rng.normal(size=(12, 30))
        link = AttributeLink.measure(logits[:, 0], logits)
        assert np.isfinite(link.slopes).all()
        assert link.r2 < 1

    @pytest.mark.parametrize(
        ("scores", "logits"),
        [
            (np.arange(9.0), np.eye(9)),
            (np.arange(20.0), np.empty((20, 0))),
            (np.full(20, 0.1), np.eye(20)),
            (np.full(20, math.nan), np.eye(20)),
            (np.arange(20.0), np.full((20, 2), math.inf)),
        ],
        ids=["nine photographs", "no attribute", "equal scores", "nan", "inf"],
    )
    def test_is_none_where_nothing_can_be_said(self, scores, logits):
        assert AttributeLink.measure(scores, logits) is None

    def test_ten_photographs_are_enough(self):
        assert AttributeLink.measure(*photographs(10)) is not None


class TestContributions:
    def test_by_hand(self):
        link = AttributeLink(means=(1.0, -2.0), slopes=(0.5, 3.0), r2=0.9)
        assert link.contributions([3.0, -2.5]).tolist() == [1.0, -1.5]
        assert link.contributions([1.0, -2.0]).tolist() == [0.0, 0.0]

    def test_add_up_to_what_the_regression_predicts(self):
        scores, logits = photographs()
        link = AttributeLink.measure(scores, logits)
        model = RidgeCV(PENALTIES * 40).fit(standardised(logits), scores)
        total = [scores.mean() + link.contributions(row).sum() for row in logits]
        assert total == pytest.approx(model.predict(standardised(logits)))
        assert np.mean(total) == pytest.approx(scores.mean())


@pytest.fixture
def reference():
    scores, logits = photographs(57)
    rng = np.random.default_rng(3)
    return Reference.measure(scores, logits, rng.gamma(2, 1, 57), rng.gamma(2, 3, (57, 4)))


class TestReference:
    def test_quantiles_by_hand(self):
        """101 photographs: every one is a quantile. The limits lie at the 90 % of one photograph in ten."""
        order = np.random.default_rng(4).permutation(101)
        reference = Reference.measure(order / 10, np.empty((101, 0)), 1.0 + order, np.empty((101, 0)))
        assert reference.n == 101
        assert reference.scores == pytest.approx(np.arange(101) / 10)
        assert reference.score_sd == pytest.approx(math.sqrt((101**2 - 1) / 12) / 10)
        assert reference.evidence_limit == pytest.approx(91)
        assert reference.attribute_limit == 1
        assert reference.link is None

    def test_limits_are_those_of_one_map_in_ten(self):
        strongest = np.arange(22.0).reshape(11, 2)
        reference = Reference.measure(np.arange(11.0), np.eye(11, 2), np.zeros(11), strongest)
        assert reference.attribute_limit == pytest.approx(18.9)
        assert 0 < reference.evidence_limit < 1e-5, "a colour scale needs a limit above 0"

    def test_has_the_link(self, reference):
        assert reference.link == AttributeLink.measure(*photographs(57))

    @pytest.mark.parametrize("n", [30, 101, 2000])
    def test_share_below_against_scipy(self, n):
        scores = np.random.default_rng(n).standard_t(3, n)
        reference = Reference.measure(scores, np.empty((n, 0)), scores, np.empty((n, 0)))
        # A quantile lies between two photographs, so that a share is known to one photograph or a hundredth.
        tolerance = max(1 / n, 1 / 100) + 1e-9
        for score in np.append(np.linspace(-4, 4, 81), scores[:20]):
            expected = stats.percentileofscore(scores, score, kind="strict") / 100
            assert reference.share_below(score) == pytest.approx(expected, abs=tolerance)

    def test_share_below_at_the_ends(self, reference):
        assert reference.share_below(reference.scores[0]) == 0
        assert reference.share_below(reference.scores[-1] + 1e-9) == 1
        assert reference.share_below(-math.inf) == 0

    def test_equal_scores_are_not_below_each_other(self):
        reference = Reference.measure(np.full(5, 0.3), np.empty((5, 0)), np.ones(5), np.empty((5, 0)))
        assert [reference.share_below(score) for score in (0.2, 0.3, 0.4)] == [0, 0, 1]

    def test_what_is_usual_comes_back_too(self, reference):
        one = Usual("noise", tuple(range(PLACES)), End(-0.5, 0.1, -0.4, 0.2), None)
        known = replace(reference, usual=(one,))
        assert Reference.from_dict(json.loads(json.dumps(known.as_dict()))) == known
        earlier = {key: value for key, value in reference.as_dict().items() if key != "usual"}
        assert Reference.from_dict(earlier).usual == ()

    @pytest.mark.parametrize("link", [True, False])
    def test_comes_back_from_a_dict_and_from_json(self, reference, link):
        if not link:
            reference = Reference.from_dict(reference.as_dict() | {"link": None})
            assert reference.link is None
        assert Reference.from_dict(reference.as_dict()) == reference
        read = Reference.from_dict(json.loads(json.dumps(reference.as_dict())))
        assert read == reference
        assert hash(read) == hash(reference), "no lists in the place of tuples"

    def test_one_photograph_is_enough(self):
        reference = Reference.measure(np.array([0.5]), np.zeros((1, 2)), np.ones(1), np.ones((1, 2)))
        assert (reference.n, reference.score_sd, reference.link) == (1, 0, None)
