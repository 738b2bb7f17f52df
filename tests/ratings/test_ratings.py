"""What a rating data set says of its photographs, and everything it refuses."""

import dataclasses
import hashlib

import numpy as np
import pytest

from awcu.errors import RatingsError
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import SPLITS, hash_split, with_validation

HALVES = np.arange(1, 5.5, 0.5)
TENTHS_OF_VOTES = np.random.default_rng(0).integers(0, 40, (30, 10)) + np.eye(10, dtype=int)[0]


def one_hot_votes(k, *places):
    """Votes of one photograph, one at each of the places."""
    return np.bincount(places, minlength=k)[None]


@pytest.mark.parametrize(
    ("scale", "midpoint", "votes", "high"),
    [
        (np.arange(1.0, 11), 5, [0, 0, 0, 0, 7, 0, 0, 0, 0, 0], False),
        (np.arange(1.0, 11), 5, [0, 0, 0, 1, 0, 1, 0, 0, 0, 0], False),
        (np.arange(1.0, 11), 5, [0, 0, 0, 1, 0, 2, 0, 0, 0, 0], True),
        (np.arange(1.0, 11), 5.5, [1, 0, 0, 0, 0, 0, 0, 0, 0, 1], False),
        (np.arange(1.0, 11), 5.5, [1, 0, 0, 0, 0, 0, 0, 0, 0, 2], True),
        # 3 × 1 + 1 × 5 + 1 × 5 + 1 × 4 = 17 of 6 votes: below 3; one more 5 makes 22 of 7: above.
        (np.arange(1.0, 6), 3, [3, 0, 0, 1, 2], False),
        (np.arange(1.0, 6), 3, [3, 0, 0, 1, 3], True),
        (HALVES, 3, [0, 0, 0, 1, 0, 1, 0, 0, 0], False),
        (HALVES, 3, [0, 0, 0, 0, 0, 1, 0, 0, 0], True),
        (HALVES, 3, [333, 0, 0, 0, 1, 0, 0, 0, 333], False),
        (HALVES, 3, [333, 0, 0, 0, 0, 1, 0, 0, 333], True),
    ],
)
def test_exactly_the_midpoint_is_low(make_ratings, scale, midpoint, votes, high):
    made = make_ratings([votes], scale=scale, midpoint=midpoint)
    assert made.high.tolist() == [high]


def test_every_mean_on_the_midpoint_is_low_and_has_no_margin(make_ratings):
    """Symmetric votes about the midpoint, in all sizes up to a thousand: never a rounding accident."""
    half = np.random.default_rng(1).integers(0, 500, (1000, 5))
    votes = np.concatenate([half, half[:, ::-1]], axis=1) + one_hot_votes(10, 0, 9)
    made = make_ratings(votes, midpoint=5.5)
    assert not made.high.any()
    assert (made.margin == 0).all()


@pytest.mark.parametrize(("score", "high"), [(2.0, False), (3.0, False), (np.nextafter(3, 4), True), (4.5, True)])
def test_a_mean_score_alone_is_compared_with_the_midpoint(make_ratings, score, high):
    assert make_ratings(mean_score=[score]).high.tolist() == [high]


def test_two_values_without_votes_are_no_scores(make_ratings):
    found = [make_ratings(mean_score=scores).has_scores for scores in ([1, 5, 1, 5], [1, 5, 2], [3, 3])]
    assert found == [False, True, False]
    assert make_ratings(votes=[[3, 0, 0], [0, 0, 2]]).has_scores


def test_moments_are_those_of_the_votes_cast(make_ratings):
    made = make_ratings(TENTHS_OF_VOTES)
    for i, votes in enumerate(TENTHS_OF_VOTES):
        cast = np.repeat(np.arange(1, 11), votes)
        assert made.vote_count[i] == len(cast)
        assert made.mean_score[i] == pytest.approx(cast.mean(), rel=1e-14)
        assert made.vote_sd[i] == pytest.approx(cast.std(), rel=1e-12)
        np.testing.assert_allclose(made.rating_distribution[i], votes / len(cast), rtol=1e-15)


