"""What rated photographs are worth as data, and the manifest of their files."""

import csv

import numpy as np
import pytest
from factories import EMPTY, MISSING, facts_of

from awcu.datasets.audit import (
    HEADER,
    Alike,
    Spread,
    ambiguity,
    first_with_same_bytes,
    manifest_csv,
    photograph_report,
    reasons,
)
from awcu.errors import PreparedError
from awcu.ratings.weighting import Drop

SPLIT = np.array(["train", "test", "train", "val", "train", "test", "train", "test"])


@pytest.fixture
def eight(make_ratings):
    """Margins 2, .5, .25, 0, .25, .5, 1, 2; the first four are low."""
    return make_ratings(
        mean_score=[1.0, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0, 5.0],
        scale=np.arange(1.0, 6.0),
        midpoint=3.0,
        split=SPLIT,
        notes=("one note",),
    )


def report(ratings, short_side=256, **changes):
    return photograph_report(ratings, facts_of(ratings, **changes), short_side)


class TestCounts:
    def test_of_each_split_and_of_all(self, eight):
        rows = {row.split: row[1:] for row in report(eight).counts}
        assert rows == {
            "train": (4, 2, 2, (0.5, 0.5), 0),
            "val": (1, 0, 1, (1.0, 1.0), 0),
            "test": (3, 2, 1, (0.0, 2 / 3), 0),
            "all": (8, 4, 4, (3 / 8, 5 / 8), 0),
        }

    def test_only_what_can_be_read_counts(self, eight):
        rows = {row.split: row[1:] for row in report(eight, p06=MISSING, p01=EMPTY).counts}
        assert rows["train"] == (3, 1, 2, (2 / 3, 2 / 3), 1)
        assert rows["test"] == (2, 2, 0, (0.0, 0.5), 1)
        assert rows["all"] == (6, 3, 3, (0.5, 4 / 6), 2)

    def test_a_split_of_which_nothing_is_left(self, eight):
        val = report(eight, p03=EMPTY).counts[1]
        assert val[:4] == ("val", 0, 0, 0)
        assert np.isnan(val.dropped).all()
        assert val.left_out == 1

    def test_a_split_that_the_set_does_not_have_has_no_row(self, eight):
        rows = report(eight.select(eight.split != "val")).counts
        assert [row.split for row in rows] == ["train", "test", "all"]

    def test_the_dropped_are_those_that_the_weighting_drops(self, make_ratings):
        # Margins whose floating-point values lie on either side of δ.
        ratings = make_ratings(mean_score=3 + np.array([0.1 * 5, 0.3 + 0.2, 0.7 - 0.2, -0.5, 0.49, 1.0]))
        ratings = make_ratings(mean_score=ratings.mean_score, scale=np.arange(1.0, 6.0), midpoint=3.0)
        everything = report(ratings).counts[-1]
        assert everything.dropped == tuple(float((Drop(delta)(ratings) == 0).mean()) for delta in (0.5, 1.0))


class TestFiles:
    def test_the_missing_and_the_unreadable_are_apart(self, eight):
        found = report(eight, p00=MISSING, p02=EMPTY, p05=MISSING)
        assert found.missing == ("p00", "p05")
        assert found.unreadable == {"p02": "zero bytes; fetch the photograph again"}
        assert found.total == 8
        assert found.ratings.image_ids.tolist() == ["p01", "p03", "p04", "p06", "p07"]

    def test_sizes(self, eight):
        found = report(eight, p00=MISSING, p01={"width": 200, "height": 900}, p02={"width": 1024, "height": 768})
        assert found.bytes == 7000
        assert found.short_side == Spread(200, 480, 768)
        assert found.smaller == 1

    def test_a_short_side_as_long_as_what_is_kept_is_not_smaller(self, eight):
        assert report(eight, short_side=480).smaller == 0
        assert report(eight, short_side=481).smaller == 8

    def test_a_set_without_a_readable_photograph_is_refused(self, eight):
        changes = dict.fromkeys(eight.image_ids[1:], EMPTY)
        message = (
            r"^made: none of its 8 photographs can be read \(p00: no such file; .*, p01: zero bytes; .* and 3 more\)"
        )
        with pytest.raises(PreparedError, match=message):
            report(eight, p00=MISSING, **changes)

    def test_the_ratings_may_come_in_any_order(self, eight):
        turned = eight.select(np.arange(8)[::-1])
        changes = {"p06": MISSING, "p01": {"sha256": "of p00"}}
        one, other = (photograph_report(ratings, facts_of(eight, **changes), 256) for ratings in (eight, turned))
        assert one.counts == other.counts
        assert one.leaks == other.leaks
        assert one.ratings.fingerprint == other.ratings.fingerprint
        assert other.ratings.notes == ("one note",)


