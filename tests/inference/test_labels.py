"""Labels by rank, counted by hand."""

import pytest

from awcu.errors import LabelError
from awcu.inference.labels import Labels

KEEP = ("keep", "maybe", "reject")


def test_ten_by_hand():
    scores = [5, 1, 9, 7, 3, 8, 2, 6, 4, 0]
    given = Labels(KEEP, (0.1, 0.3)).given(scores)
    assert [scores[i] for i, label in enumerate(given) if label == "keep"] == [9]
    assert sorted(scores[i] for i, label in enumerate(given) if label == "maybe") == [6, 7, 8]
    assert given.count("reject") == 6


@pytest.mark.parametrize(
    ("n", "shares", "counts"),
    [
        (10, (0.05, 0.1, 0.2), (1, 1, 2, 6)),  # up to .5, 1.5 and 3.5
        (312, (0.05, 0.1, 0.2), (16, 31, 62, 203)),  # up to 15.6, 46.8 and 109.2
        (3, (0.3, 0.3, 0.4), (1, 1, 1, 0)),
        (1, (0.05, 0.1, 0.2), (0, 0, 0, 1)),
        (7, (0, 1, 0), (0, 7, 0, 0)),
        (0, (0.5, 0.1, 0.4), (0, 0, 0, 0)),
    ],
)
def test_counts_and_the_rest_without(n, shares, counts):
    given = Labels(KEEP, shares).given(list(range(n)))
    assert tuple(given.count(name) for name in (*KEEP, None)) == counts


def test_of_equal_scores_the_first():
    assert Labels(("a", "b"), (0.5,)).given([1, 1, 1, 1]) == ["a", "a", "b", "b"]


def test_stars():
    assert Labels(("5", "0", "-1"), (0.5, 0.1)).stars == {"5": 5, "0": 0, "-1": -1}
    for name in ("6", "-2", "keep", "", "4.5", "--1"):
        with pytest.raises(LabelError, match=r"is no rating of XMP|not all different"):
            _ = Labels(("5", name), (0.5,)).stars


@pytest.mark.parametrize(
    ("names", "shares", "message"),
    [
        (KEEP, (0.1, 1.2), "the share 1.2 is not from 0 to 1"),
        (KEEP, (-0.1, 0.2), "the share -0.1 is not from 0 to 1"),
        (KEEP, (0.6, 0.5), "the shares are 1.1 together, more than 1"),
        (KEEP, (0.1,), "the labels are 3, the shares 1;"),
        (KEEP, (0.1, 0.1, 0.1, 0.1), "the labels are 3, the shares 4;"),
        (("a", "b", "a"), (0.1, 0.1), "the labels a,b,a are not all different"),
        (("a", ""), (0.1,), "the labels a, are not all different"),
    ],
)
def test_what_does_not_fit(names, shares, message):
    with pytest.raises(LabelError, match=message):
        Labels(names, shares)
