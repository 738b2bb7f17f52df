"""Estimates by hand and against scipy; Holm's correction by hand and by its definition."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from awcu.tables.intervals import Estimate, Sampling, holm
from awcu.text import number

T_2 = 4.302652729911275  # 97.5 % quantile of Student's t, two degrees of freedom
DIFFERENCES = [0.02, 0.01, 0.0]  # mean .01, standard deviation .01


class TestEstimate:
    def test_mean_and_interval_by_hand(self) -> None:
        estimate = Estimate.of([0.80, 0.82, 0.84])
        assert estimate.mean == pytest.approx(0.82, abs=1e-15)
        assert estimate.half_width == pytest.approx(T_2 * 0.02 / math.sqrt(3), rel=1e-9)
        assert estimate.n == 3

    def test_overlap_by_hand(self) -> None:
        """A fifth of the photographs in each test split: the variance of the mean is S² (1/3 + 1/4)."""
        estimate = Estimate.of(DIFFERENCES, overlap=0.25)
        assert estimate.half_width == pytest.approx(T_2 * 0.00763762615825973, rel=1e-9)
        # With two degrees of freedom the two-sided p is 1 − t / √(2 + t²); here t² = 1 / (1/3 + 1/4) = 12/7.
        assert estimate.p_value == pytest.approx(1 - math.sqrt(6 / 13), rel=1e-9)
        assert estimate.mean == Estimate.of(DIFFERENCES).mean

    @pytest.mark.parametrize("overlap", [0.0, 0.25, 1.0])
    @pytest.mark.parametrize("n", [2, 3, 8, 20])
    def test_against_scipy(self, n: int, overlap: float) -> None:
        values = np.random.default_rng(n).normal(0.01, 0.02, n)
        estimate = Estimate.of(list(values), overlap)
        error = values.std(ddof=1) * math.sqrt(1 / n + overlap)
        low, high = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=error)
        assert estimate.mean - estimate.half_width == pytest.approx(low)
        assert estimate.mean + estimate.half_width == pytest.approx(high)
        assert estimate.p_value == pytest.approx(2 * stats.t.sf(abs(values.mean()) / error, n - 1))
        assert (estimate.p_value < 0.05) == (abs(estimate.mean) > estimate.half_width)
        if not overlap:
            assert estimate.p_value == pytest.approx(stats.ttest_1samp(values, 0).pvalue)

    @pytest.mark.parametrize(
        ("sampling", "variance", "freedom"),
        [
            # S²/n is .0001/3 and (.005² − .003²)/2 of it is counted twice.
            (Sampling(0.003, 0.005, 101), 9e-6 + 1e-4 / 3 - 8e-6, None),
            # All of S²/n is what photographs do to each seed: their own degrees of freedom are left.
            (Sampling(0.03, 0.05, 101), 9e-4, 100),
            # Seeds that react alike to photographs: nothing is counted twice.
            (Sampling(0.01, 0.01, 101), 1e-4 + 1e-4 / 3, None),
            # Redrawn seeds that share few photographs may come out below the mean of them: nothing is taken off.
            (Sampling(0.01, 0.009, 101), 1e-4 + 1e-4 / 3, None),
        ],
    )
    def test_photographs_by_hand(self, sampling: Sampling, variance: float, freedom: float | None) -> None:
        seeds = variance - sampling.error**2
        freedom = freedom or variance**2 / (seeds**2 / 2 + sampling.error**4 / 100)
        estimate = Estimate.of(DIFFERENCES, overlap=0.25, sampling=sampling)
        assert estimate.half_width == pytest.approx(stats.t.ppf(0.975, freedom) * math.sqrt(variance))
        assert estimate.p_value == pytest.approx(2 * stats.t.sf(0.01 / math.sqrt(variance), freedom))
        assert estimate.mean == Estimate.of(DIFFERENCES).mean

    @pytest.mark.parametrize(("n", "overlap", "kept"), [(9, 0.25, 0.0), (10, 0.0, 0.0), (10, 0.25, 1.0)])
    def test_many_splits_keep_what_is_counted_twice(self, n: int, overlap: float, kept: float) -> None:
        values = np.random.default_rng(n).normal(0.01, 0.02, n)
        seeds, both = values.var(ddof=1) / n, (0.005**2 - 0.003**2) / (n - 1)
        rest = seeds - (1 - kept) * both
        freedom = (9e-6 + rest) ** 2 / (rest**2 / (n - 1) + 0.003**4 / 100)
        estimate = Estimate.of(values.tolist(), overlap, Sampling(0.003, 0.005, 101))
        assert estimate.half_width == pytest.approx(stats.t.ppf(0.975, freedom) * math.sqrt(9e-6 + rest))

    def test_photographs_that_do_not_matter_leave_the_seeds(self) -> None:
        for overlap in (0.0, 0.25):
            assert Estimate.of(DIFFERENCES, overlap, Sampling(0.0, 0.0, 50)) == Estimate.of(DIFFERENCES, overlap)

    def test_photographs_alone_make_no_interval(self) -> None:
        assert math.isnan(Estimate.of([0.8], sampling=Sampling(0.1, 0.1, 50)).half_width)

    @pytest.mark.parametrize(
        ("values", "p_value"),
        [([], math.nan), ([0.8], math.nan), ([0.8, math.nan], math.nan), ([0.5, 0.5], 0.0), ([0.0, 0.0, 0.0], 1.0)],
    )
    def test_p_at_the_edges(self, values: list[float], p_value: float) -> None:
        assert Estimate.of(values).p_value == pytest.approx(p_value, nan_ok=True)

    def test_one_seed_has_no_interval(self) -> None:
        estimate = Estimate.of([0.8], overlap=0.25)
        assert (estimate.mean, math.isnan(estimate.half_width)) == (0.8, True)

    def test_equal_values_have_a_zero_interval(self) -> None:
        assert Estimate.of([0.5, 0.5, 0.5], overlap=0.25) == Estimate(0.5, 0.0, 3)

    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_undefined_is_never_averaged_away(self, bad: float) -> None:
        estimate = Estimate.of([0.8, bad, 0.9])
        assert (estimate.n, estimate.undefined) == (3, 1)
        assert math.isnan(estimate.mean)
        assert math.isnan(estimate.p_value)

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ([0.8, 0.82, 0.84], ".820 ± .050"),
            ([0.8], ".800"),
            ([], "–"),
            ([0.8, math.nan], "nan (1 of 2)"),
            ([0.8, 0.80001], ".800 ± <.001"),
            ([0.8, 0.8], ".800 ± .000"),
        ],
    )
    def test_text(self, values: list[float], text: str) -> None:
        assert Estimate.of(values).text() == text


def rejected(p_values: Sequence[float], level: float) -> list[bool]:
    """Holm's procedure as defined: from the smallest p on, reject while p ≤ level / (hypotheses left)."""
    found = [False] * len(p_values)
    for left, place in zip(range(len(p_values), 0, -1), np.argsort(p_values, kind="stable"), strict=True):
        if p_values[place] > level / left:
            break
        found[place] = True
    return found


