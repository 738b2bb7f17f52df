"""AADB: the published lists, and every way a copy of them can be damaged."""

import re
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layouts import aadb as distributed
from published_layouts.aadb import name

from awcu.datasets.readers.aadb import ATTRIBUTES, COUNTS, read
from awcu.errors import RatingsError, SourceError

PUBLISHED = Path(__file__).parents[3].parent / "shared" / "data" / "labels" / "aadb" / "AADB.txt"
IMAGES = "datasetImages_originalSize"
OVERLAP = (
    "2 photographs of the TestNew list are also on another list and kept in test only: "
    "farm1_250_20000000030_ab30_b.jpg, farm1_251_20000000031_ab31_b.jpg"
)


@pytest.fixture
def root(tmp_path):
    distributed.write(tmp_path)
    return tmp_path


def lists(root):
    return root / "imgListFiles_label" / "imgListFiles_label"


def test_a_copy_as_distributed(root):
    ratings = read(root, check_counts=False)
    assert len(ratings) == 42
    assert ratings.image_ids[0] == "farm1_250_20000000000_ab00_b.jpg"
    assert ratings.image_paths[0] == str(root / IMAGES / "farm1_250_20000000000_ab00_b.jpg")
    # Scores .35, .75, .5, .75 and .188 on 1..5.
    np.testing.assert_allclose(ratings.mean_score[:5], [2.4, 4.0, 3.0, 4.0, 1.752])
    assert ratings.high[:5].tolist() == [False, True, False, True, False]
    assert (ratings.scale.tolist(), ratings.midpoint, ratings.votes) == ([1, 5], 3, None)
    assert np.isnan(ratings.vote_sd).all()
    assert ratings.notes == (OVERLAP,)


def test_a_score_that_is_no_twentieth_is_not_of_five_raters(root):
    assert read(root, check_counts=False).vote_count[:5].tolist() == pytest.approx([5, 5, 5, 5, np.nan], nan_ok=True)


def test_a_photograph_listed_for_validation_and_for_test_is_tested_on_only(root):
    ratings = read(root, check_counts=False)
    assert ratings.split[:30].tolist() == ["train"] * 24 + ["val"] * 6
    assert set(ratings.image_ids[ratings.split == "test"]) == {name(number) for number in (*range(34, 42), 30, 31)}


def test_the_old_test_list_overlaps_with_no_other(root):
    ratings = read(root, test_list="old", check_counts=False)
    assert set(ratings.image_ids[ratings.split == "test"]) == {name(number) for number in range(34, 44)}
    assert (ratings.split == "val").sum() == 10
    assert ratings.notes == ()


def test_the_mean_vote_for_an_attribute_is_read_by_its_sign(root):
    ratings = read(root, check_counts=False)
    assert ratings.attribute_names == ATTRIBUTES
    assert ATTRIBUTES[0] == "BalancingElements"
    # Photograph 0 has 0 .2 1 -.2 -.4 0 .2 1 -.2 .4 0, photograph 1 has .2 1 -.2 -.4 0 .2 1 .2 -.4 0 .2.
    nan = np.nan
    expected = [[nan, 1, 1, 0, 0, nan, 1, 1, 0, 1, nan], [1, 1, 0, 0, nan, 1, 1, 1, 0, 0, 1]]
    np.testing.assert_array_equal(ratings.attributes[:2], expected)


def test_nobody_saw_repetition_or_symmetry_is_an_answer(root):
    ratings = read(root, check_counts=False)
    for attribute in ("Repetition", "Symmetry"):
        assert set(ratings.attributes[:, ATTRIBUTES.index(attribute)]) == {0, 1}


def test_the_split_seed_is_of_no_effect(root):
    splits = [read(root, split_seed=seed, check_counts=False).split for seed in (0, 1)]
    assert (splits[0] == splits[1]).all()


def test_a_corrected_spelling_is_read(root):
    before = read(root, check_counts=False)
    for path in lists(root).glob("*BalacingElements.txt"):
        path.rename(path.with_name(path.name.replace("Balacing", "Balancing")))
    assert read(root, check_counts=False).fingerprint == before.fingerprint


def test_a_test_photograph_is_found_under_its_score(root):
    (root / IMAGES / name(35)).unlink()
    ratings = read(root, check_counts=False)
    path = ratings.image_paths[ratings.image_ids == name(35)].item()
    assert path == str(root / "AADB_newtest" / f"0.750_{name(35)}")
    assert ratings.notes == (OVERLAP,)


def test_a_test_photograph_is_found_among_those_of_original_size(root):
    (root / IMAGES / name(35)).unlink()
    shutil.rmtree(root / "AADB_newtest")
    distributed.write_picture(root / "AADB_newtest_originalSize" / name(35), True)
    ratings = read(root, check_counts=False)
    path = ratings.image_paths[ratings.image_ids == name(35)].item()
    assert path == str(root / "AADB_newtest_originalSize" / name(35))


def test_the_squeezed_photographs_are_read_where_asked_for(root):
    (root / IMAGES).rename(root / "datasetImages_warp256")
    ratings = read(root, images="datasetImages_warp256", check_counts=False)
    assert ratings.image_paths[0] == str(root / "datasetImages_warp256" / name(0))
    with pytest.raises(SourceError, match="has no folder datasetImages_originalSize; unpack the data set there"):
        read(root, check_counts=False)


def test_a_doubled_folder_of_photographs_is_found(root):
    (root / IMAGES).rename(root / "inner")
    (root / IMAGES).mkdir()
    (root / "inner").rename(root / IMAGES / IMAGES)
    ratings = read(root, check_counts=False)
    assert ratings.image_paths[0] == str(root / IMAGES / IMAGES / name(0))
    assert ratings.notes == (OVERLAP,)