def test_votes_that_agree_have_no_spread(make_ratings):
    assert make_ratings(np.eye(10, dtype=int) * 7).vote_sd.tolist() == [0] * 10


def test_votes_overrule_a_given_mean_score(make_ratings):
    made = make_ratings([[0, 0, 0, 0, 1]], mean_score=[2.0])
    assert made.mean_score.tolist() == [5]


def test_margin_is_the_distance_in_rating_points(make_ratings):
    made = make_ratings(mean_score=[1, 2.75, 3, 4.5])
    assert made.margin.tolist() == [2, 0.25, 0, 1.5]


def test_without_votes_the_distribution_and_its_moments_are_unknown(make_ratings):
    made = make_ratings(mean_score=[2, 4])
    assert made.rating_distribution is None
    assert np.isnan(made.vote_sd).all()
    assert np.isnan(made.vote_count).all()
    assert made.attributes.shape == (2, 0)


def test_fractional_storage_of_whole_votes_is_kept_as_integers(make_ratings):
    made = make_ratings(np.array([[0.0, 3.0]]), scale=np.array([1.0, 2.0]), midpoint=1.5)
    assert made.votes.dtype == np.int64


def test_cannot_be_changed(make_ratings):
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_ratings(mean_score=[2, 4]).midpoint = 2


def with_attributes(make_ratings, votes=TENTHS_OF_VOTES, **fields):
    attributes = np.random.default_rng(2).choice([0, 1, np.nan], (len(votes), 2))
    return make_ratings(votes, **{"attributes": attributes, "attribute_names": ("a", "b")} | fields)


def test_fingerprint_does_not_depend_on_row_order(make_ratings):
    made = with_attributes(make_ratings)
    shuffled = made.select(np.random.default_rng(3).permutation(len(made)))
    assert shuffled.fingerprint == made.fingerprint
    assert shuffled.split_fingerprint == made.split_fingerprint
    assert len(made.fingerprint) == 12


def test_fingerprint_does_not_depend_on_the_split(make_ratings):
    made = with_attributes(make_ratings)
    moved = dataclasses.replace(made, split=np.array(["test", *made.split[1:]]))
    assert moved.fingerprint == made.fingerprint
    assert moved.split_fingerprint != made.split_fingerprint


def test_fingerprint_does_not_depend_on_where_the_photographs_are(make_ratings):
    made = with_attributes(make_ratings)
    moved = dataclasses.replace(made, image_paths=np.array([f"elsewhere/{i}" for i in made.image_ids]), name="other")
    assert moved.fingerprint == made.fingerprint


@pytest.mark.parametrize("what", ["vote", "midpoint", "attribute", "label removed", "attribute name", "id", "scale"])
def test_fingerprint_depends_on_all_that_was_rated(make_ratings, what):
    made = with_attributes(make_ratings)
    known = np.argwhere(made.attributes == 1)[0]
    votes, attributes, ids = made.votes.copy(), made.attributes.copy(), made.image_ids.copy()
    votes[3, 4] += 1
    attributes[tuple(known)] = np.nan if what == "label removed" else 0
    ids[0] = "q00"
    changes = {
        "vote": {"votes": votes},
        "midpoint": {"midpoint": 5.0},
        "attribute": {"attributes": attributes},
        "label removed": {"attributes": attributes},
        "attribute name": {"attribute_names": ("a", "c")},
        "id": {"image_ids": ids},
        "scale": {"scale": np.arange(2.0, 12)},
    }
    assert dataclasses.replace(made, **changes[what]).fingerprint != made.fingerprint


def test_fingerprint_depends_on_a_mean_score(make_ratings):
    fingerprints = {make_ratings(mean_score=[2, score]).fingerprint for score in (4, 4 + 1e-12)}
    assert len(fingerprints) == 2


