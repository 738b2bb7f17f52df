"""Photo.net: counts for all photographs or for none, and every way a copy can be damaged."""

import re
import shutil
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layouts import photonet as distributed

from awcu.datasets.readers.photonet import LIST, read
from awcu.errors import RatingsError, SourceError
from awcu.ratings.splits import hash_split

GOOD = "1 2190000 10 3.1 1.05 0 3 4 2 1 0 0\n"


@pytest.fixture
def root(tmp_path):
    distributed.write(tmp_path)
    return tmp_path


def test_a_copy_as_distributed_has_means_alone(root):
    ratings = read(root)
    assert len(ratings) == 40
    assert ratings.image_ids[[0, -1]].tolist() == ["2190000", "2190039"]
    assert ratings.image_paths[0] == str(root / "images" / "2190000.jpg")
    assert ratings.votes is None
    np.testing.assert_array_equal(ratings.mean_score[:2], [3.1, 5])
    assert ratings.vote_count[[0, 10]].tolist() == [10, 11]
    assert ratings.vote_sd.tolist() == [1.0541] * 40
    assert ratings.scale.tolist() == [1, 7]
    assert (ratings.high == (np.arange(40) % 2 == 1)).all()
    assert ratings.notes == (
        f"{root / LIST} lists 40 photographs; the literature cites 20,278.",
        "8 of 40 photographs have incomplete counts, so only means are read, without "
        "distributions: 2190000, 2190005, 2190010, 2190015, 2190020 and 3 more",
        f"2 photographs in {root / 'images'} are missing: 2190010.jpg, 2190011.jpg",
    )


def test_counts_of_all_ratings_make_votes(root):
    (root / LIST).write_text("\n".join(distributed.line(number, missing=False) for number in range(40)))
    ratings = read(root)
    assert ratings.votes[:2].tolist() == [[0, 3, 4, 2, 1, 0, 0], [0, 0, 1, 2, 3, 4, 0]]
    assert ratings.scale.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert ratings.mean_score[:2].tolist() == [3.1, 5]
    assert ratings.vote_count[[0, 10]].tolist() == [10, 11]


@pytest.mark.parametrize("counts", ["0 3 4 2 0 0 0", "0 0 0 0 0 0 0", "-1 -1 -1 -1 -1 -1 -1", "0 3 4 2 1 1 -1"])
def test_one_line_without_all_counts_is_enough(root, counts):
    (root / LIST).write_text(f"1 2190000 10 3.1 -1 {counts}\n2 2190001 1 5 0 0 0 0 0 1 0 0\n")
    ratings = read(root)
    assert ratings.votes is None
    np.testing.assert_array_equal(ratings.vote_sd, [np.nan, 0])
    assert "1 of 2 photographs have incomplete counts" in ratings.notes[1]


@pytest.mark.parametrize("none", ["0 -1 -1", "12 0 0", "12 -1 -1", "-1 4 1"])
def test_lines_without_a_mean_are_left_out_and_said(root, none):
    (root / LIST).write_text(f"{GOOD}2 2190001 {none} 0 0 0 0 0 0 0\n")
    ratings = read(root)
    assert ratings.image_ids.tolist() == ["2190000"]
    assert ratings.votes.tolist() == [[0, 3, 4, 2, 1, 0, 0]]
    assert ratings.notes[1] == "1 photographs without a mean are left out: 2190001"