def test_other_counts_than_published_are_refused(root):
    with pytest.raises(
        SourceError, match=r"Train\w+_score\.txt lists 24 photographs, expected 8,458.*check_counts=false"
    ):
        read(root)


def test_another_test_list_is_refused(root):
    with pytest.raises(SourceError, match="test_list='newest' is neither of new, old; name one of them"):
        read(root, test_list="newest")


@pytest.mark.parametrize("label", ["score", "Light"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("a.jpg\n", r"\.txt: line 1: 'a\.jpg' has 1 columns, expected name value; correct the line"),
        ("a.jpg 0.5 1\n", "line 1: 'a.jpg 0.5 1' has 3 columns"),
        ("a.jpg 0.5\n\nb.jpg 0.5\n", "line 2: '' has 0 columns"),
        ("a.jpg,0.5\n", "line 1: 'a.jpg,0.5' has 1 columns"),
        ("a.jpg good\n", "line 1: 'good' is not a number from"),
        ("a.jpg 1.2\n", "line 1: '1.2' is not a number from -?[01] to 1"),
        ("a.jpg nan\n", "'nan' is not a number"),
        ("a.jpg 0.5\na.jpg 0.5\n", "line 2: 'a.jpg' is already listed above; keep one of the two lines"),
        ("", r"\.txt is empty"),
        ("önologie.jpg 0.5\n".encode("latin-1"), "line 1 is not UTF-8 text"),
        (None, r"\.txt does not exist"),
    ],
)
def test_a_damaged_list_is_named_with_its_line(root, label, damage, message):
    path = lists(root) / f"imgListTestNewRegression_{label}.txt"
    path.unlink()
    if damage is not None:
        path.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    with pytest.raises(SourceError, match=message) as error:
        read(root, check_counts=False)
    assert path.name in str(error.value)


@pytest.mark.parametrize("label", ["score", "DoF"])
def test_lists_of_other_photographs_are_refused(root, label):
    path = lists(root) / f"imgListValidationRegression_{label}.txt"
    path.write_text(path.read_text().replace(name(26), "another.jpg"))
    with pytest.raises(SourceError, match=f"only one of them lists another.*{name(26)}"):
        read(root, check_counts=False)


def test_carriage_returns_a_byte_order_mark_and_a_missing_last_newline_do_not_matter(root):
    before = read(root, check_counts=False)
    for path in lists(root).iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().rstrip().replace(b"\n", b"\r\n"))
    assert read(root, check_counts=False).fingerprint == before.fingerprint


def test_missing_and_surplus_photographs_are_said(root):
    (root / IMAGES / name(0)).rename(root / IMAGES / "another.jpg")
    assert read(root, check_counts=False).notes == (
        OVERLAP,
        f"1 photographs in {root} are missing: {IMAGES}/{name(0)}",
        f"1 photographs in {root} have no rating: {IMAGES}/another.jpg",
    )


def test_photographs_of_the_old_test_list_have_no_rating_without_it(root):
    for path in lists(root).glob("imgListTestRegression_*"):
        path.unlink()
    notes = read(root, check_counts=False).notes
    assert notes[1] == f"2 photographs in {root} have no rating: {IMAGES}/{name(42)}, {IMAGES}/{name(43)}"


def test_no_photograph_at_all_is_refused(root):
    shutil.rmtree(root / "AADB_newtest")
    shutil.rmtree(root / IMAGES)
    (root / IMAGES).mkdir()
    with pytest.raises(SourceError, match=f"none of the 42 photographs is in {root}, such as '{IMAGES}/"):
        read(root, check_counts=False)


@pytest.mark.parametrize(("root", "message"), [(None, "data.root=…"), ("/nowhere", "/nowhere is not a folder")])
def test_the_folder_has_to_be_named(root, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        read(root)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.text(max_size=30))
def test_any_line_is_read_or_refused_by_name(root, line):
    for part in ("Train", "TestNew"):
        path = lists(root) / f"imgList{part}Regression_score.txt"
        path.write_text(f"{name(34)} 0.5\n{line}\n{name(35)} 0.7\n", encoding="utf-8", errors="replace")
        with suppress(SourceError, RatingsError):
            assert len(read(root, check_counts=False)) >= 10


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the real AADB labels are not beside this checkout")
def test_the_published_labels_are_as_the_docstring_says():
    rows = [line.split(",") for line in PUBLISHED.read_text().splitlines()[1:]]
    parts = {"TestNew": rows[:1000], "Train": rows[1000:9458], "Validation": rows[9458:]}
    assert {part: len(listed) for part, listed in parts.items()} == {part: COUNTS[part] for part in parts}
    names = {part: {row[0] for row in listed} for part, listed in parts.items()}
    assert all(len(names[part]) == COUNTS[part] for part in parts)
    assert len(names["TestNew"] & names["Validation"]) == 127
    assert names["Train"].isdisjoint(names["TestNew"] | names["Validation"])
    scores = np.array([float(row[2]) for row in rows])
    assert (np.abs(scores * 20 - np.round(scores * 20)) < 1e-6).mean() == pytest.approx(0.96, abs=0.005)
    assert (scores == 0.5).mean() == pytest.approx(0.108, abs=0.001)
    attributes = np.array([[float(value) for value in row[3:]] for row in rows])
    assert np.abs(attributes).max() == 1
    assert [name for name, low in zip(ATTRIBUTES, attributes.min(axis=0), strict=True) if low == 0] == [
        "Repetition",
        "Symmetry",
    ]
