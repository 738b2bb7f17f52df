"""KonIQ-10k: counts or shares, the published split or a hashed one, and every way a copy can be damaged."""

import re
import shutil
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layouts import koniq as distributed

from awcu.datasets.readers.koniq import SCORES, SETS, read
from awcu.errors import RatingsError, SourceError
from awcu.ratings.splits import hash_split

HEAD = '"image_name","c1","c2","c3","c4","c5","c_total","MOS","SD","MOS_zscore"\n'
QUALITY = "The votes are on technical quality, not on aesthetics."


@pytest.fixture
def root(tmp_path):
    distributed.write(tmp_path)
    return tmp_path


def test_a_copy_as_distributed(root):
    ratings = read(root, check_counts=False)
    assert len(ratings) == 40
    assert ratings.image_ids[[0, -1]].tolist() == ["10004473376.jpg", "10004473415.jpg"]
    assert ratings.image_paths[0] == str(root / "1024x768" / "10004473376.jpg")
    assert ratings.votes[:2].tolist() == [[15, 60, 20, 5, 0], [0, 5, 20, 61, 15]]
    np.testing.assert_allclose(ratings.mean_score[:2], [215 / 100, 389 / 101])
    assert ratings.split.tolist() == ["train"] * 20 + ["val"] * 10 + ["test"] * 10
    assert (ratings.high == (np.arange(40) % 2 == 1)).all()
    assert ratings.notes == (QUALITY,)


def test_the_published_split_does_not_move_with_the_seed(root):
    assert (read(root, 1, check_counts=False).split == read(root, 0, check_counts=False).split).all()


def test_without_the_sets_the_split_is_hashed_and_said_to_be(root):
    shutil.rmtree(root / "metadata")
    ratings = read(root, 4, 0.2, 0.3, check_counts=False)
    np.testing.assert_array_equal(ratings.split, hash_split(ratings.image_ids, 4, 0.2, 0.3))
    assert (
        ratings.notes[1] == f"The split is hashed from the names instead of the published one, since {SETS} is missing."
    )


def test_the_sets_alone_say_the_same_as_both_lists(root):
    both = read(root, check_counts=False)
    (root / SCORES).unlink()
    alone = read(root, check_counts=False)
    assert alone.fingerprint == both.fingerprint
    assert alone.split_fingerprint == both.split_fingerprint


def test_the_halved_photographs_and_a_list_in_a_folder_of_its_own_name_are_found(root):
    (root / "1024x768").rename(root / "512x384")
    (root / "koniq10k_scores_and_distributions").mkdir()
    (root / SCORES).rename(root / "koniq10k_scores_and_distributions" / SCORES)
    (root / "metadata" / SETS).rename(root / SETS)
    ratings = read(root, check_counts=False)
    assert ratings.image_paths[0] == str(root / "512x384" / "10004473376.jpg")
    assert ratings.notes == (QUALITY,)


@pytest.mark.parametrize("folder", ["1024x768", "."])
def test_a_doubled_folder_is_found(root, tmp_path_factory, folder):
    before = read(root, check_counts=False)
    new = tmp_path_factory.mktemp("new") / "koniq"
    shutil.copytree(root, new / "koniq" if folder == "." else new)
    if folder != ".":
        (new / folder).rename(new / "inner")
        (new / folder).mkdir()
        (new / "inner").rename(new / folder / folder)
    assert read(new, check_counts=False).split_fingerprint == before.split_fingerprint


