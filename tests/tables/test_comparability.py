"""Records fall into the column whose tokens they carry; where they are from is said."""

import pytest
from factories import run

from awcu.errors import TableError
from awcu.runs.record import RunRecord
from awcu.tables.comparability import overlap, provenance, split_records


def variants(columns: dict[str, list[RunRecord]]) -> dict[str, list[str]]:
    return {column: [record.variant for record in records] for column, records in columns.items()}


def test_tokens_decide_and_are_removed() -> None:
    records = [
        run(variant="size=100 w=step w.ratio=4"),
        run(variant="w=step w.ratio=4"),
        run(variant="size=1000 w=step"),
        run(variant="size=100"),
    ]
    assert variants(split_records(records, ["size=100", "size=50", ""])) == {
        "size=100": ["w=step w.ratio=4", ""],
        "size=50": [],
        "": ["w=step w.ratio=4", "size=1000 w=step"],
    }


def test_most_tokens_win_in_any_order() -> None:
    records = [run(variant="data=a size=5 w=x"), run(variant="data=a w=x"), run(variant="size=5 w=x")]
    assert variants(split_records(records, ["", "data=a", "size=5 data=a"])) == {
        "": ["size=5 w=x"],
        "data=a": ["w=x"],
        "size=5 data=a": ["w=x"],
    }


def test_a_token_that_holds_spaces_stays_as_it_is() -> None:
    assert variants(split_records([run(variant="a=[1,  2] size=5")], ["size=5"])) == {"size=5": ["a=[1,  2]"]}


def test_one_column_changes_nothing() -> None:
    records = [run(variant="w=x", seed=seed) for seed in range(3)]
    assert split_records(records, [""]) == {"": records}


def test_no_column_fits() -> None:
    with pytest.raises(TableError, match="'size=7 w=x' fits none of the columns 'size=5', 'size=6'; add its tokens"):
        split_records([run(variant="size=7 w=x")], ["size=5", "size=6"])


def test_two_columns_fit() -> None:
    with pytest.raises(TableError, match="'a=1 b=2' fits the columns 'a=1' and 'b=2' equally; add one with the"):
        split_records([run(variant="a=1 b=2")], ["a=1", "b=2", ""])


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


def test_overlap_is_the_mean_over_the_records() -> None:
    sizes = [(90, 10), (60, 40)]
    records = [
        run(variant="w=uniform", seed=seed, split_fingerprint=str(seed), n={"train": train, "test": test})
        for seed, (train, test) in enumerate(sizes)
    ]
    assert overlap(records) == pytest.approx((10 / 90 + 40 / 60) / 2)


@pytest.mark.parametrize(("n", "counts"), [({"train": 5}, "0 test and 5"), ({"test": 5}, "5 test and 0")])
def test_overlap_needs_counts(n: dict[str, int], counts: str) -> None:
    records = [run(variant="w=uniform", seed=seed, split_fingerprint=str(seed), n=n) for seed in range(2)]
    with pytest.raises(TableError, match=f"'w=uniform' with seed 0 has {counts} other photographs; .*record them"):
        overlap(records)


def test_one_split_has_no_overlap() -> None:
    assert overlap([run(seed=seed) for seed in range(2)]) == 0.0
