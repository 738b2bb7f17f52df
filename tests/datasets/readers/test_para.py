"""PARA: histograms and attributes by the names of their columns, and every way a copy can be damaged."""

import re
import shutil
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layouts import para as distributed
from published_layouts.para import HEADER, row

from awcu.datasets.readers.para import read
from awcu.errors import RatingsError, SourceError


@pytest.fixture
def root(tmp_path):
    distributed.write(tmp_path)
    return tmp_path


def table(number, **cells):
    """A header and the row of one photograph with other cells."""
    values = dict(zip(HEADER, row(number), strict=True)) | cells
    return f"{','.join(HEADER)}\n{','.join(values.values())}\n"


def test_a_copy_as_distributed(root):
    ratings = read(root, val=0.3, check_counts=False)
    assert len(ratings) == 44
    assert ratings.image_ids[[0, -1]].tolist() == ["iaa_pub1_.jpg", "iaa_pub44_.jpg"]
    assert ratings.image_paths[[0, -1]].tolist() == [
        str(root / "imgs" / "session1" / "iaa_pub1_.jpg"),
        str(root / "imgs" / "session5" / "iaa_pub44_.jpg"),
    ]
    assert ratings.scale.tolist() == [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]
    assert ratings.votes[0].tolist() == [0, 0, 0, 1, 4, 9, 6, 4, 1]
    # 2.5 + 12 + 31.5 + 24 + 18 + 5 = 93 over 25 votes.
    assert ratings.mean_score[0] == pytest.approx(3.72)
    assert ratings.vote_count[0] == 25
    assert ratings.split[30:].tolist() == ["test"] * 14
    assert set(ratings.split[:30]) == {"train", "val"}
    assert ratings.notes == ()


def test_exactly_3_is_low_and_an_attribute_of_exactly_3_unlabelled(root):
    ratings = read(root, check_counts=False)
    assert ratings.mean_score[1] == 3
    assert ratings.high[:4].tolist() == [True, False, True, False]
    assert ratings.attribute_names == ("quality", "composition", "color", "dof", "light", "content")
    np.testing.assert_array_equal(ratings.attributes[:2], [[1, 1, 0, 1, 0, 1], [np.nan, 0, 1, 0, 1, 0]])


def test_columns_are_found_in_any_order(root):
    before = read(root, check_counts=False)
    path = root / "annotation" / "PARA-GiaaTrain.csv"
    path.write_text("\n".join(",".join(line.split(",")[::-1]) for line in path.read_text().splitlines()))
    assert read(root, check_counts=False).fingerprint == before.fingerprint


def test_validation_is_another_part_under_another_seed(root):
    parts = [read(root, seed, 0.3, check_counts=False).split.tolist() for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]


def test_another_count_of_test_photographs_than_published_is_refused(root):
    with pytest.raises(SourceError, match=r"Test\.csv lists 14 photographs, expected 3,000.*check_counts=false"):
        read(root)


