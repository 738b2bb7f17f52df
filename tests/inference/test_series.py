"""Series by time and likeness, of features made by hand."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from awcu.inference.series import BACK, find_series, neighbours

START = datetime(2024, 5, 6, 7, 8, 9)


def at(*seconds):
    return [None if second is None else START + timedelta(seconds=second) for second in seconds]


def find(scenes, seconds, names=None, within=10):
    """Series of photographs that show the scenes of these letters."""
    paths = names or [Path("a", f"IMG_{place}.jpg") for place in range(len(scenes))]
    pairs = neighbours(at(*seconds), paths, within)
    alike = np.array([scenes[a] == scenes[b] for a, b in pairs.tolist()], np.bool_)
    return find_series(pairs[alike], at(*seconds), paths)


def test_both_time_and_likeness_are_needed():
    assert find("aabbb", [0, 1, 2, 3, 20]) == [[0, 1], [2, 3]]
    assert find("aa", [0, 10]) == [[0, 1]]
    assert find("aa", [0, 10.1]) == []
    assert find("ab", [0, 0]) == []


def test_in_the_order_in_which_they_were_taken():
    assert find("ababa", [9, 100, 5, 101, 7]) == [[2, 4, 0], [1, 3]]


def test_a_series_goes_on_while_each_is_shortly_after_one():
    assert find("aaaa", [0, 9, 18, 27]) == [[0, 1, 2, 3]]


def test_one_that_went_wrong_does_not_part_a_series():
    others = "bcdefg"[: BACK - 1]
    assert find(f"a{others}a", range(BACK + 1)) == [[0, BACK]]
    assert find(f"a{others}xa", range(BACK + 2)) == []


def test_without_times_by_name_as_a_person_counts_and_in_one_folder():
    names = [Path("a", f"IMG_{place}.jpg") for place in (10, 9, 100, 11)]
    assert find("aaba", [None] * 4, names) == [[1, 0, 3]]
    assert neighbours([None] * 2, [Path("a/1.jpg"), Path("b/2.jpg")]).tolist() == []


def test_with_and_without_a_time_are_never_one_series():
    assert find("aaa", [0, None, None]) == [[1, 2]]


def test_the_same_moment_in_two_folders_is_one_series():
    assert find("aa", [0, 0], [Path("a/1.jpg"), Path("b/1.jpg")]) == [[0, 1]]


def test_none_and_one():
    assert find("", []) == []
    assert find("a", [0]) == []


def test_the_work_grows_with_their_number_only():
    n = 5000
    assert len(neighbours(at(*[0] * n), [Path(f"{place}.jpg") for place in range(n)])) <= BACK * n