def test_another_count_than_published_is_refused(root):
    with pytest.raises(
        SourceError, match=r"distributions\.csv lists 40 photographs, expected 10,073.*check_counts=fal"
    ):
        read(root)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (HEAD + '"a.jpg",1,2,3,4\n', r"line 2 has 5 cells, expected 10 \(image_name, c1, c2, c3, c4, …\)"),
        (HEAD + '"a.jpg",1,2,3,4,5,15,3.6,1,66,7\n', "line 2 has 11 cells, expected 10"),
        (HEAD + '"a.jpg",1,two,3,4,5,15,3.6,1,66\n', "line 2, c2: 'two' is not a number from 0 to"),
        (HEAD + '"a.jpg",1,-2,3,4,5,11,3.6,1,66\n', "line 2, c2: '-2' is not a number from 0 to"),
        (HEAD + '"a.jpg",1,2,3,4,5,0,3.6,1,66\n', "line 2, c_total: '0' is not a number from 1 to"),
        (HEAD + '"a.jpg",1,2,3,4,5,16,3.6,1,66\n', "c1 to c5 are 1, 2, 3, 4, 5, neither counts that sum to c_total=16"),
        (HEAD + '"a.jpg",1,2,3,4.5,4.5,15,3.6,1,66\n', "line 2: c1 to c5 are 1, 2, 3, 4.5, 4.5, neither counts"),
        (HEAD + '"a.jpg",0,0,0.3,0.3,0.4,11,3.6,1,66\n', "line 2: c1 to c5 are 0, 0, 0.3, 0.3, 0.4, neither counts"),
        (HEAD + '"",1,2,3,4,5,15,3.6,1,66\n', "line 2: column 'image_name' is empty"),
        (HEAD + '"a.jpg,1,2,3,4,5,15,3.6,1,66\n', "line 2: unexpected end of data"),
        (
            HEAD.replace('"', "").replace(",", ";") + "a.jpg;1;2;3;4;5;15;3.6;1;66\n",
            "separated by semicolons; expected commas",
        ),
        (HEAD.replace("c_total", "total") + "a.jpg,1,2,3,4,5,15,3.6,1,66\n", "line 1 has no column 'c_total'"),
        (HEAD, "has a header and no rows"),
        ("", "is empty; fetch the file again"),
        ((HEAD + '"ö.jpg",1,2,3,4,5,15,3.6,1,66\n').encode("latin-1"), "line 2 is not UTF-8 text"),
        (HEAD + '"a.jpg",1,2,3,4,5,15,3.6,1,66\n', r"none of the 1 photographs is in .*1024x768, such as 'a\.jpg'"),
        (HEAD + '"10004473376.jpg",1,2,3,4,5,15,3.6,1,66\n' * 2, r"appear more than once: 10004473376\.jpg"),
    ],
)
def test_damaged_scores_are_named_with_their_line(root, damage, message):
    (root / SCORES).write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    with pytest.raises((SourceError, RatingsError), match=message):
        read(root, check_counts=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_name,set\n10004473376.jpg,learning\n", "line 2, set: 'learning' is none of training, validation, test"),
        ("image_name,set\n10004473376.jpg,\n", "line 2: column 'set' is empty"),
        ("image_name,MOS\n10004473376.jpg,70\n", "line 1 has no column 'set'"),
        (
            "image_name,set\n10004473376.jpg,test\n",
            r"has no set for 10004473377\.jpg, .* and 34 more; fetch both lists",
        ),
        ("image_name,set\na.jpg,test\na.jpg,training\n", r"line 3: 'a\.jpg' is also in test"),
    ],
)
def test_damaged_sets_are_named_with_their_line(root, text, message):
    (root / "metadata" / SETS).write_text(text)
    with pytest.raises(SourceError, match=message):
        read(root, check_counts=False)


def test_without_any_list_the_scores_are_asked_for(root):
    shutil.rmtree(root / "metadata")
    (root / SCORES).unlink()
    with pytest.raises(SourceError, match=rf"{SCORES} does not exist; give the folder that holds"):
        read(root, check_counts=False)


def test_carriage_returns_a_byte_order_mark_and_a_missing_last_newline_do_not_matter(root):
    before = read(root, check_counts=False)
    for path in (root / SCORES, root / "metadata" / SETS):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n"))
    assert read(root, check_counts=False).split_fingerprint == before.split_fingerprint


def test_missing_and_surplus_photographs_are_said(root):
    (root / "1024x768" / "10004473376.jpg").rename(root / "1024x768" / "another.jpg")
    assert read(root, check_counts=False).notes == (
        QUALITY,
        f"1 photographs in {root / '1024x768'} are missing: 10004473376.jpg",
        f"1 photographs in {root / '1024x768'} have no rating: another.jpg",
    )


def test_without_the_photographs_folder_both_names_are_said(root):
    shutil.rmtree(root / "1024x768")
    with pytest.raises(SourceError, match="has no folder 1024x768 or 512x384"):
        read(root)


@pytest.mark.parametrize(("root", "message"), [(None, "data.root=…"), ("/nowhere", "/nowhere is not a folder")])
def test_the_folder_has_to_be_named(root, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        read(root)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(st.one_of(st.text(max_size=8), st.floats().map(str)), min_size=7, max_size=11), sets=st.booleans()
)
def test_any_line_is_read_or_refused_by_name(root, cells, sets):
    path = root / "metadata" / SETS if sets else root / SCORES
    whole = path.read_bytes()
    path.write_bytes(whole + ",".join(cells).encode(errors="replace") + b"\n")
    with suppress(SourceError, RatingsError):
        assert len(read(root, check_counts=False)) >= 40
    path.write_bytes(whole)
