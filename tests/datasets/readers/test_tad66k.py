"""TAD66K: the published lists, and every way a copy of them can be damaged."""

import re
import shutil
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layouts import tad66k as distributed

from awcu.datasets.readers.tad66k import read
from awcu.errors import RatingsError, SourceError


@pytest.fixture
def root(tmp_path):
    distributed.write(tmp_path)
    return tmp_path


def test_a_copy_as_distributed(root):
    ratings = read(root, val=0.3, check_counts=False)
    assert len(ratings) == 40
    assert ratings.image_ids[[0, -1]].tolist() == ["1000theme0.jpg", "1039theme0.jpg"]
    assert ratings.image_paths[0] == str(root / "TAD66K" / "1000theme0.jpg")
    np.testing.assert_allclose(ratings.mean_score[:3], [3.5, 6.51, 3.52])
    assert ratings.split[28:].tolist() == ["test"] * 12
    assert set(ratings.split[:28]) == {"train", "val"}
    assert (ratings.high == (ratings.mean_score > 5)).all()
    assert ratings.votes is None
    assert ratings.notes == ()


def test_validation_is_another_part_under_another_seed(root):
    parts = [read(root, seed, 0.3, check_counts=False).split for seed in (0, 0, 1)]
    assert (parts[0] == parts[1]).all()
    assert (parts[0] != parts[2]).any()


def test_other_counts_than_published_are_refused(root):
    with pytest.raises(SourceError, match=r"train\.csv lists 28 photographs, expected 52,248.*check_counts=false"):
        read(root)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("image,score\na.jpg\n", r"test\.csv: line 2 has 1 cells, expected 2 \(image, score\)"),
        ("image,score\na.jpg,5,6\n", "line 2 has 3 cells, expected 2"),
        ("image,score\na.jpg,good\n", "line 2, score: 'good' is not a number from 1 to 10"),
        ("image,score\na.jpg,0.5\n", "'0.5' is not a number from 1 to 10"),
        ("image,score\na.jpg,nan\n", "'nan' is not a number"),
        ("image,score\n,5\n", "line 2: column 'image' is empty"),
        ("image;score\na.jpg;5\n", "separated by semicolons; expected commas"),
        ("name,score\na.jpg,5\n", "line 1 has no column 'image', only 'name, score'"),
        ("image,score\n", r"test\.csv has a header and no rows"),
        ("", r"test\.csv is empty"),
        ("image,score\nönologie.jpg,5\n".encode("latin-1"), "line 2 is not UTF-8 text"),
        (None, r"test\.csv does not exist"),
    ],
)
def test_a_damaged_list_is_named_with_its_line(root, damage, message):
    path = root / "merge" / "test.csv"
    path.unlink()
    if damage is not None:
        path.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    with pytest.raises(SourceError, match=message):
        read(root, check_counts=False)


def test_carriage_returns_and_a_byte_order_mark_do_not_matter(root):
    before = read(root, check_counts=False)
    for path in (root / "merge").iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert read(root, check_counts=False).fingerprint == before.fingerprint


def test_missing_and_surplus_photographs_are_said(root):
    (root / "TAD66K" / "1000theme0.jpg").rename(root / "TAD66K" / "another.jpg")
    notes = read(root, check_counts=False).notes
    assert [note.rsplit(": ", 1) for note in notes] == [
        [f"1 photographs in {root / 'TAD66K'} are missing", "1000theme0.jpg"],
        [f"1 photographs in {root / 'TAD66K'} have no rating", "another.jpg"],
    ]


def test_no_photograph_at_all_is_refused(root):
    shutil.rmtree(root / "TAD66K")
    (root / "TAD66K").mkdir()
    with pytest.raises(SourceError, match=r"none of the 40 photographs is in .*TAD66K, such as '1000theme0.jpg'"):
        read(root, check_counts=False)


def test_a_doubled_folder_is_found(root):
    (root / "TAD66K").rename(root / "inner")
    (root / "TAD66K").mkdir()
    (root / "inner").rename(root / "TAD66K" / "TAD66K")
    assert read(root, check_counts=False).notes == ()


def test_a_photograph_listed_twice_is_refused(root):
    with (root / "merge" / "test.csv").open("a") as file:
        file.write("\n1000theme0.jpg,5.5\n")
    with pytest.raises(RatingsError, match=r"appear more than once: 1000theme0\.jpg"):
        read(root, check_counts=False)


@pytest.mark.parametrize(("root", "message"), [(None, "data.root=…"), ("/nowhere", "/nowhere is not a folder")])
def test_the_folder_has_to_be_named(root, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        read(root)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.text(max_size=30))
def test_any_line_is_read_or_refused_by_name(root, line):
    path = root / "merge" / "test.csv"
    path.write_text(f"image,score\n1028theme1.jpg,6\n{line}\n1029theme2.jpg,4\n", encoding="utf-8", errors="replace")
    with suppress(SourceError, RatingsError):
        assert len(read(root, check_counts=False)) >= 30
