"""SPAQ: the sheet and its .csv, and every way a copy can be damaged."""

import re
import shutil
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layouts import spaq as distributed

from awcu.datasets.readers.spaq import SHEET, read
from awcu.errors import RatingsError, SourceError
from awcu.ratings.splits import hash_split

HEAD = ",".join(distributed.HEADER) + "\n"
QUALITY = "The scores are of technical quality, not of aesthetics."


@pytest.fixture
def root(tmp_path):
    distributed.write(tmp_path)
    return tmp_path


@pytest.fixture
def workbook(root):
    """A copy with the workbook alone."""
    pytest.importorskip("openpyxl", reason="awcu[xlsx] is not installed")
    distributed.write_sheet(root)
    return root


def test_a_copy_with_the_sheet_as_csv(root):
    ratings = read(root, check_counts=False)
    assert len(ratings) == 40
    assert ratings.image_ids[[0, -1]].tolist() == ["00001.jpg", "00040.jpg"]
    assert ratings.image_paths[0] == str(root / "TestImage" / "00001.jpg")
    np.testing.assert_array_equal(ratings.mean_score[:3], [1.5125, 3.53, 1.5225])
    assert (ratings.high == (np.arange(40) % 2 == 1)).all()
    assert ratings.votes is None
    assert ratings.attribute_names == ("Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness")
    np.testing.assert_array_equal(ratings.attributes[[0, 1]], [[0, 1, 0, np.nan, 1], [0, 1, 1, np.nan, 1]])
    assert ratings.notes == (QUALITY,)


def test_the_workbook_says_the_same(workbook, tmp_path_factory):
    other = tmp_path_factory.mktemp("csv")
    distributed.write(other)
    from_csv, from_workbook = read(other, check_counts=False), read(workbook, check_counts=False)
    assert from_workbook.fingerprint == from_csv.fingerprint
    assert from_workbook.split_fingerprint == from_csv.split_fingerprint
    np.testing.assert_array_equal(from_workbook.attributes, from_csv.attributes)


def test_the_split_is_hashed_from_the_name(root):
    ratings = read(root, 3, 0.2, 0.4, check_counts=False)
    np.testing.assert_array_equal(ratings.split, hash_split(ratings.image_ids, 3, 0.2, 0.4))


def test_another_count_than_published_is_refused(root):
    with pytest.raises(SourceError, match=r"scores\.csv lists 40 photographs, expected 11,125.*check_counts=false"):
        read(root)