@pytest.mark.parametrize("rows", [np.array([4, 0, 2]), np.arange(30) % 3 == 0, np.array([], dtype=int)])
def test_select_takes_the_same_rows_of_everything(make_ratings, rows):
    made = with_attributes(make_ratings, split=np.resize(SPLITS, 30))
    part = made.select(rows)
    assert (part.name, part.midpoint, part.attribute_names) == (made.name, made.midpoint, made.attribute_names)
    for name in (
        "image_ids",
        "image_paths",
        "mean_score",
        "split",
        "votes",
        "vote_sd",
        "vote_count",
        "attributes",
        "high",
        "margin",
    ):
        np.testing.assert_array_equal(getattr(part, name), getattr(made, name)[rows], err_msg=name)


def test_select_without_votes(make_ratings):
    part = make_ratings(mean_score=[1, 2, 4], vote_sd=np.array([0.1, 0.2, 0.3])).select(np.array([2, 0]))
    assert part.votes is None
    assert part.mean_score.tolist() == [4, 1]
    assert part.vote_sd.tolist() == [0.3, 0.1]


def test_of_split_gives_the_rows_of_that_split(make_ratings):
    made = make_ratings(mean_score=[1, 5, 2, 4, 5], split=np.array(["val", "val", "train", "train", "train"]))
    assert made.of_split("val").image_ids.tolist() == ["p00", "p01"]
    assert made.of_split("train").image_ids.tolist() == ["p02", "p03", "p04"]


@pytest.mark.parametrize(
    ("scores", "split", "message"),
    [
        ([1, 5], "test", "made: the test split has no photographs; name them in the split column or give"),
        ([4, 5], "train", r"all 2 photographs of the train split are high \(midpoint 3\)"),
        ([1, 3], "train", r"all 2 photographs of the train split are low \(midpoint 3\)"),
    ],
)
def test_of_split_refuses_what_cannot_be_learned_from(make_ratings, scores, split, message):
    with pytest.raises(RatingsError, match=message):
        make_ratings(mean_score=scores).of_split(split)


TWO = [[1, 0, 2], [0, 3, 0]]


def test_a_smaller_part_to_train_on_keeps_the_other_splits(make_ratings):
    ids = np.array([f"p{place:02}" for place in range(40)])
    split = np.array(["test", "val", *["train"] * 6] * 5)
    made = make_ratings(mean_score=[1, 2, 4, 5, 1, 4, 2, 5] * 5, image_ids=ids, split=split)
    assert made.with_train(None, 0).image_ids.tolist() == ids.tolist()
    small, large, other = (made.with_train(size, seed) for size, seed in ((10, 0), (20, 0), (10, 1)))
    for part, size in ((small, 10), (large, 20), (other, 10)):
        assert len(part.of_split("train")) == size
        assert set(part.image_ids) >= set(ids[split != "train"])
    assert set(small.image_ids) < set(large.image_ids)
    assert set(small.image_ids) != set(other.image_ids)
    backwards = made.select(np.arange(40)[::-1])
    assert set(backwards.with_train(10, 0).image_ids) == set(small.image_ids)