def test_the_split_is_hashed_from_the_id(root):
    ratings = read(root, 3, 0.2, 0.4)
    np.testing.assert_array_equal(ratings.split, hash_split(ratings.image_ids, 3, 0.2, 0.4))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            GOOD + "2 2190001 10 3.1 1.05 0 3 4 2 1 0\n",
            r"dataset\.txt: line 2: .* has 11 columns, expected index photo_",
        ),
        (GOOD + "2 2190001 10 3.1 1.05 0 3 4 2 1 0 0 0\n", "line 2: .* has 13 columns"),
        (GOOD + "\n" + GOOD, "line 2: '' has 0 columns"),
        (GOOD.replace(" ", ","), "line 1: .* has 1 columns, expected index photo_id ratings mean sd n1"),
        (GOOD.replace("2190000", "../../x"), r"line 1: '\.\./\.\./x' is not a photo id, a whole number"),
        (GOOD.replace("3.1", "good"), "line 1, mean: 'good' is not a number"),
        (GOOD.replace("3.1", "nan"), "line 1, mean: 'nan' is not a number"),
        (GOOD.replace(" 10 ", " 10.5 "), "line 1, ratings: 10.5 is not a whole count"),
        (GOOD.replace(" 4 ", " 4.5 "), "line 1, n3: 4.5 is not a whole count"),
        (GOOD.replace(" 4 ", " -4 "), "line 1, n3: '-4' is not a number from -1 to"),
        ("1 2190000 10 7.5 1.05 0 0 0 0 0 0 0\n", "mean score missing or outside the scale .* for 2190000"),
        (GOOD * 2, "appear more than once: 2190000, 2190000"),
        ("1 2190000 0 -1 -1 0 0 0 0 0 0 0\n", "has no photograph with a mean rating; fetch the file again"),
        ("", r"dataset\.txt is empty"),
        (GOOD.encode() + b"2 21\xf6 10 3.1 1.05 0 3 4 2 1 0 0\n", "line 2 is not UTF-8 text"),
        (GOOD.replace("2190000", "7"), r"none of the 1 photographs is in .*images, such as '7\.jpg'"),
        (None, r"dataset\.txt does not exist"),
    ],
)
def test_a_damaged_list_is_named_with_its_line(root, damage, message):
    (root / LIST).unlink()
    if damage is not None:
        (root / LIST).write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    with pytest.raises((SourceError, RatingsError), match=message):
        read(root)


def test_carriage_returns_a_byte_order_mark_tabs_and_a_missing_last_newline_do_not_matter(root):
    before = read(root)
    text = (root / LIST).read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n").replace(b" ", b"\t")
    (root / LIST).write_bytes(b"\xef\xbb\xbf" + text)
    assert read(root).fingerprint == before.fingerprint


def test_surplus_photographs_are_said(root):
    (root / "images" / "2190000.jpg").rename(root / "images" / "another.jpg")
    assert read(root).notes[2:] == (
        f"3 photographs in {root / 'images'} are missing: 2190000.jpg, 2190010.jpg, 2190011.jpg",
        f"1 photographs in {root / 'images'} have no rating: another.jpg",
    )


def test_without_the_photographs_folder_it_is_named(root):
    shutil.rmtree(root / "images")
    with pytest.raises(SourceError, match="has no folder images"):
        read(root)


@pytest.mark.parametrize("folder", ["photonet", "images"])
def test_a_doubled_folder_is_found(root, tmp_path_factory, folder):
    new = tmp_path_factory.mktemp("new") / "photonet"
    shutil.copytree(root, new / "photonet" if folder == "photonet" else new)
    if folder != "photonet":
        (new / folder).rename(new / "inner")
        (new / folder).mkdir()
        (new / "inner").rename(new / folder / folder)
    ratings = read(new)
    assert ratings.fingerprint == read(root).fingerprint
    assert ratings.notes[2].endswith("are missing: 2190010.jpg, 2190011.jpg")


@pytest.mark.parametrize(("root", "message"), [(None, "data.root=…"), ("/nowhere", "/nowhere is not a folder")])
def test_the_folder_has_to_be_named(root, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        read(root)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    line=st.one_of(
        st.text(max_size=30),
        st.lists(st.one_of(st.integers(-2, 99), st.floats()), min_size=12, max_size=12).map(
            lambda numbers: " ".join(map(str, numbers))
        ),
    )
)
def test_any_line_is_read_or_refused_by_name(root, line):
    whole = (root / LIST).read_bytes()
    (root / LIST).write_text(f"{GOOD}{line}\n2 2190001 10 3.1 1 0 0 0 0 0 0 0", encoding="utf-8", errors="replace")
    with suppress(SourceError, RatingsError):
        assert len(read(root)) >= 2
    (root / LIST).write_bytes(whole)
