"""EVA: votes into histograms, and every way a copy can be damaged."""

import re
import shutil
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layouts import eva as distributed

from awcu.datasets.readers.eva import SHARED, read
from awcu.errors import RatingsError, SourceError

HEADER = f"{distributed.HEADER}=vote_time=1=2=3=4"
UNRATED = "953619.jpg"


@pytest.fixture
def root(tmp_path):
    distributed.write(tmp_path)
    return tmp_path


def votes_of(ratings, image_id):
    return ratings.votes[ratings.image_ids == image_id][0].tolist()


def test_a_copy_as_distributed(root):
    ratings = read(root, check_counts=False)
    assert sorted(map(int, ratings.image_ids)) == list(distributed.IDS)
    # Votes of 6, 7, 7 and 9 on 0..10.
    assert votes_of(ratings, "71") == [0, 0, 0, 0, 0, 0, 1, 2, 0, 1, 0]
    row = ratings.image_ids.tolist().index("71")
    assert ratings.image_paths[row] == str(root / "images" / "EVA_together" / "71.jpg")
    assert (ratings.mean_score[row], ratings.vote_count[row]) == (7.25, 4)
    assert ratings.scale.tolist() == list(range(11))
    assert ratings.origin == "AVA"
    assert ratings.notes == (SHARED, f"1 photographs in {root / 'images' / 'EVA_together'} have no rating: {UNRATED}")


def test_a_mean_of_exactly_5_is_low(root):
    ratings = read(root, check_counts=False)
    assert votes_of(ratings, "106") == [1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]
    assert not ratings.high[ratings.image_ids == "106"].item()


def test_a_mean_grade_of_exactly_the_middle_is_unlabelled(root):
    ratings = read(root, check_counts=False)
    assert ratings.attribute_names == ("visual", "composition", "quality", "semantic")
    # 71: grades 3 3 3 3, 1 1 1 1, 4 3 4 3 and 2 3 2 3; 106: 2 2 2 2, 2 2 2 2, 4 3 4 3 and 1 2 1 2.
    for image_id, expected in (("71", [1, 0, 1, np.nan]), ("106", [0, 0, 1, 0])):
        np.testing.assert_array_equal(ratings.attributes[ratings.image_ids == image_id][0], expected)


def test_all_votes_that_were_cast_are_read_where_asked_for(root):
    ratings = read(root, votes="votes", check_counts=False)
    assert len(ratings) == 41
    # Their file has other columns behind the grades, one of them quoted.
    assert votes_of(ratings, "953619") == [0, 0, 0, 0, 0, 0, 1, 2, 0, 1, 0]
    assert ratings.notes == (SHARED,)


def test_the_split_depends_on_the_seed_and_the_shares(root):
    splits = [read(root, split_seed=seed, val=0.25, test=0.3, check_counts=False).split.tolist() for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]
    assert set(splits[0]) == {"train", "val", "test"}


def test_another_count_than_published_is_refused_of_filtered_votes_only(root):
    with pytest.raises(SourceError, match=r"votes_filtered\.csv has votes for 40 photographs, expected 4,070"):
        read(root)
    assert len(read(root, votes="votes")) == 41