def test_a_histogram_of_another_mean_is_said(root):
    path = root / "annotation" / "PARA-GiaaTest.csv"
    path.write_text(table(31, aestheticScore_mean="3.9"))
    ratings = read(root, check_counts=False)
    assert ratings.mean_score[-1] == pytest.approx(3.72)
    assert ratings.notes[0] == ("1 histograms disagree with aestheticScore_mean and are used instead: iaa_pub31_.jpg")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (f"{','.join(HEADER)}\nsession1,a.jpg\n", r"Test\.csv: line 2 has 2 cells, expected 55 \(sessionId, imageName"),
        (table(31).rstrip() + ",7\n", "line 2 has 56 cells, expected 55"),
        (table(31, **{"aestheticScore_2.5": "many"}), "line 2, aestheticScore_2.5: 'many' is not a number"),
        (table(31, **{"aestheticScore_2.5": "1e308"}), "line 2, aestheticScore_2.5: '1e308' is not a number from 0 to"),
        (table(31, **{"aestheticScore_2.5": "-1"}), "line 2, aestheticScore_2.5: '-1' is not a number"),
        (table(31, aestheticScore_mean="7"), "line 2, aestheticScore_mean: '7' is not a number from 1 to 5"),
        (table(31, dofScore_mean="0.5"), "line 2, dofScore_mean: '0.5' is not a number from 1 to 5"),
        (table(31, lightScore_mean=""), "line 2, lightScore_mean: '' is not a number"),
        (table(31, imageName=""), "line 2: column 'imageName' is empty"),
        (table(31, sessionId=""), "line 2: column 'sessionId' is empty"),
        (table(31).replace(",", ";"), "separated by semicolons; expected commas"),
        (table(31).replace("colorScore_mean", "colour"), "line 1 has no column 'colorScore_mean'"),
        (",".join(HEADER), r"Test\.csv has a header and no rows"),
        ("", r"Test\.csv is empty"),
        (table(31, semantic="ö").encode("latin-1"), "line 2 is not UTF-8 text"),
        (None, r"Test\.csv does not exist"),
    ],
)
def test_a_damaged_table_is_named_with_its_line(root, damage, message):
    path = root / "annotation" / "PARA-GiaaTest.csv"
    path.unlink()
    if damage is not None:
        path.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    with pytest.raises(SourceError, match=message):
        read(root, check_counts=False)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"aestheticScore_2.5": "0.5"}, r"a fractional vote count for iaa_pub31_\.jpg"),
        ({f"aestheticScore_{score}": "0" for score in distributed.BINS}, r"no votes at all for iaa_pub31_\.jpg"),
        ({"imageName": "iaa_pub1_.jpg"}, r"appear more than once: iaa_pub1_\.jpg"),
    ],
)
def test_a_contradiction_is_named_with_its_photograph(root, cells, message):
    (root / "annotation" / "PARA-GiaaTest.csv").write_text(table(31, **cells))
    with pytest.raises(RatingsError, match=message):
        read(root, check_counts=False)


def test_carriage_returns_a_byte_order_mark_and_a_missing_last_newline_do_not_matter(root):
    before = read(root, check_counts=False)
    for path in (root / "annotation").iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().rstrip().replace(b"\n", b"\r\n"))
    assert read(root, check_counts=False).fingerprint == before.fingerprint


def test_missing_and_surplus_photographs_are_said(root):
    (root / "imgs" / "session1" / "iaa_pub1_.jpg").rename(root / "imgs" / "session1" / "another.jpg")
    assert read(root, check_counts=False).notes == (
        f"1 photographs in {root / 'imgs'} are missing: session1/iaa_pub1_.jpg",
        f"1 photographs in {root / 'imgs'} have no rating: session1/another.jpg",
    )


def test_no_photograph_at_all_is_refused(root):
    shutil.rmtree(root / "imgs")
    (root / "imgs").mkdir()
    with pytest.raises(
        SourceError, match=r"none of the 44 photographs is in .*imgs, such as 'session1/iaa_pub1_\.jpg'"
    ):
        read(root, check_counts=False)


def test_a_doubled_folder_is_found(root):
    for name in ("annotation", "imgs"):
        (root / name).rename(root / "inner")
        (root / root.name).mkdir(exist_ok=True)
        (root / "inner").rename(root / root.name / name)
    ratings = read(root, check_counts=False)
    assert ratings.image_paths[0] == str(root / root.name / "imgs" / "session1" / "iaa_pub1_.jpg")


@pytest.mark.parametrize(("root", "message"), [(None, "data.root=…"), ("/nowhere", "/nowhere is not a folder")])
def test_the_folder_has_to_be_named(root, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        read(root)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=30))
def test_any_line_is_read_or_refused_by_name(root, text):
    path = root / "annotation" / "PARA-GiaaTest.csv"
    changed = (table(32, sessionId=text), table(32, imageName=text), table(32, aestheticScore_mean=text), f"{text}\n")
    for lines in changed:
        path.write_text(table(31) + lines.split("\n", 1)[-1] + text, encoding="utf-8", errors="replace")
        with suppress(SourceError, RatingsError):
            assert len(read(root, check_counts=False)) >= 31


def test_a_session_that_no_folder_can_be_called_is_a_missing_photograph(root):
    (root / "annotation" / "PARA-GiaaTest.csv").write_text(table(31, sessionId="session\0"))
    assert "are missing: session\0/iaa_pub31_.jpg" in read(root, check_counts=False).notes[0]