def test_without_openpyxl_both_ways_out_are_said(root, monkeypatch):
    (root / "Annotations" / f"{SHEET}.csv").rename(root / "Annotations" / f"{SHEET}.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(SourceError, match=rf'without openpyxl; pip install "awcu\[xlsx\]", or save .* as {SHEET}\.csv'):
        read(root)


def test_a_missing_sheet_is_named(root):
    (root / "Annotations" / f"{SHEET}.csv").unlink()
    with pytest.raises(SourceError, match=rf"{SHEET}\.xlsx does not exist; fetch it again, or save the sheet as"):
        read(root)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (HEAD + "a.jpg,50,1,2,3,4\n", r"line 2 has 6 cells, expected 7 \(Image name, MOS, Brightness"),
        (HEAD + "a.jpg,50,1,2,3,4,5,6\n", "line 2 has 8 cells, expected 7"),
        (HEAD + "a.jpg,good,1,2,3,4,5\n", "line 2, MOS: 'good' is not a number from 0 to 100"),
        (HEAD + "a.jpg,100.5,1,2,3,4,5\n", "line 2, MOS: '100.5' is not a number from 0 to 100"),
        (HEAD + "a.jpg,50,1,2,3,4,\n", "line 2, Sharpness: '' is not a number from 0 to 100"),
        (HEAD + ",50,1,2,3,4,5\n", "line 2: column 'Image name' is empty"),
        (HEAD.replace(",", ";") + "a.jpg;50;1;2;3;4;5\n", "separated by semicolons; expected commas"),
        (HEAD.replace("MOS", "Score") + "a.jpg,50,1,2,3,4,5\n", "line 1 has no column 'MOS', only 'Image name, Score"),
        (HEAD, "has a header and no rows"),
        ("", "is empty; fetch the file again"),
        ((HEAD + "ö.jpg,50,1,2,3,4,5\n").encode("latin-1"), "line 2 is not UTF-8 text"),
        (HEAD + "a.jpg,50,1,2,3,4,5\n", r"none of the 1 photographs is in .*TestImage, such as 'a\.jpg'"),
        (HEAD + "00001.jpg,50,1,2,3,4,5\n" * 2, r"appear more than once: 00001\.jpg"),
    ],
)
def test_a_damaged_csv_is_named_with_its_line(root, damage, message):
    (root / "Annotations" / f"{SHEET}.csv").write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    with pytest.raises((SourceError, RatingsError), match=message):
        read(root, check_counts=False)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([distributed.HEADER, ("00001.jpg", "good", 1, 2, 3, 4, 5)], r"xlsx: line 2, MOS: 'good' is not a number"),
        ([distributed.HEADER, (), ("00001.jpg", None, 1, 2, 3, 4, 5)], r"xlsx: line 3, MOS: '' is not a number"),
        ([distributed.HEADER, (None, 50, 1, 2, 3, 4, 5)], "xlsx: line 2: column 'Image name' is empty"),
        ([distributed.HEADER], r"xlsx has a header and no rows"),
        ([distributed.HEADER[1:], (50, 1, 2, 3, 4, 5)], "row 1 must name 'Image name' exactly once"),
        ([(*distributed.HEADER, "MOS"), ("00001.jpg", 50, 1, 2, 3, 4, 5, 6)], "row 1 must name 'MOS' exactly once"),
        ([], "row 1 must name 'Image name', 'MOS'"),
    ],
)
def test_a_damaged_sheet_is_named_with_its_line(workbook, rows, message):
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(workbook / "Annotations" / f"{SHEET}.xlsx")
    with pytest.raises(SourceError, match=message):
        read(workbook, check_counts=False)


def test_what_spreadsheets_add_to_a_csv_does_not_matter(root):
    before = read(root, check_counts=False)
    path = root / "Annotations" / f"{SHEET}.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n"))
    assert read(root, check_counts=False).fingerprint == before.fingerprint


def test_missing_and_surplus_photographs_are_said(root):
    (root / "TestImage" / "00001.jpg").rename(root / "TestImage" / "another.jpg")
    assert read(root, check_counts=False).notes == (
        QUALITY,
        f"1 photographs in {root / 'TestImage'} are missing: 00001.jpg",
        f"1 photographs in {root / 'TestImage'} have no rating: another.jpg",
    )


@pytest.mark.parametrize("folder", ["SPAQ", "TestImage", "Annotations"])
def test_a_doubled_folder_is_found(root, tmp_path_factory, folder):
    new = tmp_path_factory.mktemp("new") / "SPAQ"
    shutil.copytree(root, new / "SPAQ" if folder == "SPAQ" else new)
    if folder != "SPAQ":
        (new / folder).rename(new / "inner")
        (new / folder).mkdir()
        (new / "inner").rename(new / folder / folder)
    assert read(new, check_counts=False).notes == (QUALITY,)


@pytest.mark.parametrize(("root", "message"), [(None, "data.root=…"), ("/nowhere", "/nowhere is not a folder")])
def test_the_folder_has_to_be_named(root, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        read(root)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.one_of(st.text(max_size=8), st.floats().map(str)), min_size=6, max_size=8))
def test_any_line_is_read_or_refused_by_name(root, cells):
    path = root / "Annotations" / f"{SHEET}.csv"
    whole = path.read_bytes()
    path.write_bytes(whole + ",".join(cells).encode(errors="replace") + b"\n")
    with suppress(SourceError, RatingsError):
        assert len(read(root, check_counts=False)) >= 40
    path.write_bytes(whole)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 6000), damage=st.binary(max_size=20))
def test_any_damaged_workbook_is_read_or_refused_by_name(workbook, place, damage):
    path = workbook / "Annotations" / f"{SHEET}.xlsx"
    whole = path.read_bytes()
    path.write_bytes(whole[:place] + damage + whole[place + len(damage) :])
    with suppress(SourceError, RatingsError):
        assert len(read(workbook, check_counts=False)) > 0
    path.write_bytes(whole)
