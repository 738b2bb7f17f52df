import numpy as np
import pytest
from scipy.stats import hypergeom

from awcu.errors import RatingsError
from awcu.ratings.subsampling import with_clear_share, with_votes


@pytest.fixture
def voted(make_ratings):
    """Twelve photographs with the votes 6, 3 and 1 for the ratings 1, 2 and 3."""
    return make_ratings(votes=np.tile([6, 3, 1], (12, 1)))


@pytest.fixture
def scored(make_ratings):
    """Per class, 30 clear photographs and 70 ambiguous ones; 200 high and 100 low."""
    low = np.concatenate([np.full(30, 3.5), np.full(70, 4.5)])
    scores = np.concatenate([low, 10 - low, 10 - low])
    return make_ratings(mean_score=scores, scale=np.array([0.0, 10.0]), midpoint=5.0)


class TestVotes:
    def test_all_votes_are_the_set_itself(self, voted):
        assert with_votes(voted, None, 0) is voted
        np.testing.assert_array_equal(with_votes(voted, 10, 0).votes, voted.votes)

    def test_votes_are_drawn_without_replacement_from_the_photographs_own(self, voted):
        drawn = np.concatenate([with_votes(voted, 4, seed).votes for seed in range(200)])
        assert (drawn.sum(1) == 4).all()
        assert (drawn <= [6, 3, 1]).all()
        # Four of ten without replacement: the last rating, of which there is one, is drawn in two fifths.
        expected = hypergeom(10, 1, 4).mean()
        assert drawn[:, 2].mean() == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / len(drawn)))

    def test_scores_are_those_of_the_votes_drawn(self, voted):
        few = with_votes(voted, 3, 1)
        np.testing.assert_allclose(few.mean_score, few.votes @ [1, 2, 3] / 3)
        assert (few.vote_count == 3).all()

    def test_the_order_of_the_rows_does_not_matter(self, voted):
        order = np.random.default_rng(0).permutation(12)
        np.testing.assert_array_equal(with_votes(voted.select(order), 3, 5).votes, with_votes(voted, 3, 5).votes[order])

    @pytest.mark.parametrize("count", [0, 11])
    def test_more_than_there_are_is_refused(self, voted, count):
        with pytest.raises(RatingsError, match=f"{count} votes a photograph .* has 10; use 1 to"):
            with_votes(voted, count, 0)

    def test_a_set_without_votes_is_refused(self, scored):
        with pytest.raises(RatingsError, match="has only mean scores"):
            with_votes(scored, 3, 0)


class TestClearShare:
    @pytest.mark.parametrize(("share", "clear"), [(0, 0), (0.2, 12), (0.5, 30), (1, 60)])
    def test_the_share_is_the_same_in_high_and_low(self, scored, share, clear):
        some = with_clear_share(scored, share, 60, 3)
        assert len(some) == 60
        assert some.high.sum() == 40
        assert (some.margin >= 1).sum() == clear
        assert (some.margin[~some.high] >= 1).sum() == clear // 3

    def test_seeds_draw_others(self, scored):
        first, other = (set(with_clear_share(scored, 0.5, 60, seed).image_ids) for seed in (0, 1))
        assert first != other

    @pytest.mark.parametrize(
        ("share", "size", "message"),
        [
            (1.5, 60, r"clear_share=1\.5 must be in \[0, 1\]"),
            (0.9, 150, "needs 45 that are low and clear, and there are 30"),
            (0.0, 240, "needs 80 that are low and ambiguous, and there are 70"),
        ],
    )
    def test_what_cannot_be_drawn_is_refused(self, scored, share, size, message):
        with pytest.raises(RatingsError, match=message):
            with_clear_share(scored, share, size, 0)
