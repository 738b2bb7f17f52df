"""Where records are from; what else is checked here shows in the table's own tests."""

from factories import run

from awcu.tables.comparability import provenance


def test_ranges_seeds_and_commits() -> None:
    more = {"train": 78, "test": 13, "unused": 4, "excluded": 5}
    records = [run(), run(seed=4, n=more, git_dirty=True, git_commit="fedcba98")]
    assert provenance(records) == (
        "gallery (aaaa), photographs: 78–80 train, 11–13 test, 4 unused, 0–5 excluded, split (split); 2 seeds (0, 4); "
        "commit 1a2b3c4, fedcba9+ (+: with uncommitted changes)"
    )


def test_each_data_set_has_its_own_counts() -> None:
    records = [run(), run(data="album", data_fingerprint="bbbb", n={"train": 5, "test": 2})]
    assert provenance(records) == (
        "album (bbbb), photographs: 5 train, 2 test, split (split); "
        "gallery (aaaa), photographs: 80 train, 11 test, split (split); "
        "1 seed (0); commit 1a2b3c4"
    )


def test_a_split_that_was_asked_for_is_named() -> None:
    assert ", split ilgnet (split); " in provenance([run(overrides=("data=ava", "data.ratings.split=ilgnet"))])


def test_several_splits_are_counted() -> None:
    assert ", 2 splits; " in provenance([run(), run(seed=1, split_fingerprint="other")])