def test_other_votes_are_refused(root):
    with pytest.raises(SourceError, match="votes='users' is neither of votes_filtered, votes; name one of them"):
        read(root, votes="users")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (f"{HEADER}\n71=E1=6\n", r"votes_filtered\.csv: line 2 has 3 cells, expected 13 \(image_id, user_id"),
        (f"{HEADER}\n71=E1=6=3=3=3=3=3=9=0=0=0=0=0\n", "line 2 has 14 cells, expected 13"),
        (f"{HEADER}\n71=E1=good=3=3=3=3=3=9=0=0=0=0\n", "line 2, score: 'good' is not a number from 0 to 10"),
        (f"{HEADER}\n71=E1=11=3=3=3=3=3=9=0=0=0=0\n", "line 2, score: '11' is not a number from 0 to 10"),
        (f"{HEADER}\n71=E1=6.5=3=3=3=3=3=9=0=0=0=0\n", r"line 2, score: 6\.5 is not a whole number; correct it"),
        (f"{HEADER}\n71=E1=6=3=3=0=3=3=9=0=0=0=0\n", "line 2, composition: '0' is not a number from 1 to 4"),
        (f"{HEADER}\n71=E1=6=3=3=3=2.5=3=9=0=0=0=0\n", r"line 2, quality: 2\.5 is not a whole number"),
        (f"{HEADER}\n71=E1=6=3==3=3=3=9=0=0=0=0\n", "line 2, visual: '' is not a number"),
        (f"{HEADER}\n=E1=6=3=3=3=3=3=9=0=0=0=0\n", "line 2: column 'image_id' is empty"),
        (HEADER.replace("=", ",") + "\n71,E1,6,3,3,3,3,3,9,0,0,0,0\n", "separated by commas; expected equals signs"),
        (HEADER.replace("score", "mark") + "\n71=E1=6=3=3=3=3=3=9=0=0=0=0\n", "line 1 has no column 'score'"),
        (HEADER, r"votes_filtered\.csv has a header and no rows"),
        ("", r"votes_filtered\.csv is empty"),
        (f"{HEADER}\nö=E1=6=3=3=3=3=3=9=0=0=0=0\n".encode("latin-1"), "line 2 is not UTF-8 text"),
        (None, r"votes_filtered\.csv does not exist"),
    ],
)
def test_damaged_votes_are_named_with_their_line(root, damage, message):
    path = root / "data" / "votes_filtered.csv"
    path.unlink()
    if damage is not None:
        path.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    with pytest.raises(SourceError, match=message):
        read(root, check_counts=False)


def test_carriage_returns_a_byte_order_mark_and_a_missing_last_newline_do_not_matter(root):
    before = read(root, check_counts=False)
    path = root / "data" / "votes_filtered.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().rstrip().replace(b"\n", b"\r\n"))
    assert read(root, check_counts=False).fingerprint == before.fingerprint


def test_missing_photographs_are_said(root):
    (root / "images" / "EVA_together" / "71.jpg").unlink()
    notes = read(root, check_counts=False).notes
    assert notes[1] == f"1 photographs in {root / 'images' / 'EVA_together'} are missing: 71.jpg"


def test_no_photograph_at_all_is_refused(root):
    shutil.rmtree(root / "images" / "EVA_together")
    (root / "images" / "EVA_together.zip.001").write_bytes(b"PK")
    with pytest.raises(
        SourceError, match=r"none of the 40 photographs is in .*images, such as '106\.jpg'; unpack them"
    ):
        read(root, check_counts=False)


@pytest.mark.parametrize("nested", ["images/EVA_together/EVA_together", "EVA_together"])
def test_a_doubled_or_single_folder_of_photographs_is_found(root, nested):
    (root / "images" / "EVA_together").rename(root / "inner")
    (root / "images").rmdir()
    (root / nested).parent.mkdir(parents=True, exist_ok=True)
    (root / "inner").rename(root / nested)
    ratings = read(root, check_counts=False)
    assert ratings.image_paths[0] == str(root / nested / f"{ratings.image_ids[0]}.jpg")


@pytest.mark.parametrize(("root", "message"), [(None, "data.root=…"), ("/nowhere", "/nowhere is not a folder")])
def test_the_folder_has_to_be_named(root, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        read(root)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.text(max_size=30))
def test_any_line_is_read_or_refused_by_name(root, line):
    for text in (line, f"{line}=E1=6=3=3=3=3=3=9=0=0=0=0", f"71=E1={line}=3=3=3=3=3=9=0=0=0=0"):
        path = root / "data" / "votes_filtered.csv"
        votes = f"{HEADER}\n106=E1=6=3=3=3=3=3=9=0=0=0=0\n{text}\n300=E1=4=3=3=3=3=3=9=0=0=0=0\n"
        path.write_text(votes, encoding="utf-8", errors="replace")
        with suppress(SourceError, RatingsError):
            assert len(read(root, check_counts=False)) >= 2