class TestAlike:
    def test_within_a_split_and_across_splits(self, eight):
        same, other = {"sha256": "same"}, {"sha256": "other"}
        found = report(eight, p00=other, p01=same, p02=other, p04=same, p07=same)
        assert found.repeated == (Alike(("p00", "p02"), ("train", "train")),)
        assert found.leaks == (Alike(("p01", "p04", "p07"), ("test", "train", "test")),)

    def test_by_their_looks(self, eight):
        rng = np.random.default_rng(0)
        one, other = ({"look": rng.bytes(32)} for _ in range(2))
        near = {"look": bytes([one["look"][0] ^ 1]) + one["look"][1:]}
        found = report(eight, p00=other, p01=one, p02=near, p04=other, p05=one | {"sha256": "of p01"})
        assert found.look_leaks == (Alike(("p01", "p02", "p05"), ("test", "train", "test")),)
        assert found.lookalikes == (Alike(("p00", "p04"), ("train", "train")),)
        assert found.repeated == (Alike(("p01", "p05"), ("test", "test")),)
        lines = manifest(eight, None, p00=other, p04=other)
        assert [line[-1] for line in lines] == ["looks_like", "", "", "", "", "p00", "", "", ""]

    def test_what_is_the_same_byte_for_byte_is_not_named_again(self, eight):
        same = {"sha256": "same", "look": bytes(32)}
        found = report(eight, p00=same, p01=same)
        assert found.lookalikes == found.look_leaks == ()

    def test_none(self, eight):
        found = report(eight)
        assert found.repeated == found.leaks == ()

    def test_what_cannot_be_read_is_like_nothing_else(self, eight):
        found = report(eight, p00=EMPTY, p01=EMPTY, p02=MISSING, p03=MISSING)
        assert found.repeated == found.leaks == ()

    def test_the_first_row_of_each(self, eight):
        same = {"sha256": "same"}
        facts = facts_of(eight, p01=same, p03=EMPTY, p04=same, p05=EMPTY, p07=same)
        assert first_with_same_bytes(facts).tolist() == [0, 1, 2, 3, 1, 5, 6, 1]

    def test_groups_come_in_the_order_of_their_first(self, eight):
        found = report(eight, p00={"sha256": "z"}, p01={"sha256": "a"}, p05={"sha256": "a"}, p06={"sha256": "z"})
        assert [one.image_ids for one in found.repeated] == [("p00", "p06"), ("p01", "p05")]


def test_reasons_do_not_repeat_the_path(eight):
    faulty = facts_of(eight, p01=EMPTY).slice(1, 1)
    assert reasons(faulty) == {"p01": "zero bytes; fetch the photograph again"}


def test_ambiguity_over_the_distance(eight):
    nearer, high = ambiguity(eight, np.array([0, 0.25, 0.5, 1, 2, 3]))
    np.testing.assert_allclose(nearer, [0, 1 / 8, 3 / 8, 5 / 8, 6 / 8, 1])
    np.testing.assert_allclose(high, [4 / 8, 4 / 7, 3 / 5, 2 / 3, 1 / 2, np.nan])


@pytest.fixture
def four(make_ratings):
    return make_ratings(
        mean_score=[2.0, 4.0, 2.0, 4.0],
        scale=np.arange(1.0, 6.0),
        midpoint=3.0,
        split=np.array(["train", "val", "test", "train"]),
        image_paths=np.array(["/data/set/images/a, b.jpg", "/data/set/c.jpg", "/data/settled/d.jpg", "/e.jpg"]),
    )


def manifest(ratings, root, facts=None, **changes):
    text = manifest_csv(ratings, facts_of(ratings, **changes) if facts is None else facts, root)
    return list(csv.reader(text.splitlines()))


def test_a_line_a_photograph(four):
    same = {"sha256": "same", "bytes": 7}
    table = manifest(four, "/data/set", p00=same, p01=EMPTY, p02=MISSING, p03=same)
    assert table == [
        list(HEADER),
        ["p00", "train", "images/a, b.jpg", "7", "same", "640", "480", "", "", ""],
        ["p01", "val", "c.jpg", "0", "e3b0", "", "", "zero bytes; fetch the photograph again", "", ""],
        ["p02", "test", "/data/settled/d.jpg", "", "", "", "", "no such file; check the image folder", "", ""],
        ["p03", "train", "/e.jpg", "7", "same", "640", "480", "", "p00", ""],
    ]


def test_a_set_without_a_folder_keeps_whole_paths(four):
    assert [row[2] for row in manifest(four, None)[1:]] == four.image_paths.tolist()


def test_a_folder_may_be_named_as_a_user_types_it(four, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/data")
    assert [row[2] for row in manifest(four, "~/set/")[1:3]] == ["images/a, b.jpg", "c.jpg"]
    (tmp_path / "link").symlink_to("/data/set")
    assert manifest(four, str(tmp_path / "link"))[2][2] == "c.jpg"


def test_the_ratings_may_come_in_any_order(four):
    turned = four.select(np.arange(4)[::-1])
    assert manifest(turned, None, facts_of(four)) == manifest(four, None)