@pytest.mark.parametrize("size", [0, -1, 31])
def test_more_to_train_on_than_there_is_is_refused(make_ratings, size):
    made = make_ratings(mean_score=[1, 5] * 15, split=np.full(30, "train"))
    with pytest.raises(RatingsError, match=f"{size} photographs are asked for.* use 1 to 30"):
        made.with_train(size, 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"votes": [[1, 2], [3, 4]], "scale": np.arange(3.0), "midpoint": 1}, r"votes have shape \(2, 2\), expected"),
        ({"votes": [[1, -1, 2], [0, 3, 0]]}, "a negative or missing vote count for p00; votes are whole counts"),
        ({"votes": [[1, 0, 2], [np.nan, 3, 0]]}, "a negative or missing vote count for p01"),
        ({"votes": [[1, np.inf, 2], [0, 3, 0]]}, "vote count for p00"),
        ({"votes": [[1, 0, 2], [0, 2.5, 0]]}, "a fractional vote count for p01"),
        ({"votes": [[0, 0, 0], [0, 3, 0]]}, "no votes at all for p00"),
        ({"votes": [[0, 0, 0]] * 7}, "for p00, p01, p02, p03, p04 and 2 more"),
        ({"image_paths": np.array(["a.jpg"])}, "image_paths has 1 rows for 2 ids; every array needs one row"),
        ({"split": np.array(["train"] * 3)}, "split has 3 rows for 2 ids"),
        ({"votes": None, "mean_score": [2, 2], "vote_sd": np.ones(1)}, "vote_sd has 1 rows for 2 ids"),
        ({"votes": None, "mean_score": [2, 2], "vote_count": np.ones(3)}, "vote_count has 3 rows for 2 ids"),
        (
            {"attributes": np.zeros((3, 1)), "attribute_names": ("a",)},
            "attributes has 3 rows for 2 ids",
        ),
        (
            {"attributes": np.zeros((2, 2)), "attribute_names": ("a",)},
            r"attributes have shape \(2, 2\) for 1 names",
        ),
        ({"attributes": np.zeros((2, 2))}, r"attributes have shape \(2, 2\) for 0 names"),
        ({"attributes": np.zeros((2, 2)), "attribute_names": ("a", "a")}, "attribute names .*a"),
        ({"scale": np.array([1.0, 1.0, 2.0])}, r"scale \[1.0, 1.0, 2.0\] must ascend over at least 2 values"),
        ({"scale": np.array([3.0, 2.0, 1.0])}, "must ascend"),
        ({"votes": [[1], [2]], "scale": np.ones(1)}, "must ascend over at least 2 values"),
        ({"midpoint": 1.0}, r"midpoint 1 must lie inside the scale \[1, 3\]"),
        ({"midpoint": 3.5}, r"midpoint 3.5 must lie inside the scale \[1, 3\]"),
        ({"midpoint": np.nan}, "midpoint nan must lie inside the scale"),
        ({"image_ids": np.array(["a", "a"])}, "ids that appear more than once: a, a; keep one row each"),
        ({"votes": None, "mean_score": [2, 5.1]}, r"missing or outside the scale \[1, 5\] for p01"),
        ({"votes": None, "mean_score": [0.9, 2]}, r"missing or outside the scale \[1, 5\] for p00"),
        ({"votes": None, "mean_score": [np.nan, 2]}, "mean score missing or outside the scale"),
        ({"votes": None, "mean_score": [2, 2], "vote_sd": np.array([-0.1, 1])}, "vote_sd .*p00"),
        ({"votes": None, "mean_score": [2, 2], "vote_count": np.array([5, 0])}, "vote_count .*p01"),
        ({"split": np.array(["train", "dev"])}, "split 'dev' of p01 is none of train, val, test; rename it"),
        (
            {"attributes": np.array([[0.5], [1]]), "attribute_names": ("a",)},
            "attributes of p00 are neither 0, 1 nor empty",
        ),
    ],
)
def test_refuses_ratings_that_contradict_themselves(make_ratings, fields, message):
    with pytest.raises(RatingsError, match=message):
        make_ratings(**{"votes": TWO} | fields)


def test_ratings_of_a_misspelt_field_fail():
    with pytest.raises(TypeError, match="midpiont"):
        Ratings(name="made", midpiont=3)


IDS = np.array([f"{i}.jpg" for i in range(20_000)])


def test_hash_split_has_the_shares_asked_for():
    split = hash_split(IDS, seed=0, val=0.1, test=0.2)
    for name, share in {"train": 0.7, "val": 0.1, "test": 0.2}.items():
        # Five standard deviations of a binomial share.
        assert (split == name).mean() == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / len(IDS)))


def test_hash_split_depends_on_the_id_alone():
    split = hash_split(IDS, seed=0, val=0.1, test=0.2)
    order = np.random.default_rng(4).permutation(len(IDS))[:5000]
    np.testing.assert_array_equal(hash_split(IDS[order], seed=0, val=0.1, test=0.2), split[order])
    for i in range(20):
        assert hash_split([IDS[i]], seed=0, val=0.1, test=0.2).tolist() == [split[i]]