class TestHolm:
    def test_by_hand(self) -> None:
        # Sorted: .005 × 4 = .02, .01 × 3 = .03, .03 × 2 = .06, and .04 × 1 must not fall below the one before.
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_by_definition(self) -> None:
        rng = np.random.default_rng(0)
        for _ in range(200):
            p_values = list(rng.uniform(0, 1, rng.integers(1, 8)) ** 3)
            adjusted = holm(p_values)
            for level in rng.uniform(0, 1, 5):
                assert [p <= level for p in adjusted] == rejected(p_values, level)

    def test_undefined_do_not_count(self) -> None:
        adjusted = holm([math.nan, 0.02, 0.03, math.nan])
        assert adjusted[1:3] == pytest.approx([0.04, 0.04])
        assert [math.isnan(p) for p in adjusted] == [True, False, False, True]

    def test_never_above_one(self) -> None:
        assert holm([0.9, 0.8, 0.0]) == [1.0, 1.0, 0.0]
        assert holm([]) == []


@pytest.mark.parametrize(
    ("value", "signed", "decimals", "text"),
    [
        (0.8124, False, 3, ".812"),
        (1.0, False, 3, "1.000"),
        (10.5, False, 3, "10.500"),
        (-0.25, False, 3, "−.250"),
        (0.012, True, 3, "+.012"),
        (-0.0004, True, 3, ".000"),
        (0.0004, True, 3, ".000"),
        (0.0, True, 3, ".000"),
        (math.nan, True, 3, "nan"),
        (-0.813, False, 2, "−.81"),
        (-0.004, False, 2, ".00"),
        (1.0, True, 2, "+1.00"),
    ],
)
def test_number(value: float, signed: bool, decimals: int, text: str) -> None:
    assert number(value, signed, decimals) == text