def test_hash_split_of_known_ids_stays_what_it_was():
    """A change of the hash would silently redraw the test set of every data set without a split."""
    split = hash_split(["1.jpg", "2.jpg", "5.jpg", "é.jpg"], seed=0, val=0.25, test=0.25)
    assert split.tolist() == ["val", "test", "val", "train"]


def test_another_seed_is_another_split():
    first, second = (hash_split(IDS, seed, val=0.25, test=0.25) for seed in (0, 1))
    # Independent splits agree with probability .25² + .25² + .5² = .375.
    assert (first == second).mean() == pytest.approx(0.375, abs=0.02)


def test_growing_the_validation_share_keeps_the_test_set():
    small, large = (hash_split(IDS, 0, val, test=0.2) == "test" for val in (0.1, 0.4))
    np.testing.assert_array_equal(small, large)


def test_a_share_of_zero_is_an_empty_split():
    assert set(hash_split(IDS, 0, val=0, test=0.5)) == {"train", "test"}
    assert set(hash_split(IDS, 0, val=0, test=0)) == {"train"}
    assert hash_split([], 0, val=0.1, test=0.1).shape == (0,)


@pytest.mark.parametrize(("val", "test"), [(-0.1, 0.2), (0.1, -0.2), (0.5, 0.5), (0, 1)])
def test_hash_split_refuses_impossible_shares(val, test):
    with pytest.raises(RatingsError, match=f"split shares val={val}, test={test} must be ≥ 0 and sum to less than 1"):
        hash_split(IDS, 0, val, test)


def test_the_same_photograph_has_one_key_in_every_set_of_its_origin(make_ratings):
    ava = make_ratings(mean_score=[2, 4], name="AVA")
    eva = make_ratings(mean_score=[4, 3], name="EVA", origin="AVA")
    other = make_ratings(mean_score=[2, 4], name="other")
    assert ava.origin == eva.origin == "AVA"
    assert other.origin == "other"
    assert ava.photograph_keys.tolist() == eva.photograph_keys.tolist()
    assert not set(ava.photograph_keys.tolist()) & set(other.photograph_keys.tolist())
    # The first eight bytes of SHA-256 of "AVA\np00", least first.
    assert ava.photograph_keys[0] == int.from_bytes(hashlib.sha256(b"AVA\np00").digest()[:8], "little")


def test_origin_and_notes_change_no_fingerprint_and_stay_with_a_part(make_ratings):
    plain = make_ratings(mean_score=[2, 4])
    noted = make_ratings(mean_score=[2, 4], origin="AVA", notes=("one is missing",))
    assert noted.fingerprint == plain.fingerprint
    assert noted.split_fingerprint == plain.split_fingerprint
    part = noted.select(np.array([1]))
    assert (part.origin, part.notes) == ("AVA", ("one is missing",))


class TestValidation:
    IDS = np.array([f"i{number}" for number in range(400)])
    SPLIT = np.array(["train"] * 300 + ["test"] * 100)

    def test_a_part_of_the_training_photographs(self):
        split = with_validation(self.SPLIT, self.IDS, 0, 0.2)
        assert (split[300:] == "test").all()
        assert 40 <= (split == "val").sum() <= 80
        assert ((split == "val") == (self.SPLIT == "train") & (hash_split(self.IDS, 0, 0.2, 0) == "val")).all()
        assert (with_validation(self.SPLIT, self.IDS, 1, 0.2) != split).any()

    def test_a_published_one_is_kept(self):
        split = np.where(np.arange(400) < 5, "val", self.SPLIT)
        assert with_validation(split, self.IDS, 0, 0.2) is split

    def test_a_share_out_of_range(self):
        with pytest.raises(RatingsError, match="val=1"):
            with_validation(self.SPLIT, self.IDS, 0, 1)
