"""Whatever is wrong in a published file, its reader says where and what was expected, and nothing else comes out."""

import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from awcu.datasets import cropping as crops
from awcu.datasets.cropping.crop_set import CropSet
from awcu.errors import CropSetError, SourceError

ICD_FILE = "Cropping parameters.txt"
FCDB_FILES = ("cropping_training_set.json", "cropping_testing_set.json")
MAT_FILE = "500_image_dataset.mat"
QUICK = settings(max_examples=60, deadline=None, database=None)


def lay_out(root, name, content):
    """A folder of photographs a.jpg and b.jpg with the text or bytes of a set's file; of FCDB's two, the first."""
    folders = {"flms": "image", "fcdb": "data", "cuhk_icd": "All_Images", "gaicd": "images/test"}
    files = {"flms": MAT_FILE, "fcdb": FCDB_FILES[0], "cuhk_icd": ICD_FILE, "gaicd": "annotations/test/a.txt"}
    (root / folders[name]).mkdir(parents=True, exist_ok=True)
    for photograph in ("a.jpg", "b.jpg")[: 1 if name == "gaicd" else 2]:
        (root / folders[name] / photograph).touch()
    if name == "fcdb":
        (root / FCDB_FILES[1]).write_text('[{"url": "http://x.org/b.jpg", "crop": [0, 0, 1, 1]}]')
    path = root / files[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def read(root, name, content):
    lay_out(root, name, content)
    return crops.read(name, root)


def assert_refused(root, name, content, message):
    """Boxes that contradict themselves are a `CropSetError`; any other fault is the file's, a `SourceError`."""
    contradiction = re.search("has no area|appear more than once", message)
    with pytest.raises(CropSetError if contradiction else SourceError, match=message):
        read(root, name, content)


def only_refused(name, content):
    """Either it reads or it is refused by a named error; any other exception gets through."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            assert isinstance(read(Path(folder), name, content), CropSet)
        except (CropSetError, SourceError) as error:
            assert str(error)  # noqa: PT017 - either outcome is right


GOOD = "x\\a.jpg\n1 2 3 4\n1 2 3 4\n1 2 3 4\n"


def icd(line, text):
    """`GOOD` twice, for a.jpg and b.jpg, with one line replaced."""
    lines = (GOOD + GOOD.replace("a.jpg", "b.jpg")).split("\n")
    lines[line - 1] = text
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"txt is empty; fetch"),
        (" \n\n", r"txt is empty; fetch"),
        (b"x\\a.jpg\n1 2 3 4\n\xff\xfe\n", r"txt: line 3 is not UTF-8"),
        (icd(1, "a.jpg"), r"txt: line 1: 'a\.jpg' is not category\\file\.jpg"),
        (icd(5, "x\\"), r"line 5: 'x\\\\' is not category\\file\.jpg"),
        (icd(2, "1 2 3"), r"line 2: '1 2 3' has 3 columns, expected y1 y2 x1 x2"),
        (icd(4, "1 2 3 4 5"), r"line 4: '1 2 3 4 5' has 5 columns"),
        (icd(3, ""), r"line 3: '' has 0 columns"),
        (icd(6, "1 2 3 4.5"), r"line 6: '4\.5' is not a whole number of pixels"),
        (icd(6, "1 2 3 four"), r"line 6: 'four' is not a whole number"),
        (icd(6, "1 2 3 9999999"), r"line 6: 9999999 is not a whole number"),
        (icd(6, f"1 2 3 {'9' * 6000}"), r"line 6: '9{56}\.\.\. is not a whole number"),
        (icd(6, "2 1 3 4"), r"line 6: the box from x 3 to 4 and y 2 to 1 has no area; check the order"),
        (icd(6, "1 2 4 4"), r"line 6: the box from x 4 to 4 and y 1 to 2 has no area"),
        (GOOD + "x\\b.jpg\n1 2 3 4\n", r"txt ends at line 6, within a photograph"),
        (GOOD + GOOD, r"cuhk_icd: ids that appear more than once: a\.jpg"),
        (GOOD.replace("a.jpg", "c.jpg"), r"All_Images lacks 1 of 1 photographs: 'c\.jpg'"),
    ],
)
def test_cuhk_icd(tmp_path, content, message):
    assert_refused(tmp_path, "cuhk_icd", content, message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"a\.txt is empty"),
        (b"\xff", r"a\.txt: line 1 is not UTF-8"),
        ("1 2 3 4 3.5\n1 2 3 4\n", r"a\.txt: line 2: '1 2 3 4' has 4 columns, expected y1 x1 y2 x2 score"),
        ("1 2 3 4 3.5\n\n1 2 3 4 3.5\n", r"line 2: '' has 0 columns"),
        ("1 2 3 4 3.5 6\n", r"line 1: '1 2 3 4 3\.5 6' has 6 columns"),
        ("1 2 3 y 3.5\n", r"line 1: 'y' is not a whole number"),
        ("1 2 3 4 nan\n", r"line 1: 'nan' is not a score from 0 to 5 or -2"),
        ("1 2 3 4 1e0\n", r"line 1: '1e0' is not a score"),
        ("1 2 3 4 -1.00\n", r"line 1: '-1\.00' is not a score"),
        ("1 2 3 4 5.01\n", r"line 1: '5\.01' is not a score from 0 to 5 or -2; check the order"),
        ("3 2 3 4 3.5\n", r"line 1: the box from x 2 to 4 and y 3 to 3 has no area"),
        ("1 2 3 4 -2\n1 2 3 5 -2.00\n", r"a\.txt: no box has a score, only -2; remove the photograph"),
    ],
)
def test_gaicd(tmp_path, content, message):
    assert_refused(tmp_path, "gaicd", content, message)


def item(**fields):
    return json.dumps([{"url": "http://x.org/a.jpg", "crop": [1, 2, 3, 4]} | fields])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"set\.json is empty"),
        (b"[\n\xff]", r"set\.json: line 2 is not UTF-8"),
        ("[{", r"set\.json is not JSON \(.*line 1 column 3"),
        ("[" * 100_000, r"set\.json is not JSON \(.*recursion"),
        ("{}", r"set\.json: \{\} is not a list of items with url and crop"),
        ("[]", r"set\.json: \[\] is not a list of items"),
        ("[3]", r"set\.json: item 1: 3 has no text 'url'"),
        (item(url=5), r"item 1: .* has no text 'url'"),
        (item(url="http://x.org/"), r"item 1: the url 'http://x\.org/' ends in no file name"),
        (item(crop="1 2 3 4"), r"item 1 \('a\.jpg'\): crop '1 2 3 4' is not x, y, width, height"),
        (item(crop=[1, 2, 3]), r"item 1 \('a\.jpg'\): crop \[1, 2, 3\] is not x, y, width, height"),
        (item(crop=[1, 2, 3, 4.5]), r"item 1 \('a\.jpg'\): 4\.5 is not a whole number"),
        (item(crop=[1, 2, 3, True]), r"True is not a whole number"),
        (item(crop=[1, 2, 3, None]), r"None is not a whole number"),
        (item(crop=[1, 2, 3, float("nan")]), r"nan is not a whole number"),
        (item(crop=[1, 2, 3, 10**30]), r"10{30} is not a whole number"),
        (item(crop=[1, 2, 0, 4]), r"item 1 \('a\.jpg'\): the box from x 1 to 1 and y 2 to 6 has no area"),
    ],
)
def test_fcdb(tmp_path, content, message):
    assert_refused(tmp_path, "fcdb", content, message)


def mat(root, *entries, name="img_gt", fields=("filename", "bbox")):
    """The bytes of a MATLAB file with these (file name, rows)."""
    array = np.zeros((len(entries), 1), dtype=[(field, object) for field in fields])
    for place, entry in enumerate(entries):
        array[place, 0] = entry
    savemat(root / "made.mat", {name: array})
    return (root / "made.mat").read_bytes()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ((3.0, [[1.0, 2, 3, 4]]), r"mat: entry 2: its first field is \[\[3\.0\]\], expected one file name"),
        ((" ", [[1.0, 2, 3, 4]]), r"entry 2: its first field is \[' '\], expected one file name"),
        (("b.jpg", [[1.0, 2, 3]]), r"entry 2 \(b\.jpg\): its second field is float64 of shape \(1, 3\), expected rows"),
        (("b.jpg", "1 2 3 4"), r"entry 2 \(b\.jpg\): its second field is <U7 of shape \(1,\), expected rows of y1, x1"),
        (("b.jpg", [[1.0, 2, 3, 4.5]]), r"entry 2 \(b\.jpg\): 4\.5 is not a whole number of pixels"),
        (("b.jpg", [[1.0, 2, 3, np.nan]]), r"entry 2 \(b\.jpg\): nan is not a whole number"),
        (("b.jpg", [[1.0, 2, 3, 1e30]]), r"entry 2 \(b\.jpg\): 1e\+30 is not a whole number"),
        (("b.jpg", [[-1.0] * 4, [3.0, 4, 1, 2]]), r"entry 2 \(b\.jpg\): none of its 2 rows is a box; remove"),
        (("a.jpg", [[1.0, 2, 3, 4]]), r"flms: ids that appear more than once: a\.jpg"),
    ],
)
def test_flms_entries(tmp_path, entry, message):
    content = mat(tmp_path, ("a.jpg", [[1.0, 2, 3, 4]]), entry)
    assert_refused(tmp_path, "flms", content, message)


def test_flms_of_another_structure(tmp_path):
    entry = ("a.jpg", [[1.0, 2, 3, 4]])
    only = r"has no struct array 'img_gt' of file name and boxes, only gt; fetch"
    assert_refused(tmp_path, "flms", mat(tmp_path, entry, name="gt"), only)
    one_field = mat(tmp_path, ("a.jpg",), fields=("filename",))
    assert_refused(tmp_path, "flms", one_field, r"only img_gt; fetch")
    savemat(tmp_path / "made.mat", {})
    nothing = (tmp_path / "made.mat").read_bytes()
    assert_refused(tmp_path, "flms", nothing, r"only nothing; fetch")
    savemat(tmp_path / "made.mat", {"img_gt": np.eye(3)})
    assert_refused(tmp_path, "flms", (tmp_path / "made.mat").read_bytes(), r"only img_gt; fetch")


def test_flms_cut_short_or_no_matlab_file(tmp_path):
    whole = mat(tmp_path, ("a.jpg", [[1.0, 2, 3, 4]]))
    assert read(tmp_path, "flms", whole).boxes[0].tolist() == [[2, 1, 4, 3]]
    cut_short = (whole[:length] for length in range(8, len(whole), 40))
    for content in (b"", b"no matlab file", b"\x89HDF\r\n\x1a\n" + bytes(600), *cut_short):
        assert_refused(tmp_path, "flms", content, r"mat (cannot be read as a MATLAB file|has no struct)")


@pytest.mark.parametrize("name", crops.NAMES[:-1])
def test_a_folder_without_the_files(tmp_path, name):
    with pytest.raises(SourceError, match=r"does not exist; give the folder that holds|has no photographs in images"):
        crops.read(name, tmp_path / "elsewhere")


def test_a_file_that_is_a_folder(tmp_path):
    (tmp_path / ICD_FILE).mkdir()
    with pytest.raises(SourceError, match=r"Cropping parameters\.txt cannot be read \(Is a directory\)"):
        crops.read("cuhk_icd", tmp_path)


def test_a_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    lay_out(tmp_path, "cuhk_icd", GOOD)

    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(SourceError, match=r"All_Images cannot be read \(Permission denied\); check its permissions"):
        crops.read("cuhk_icd", tmp_path)


WORDS = st.one_of(
    st.integers().map(str),
    st.integers(0, 9).map(str),
    st.floats().map(str),
    st.sampled_from(["x\\a.jpg", "x\\b.jpg", "-2.00", "1_0", "\u0661", "\x00", "0x1", "+1", "9" * 5000, ""]),
    st.text(max_size=4),
)
LINES = st.lists(WORDS, max_size=6).map(" ".join)
NEARLY = st.sampled_from(["x\\a.jpg", "1 2 3 4", "0 9 0 9", "1 2 3 4 3.5", "0 0 9 9 -2"])
TEXTS = st.lists(st.one_of(LINES, NEARLY), max_size=9).flatmap(
    lambda lines: st.sampled_from(["\n", "\r\n", "\r", "\n\n"]).map(lambda end: end.join(lines))
)


@QUICK
@given(text=TEXTS, name=st.sampled_from(["cuhk_icd", "gaicd"]))
def test_any_text_reads_or_is_refused(text, name):
    only_refused(name, text.encode("utf-8", "surrogatepass"))


@QUICK
@given(content=st.binary(max_size=40), name=st.sampled_from(["cuhk_icd", "gaicd", "fcdb", "flms"]))
def test_any_bytes_read_or_are_refused(content, name):
    only_refused(name, content)


NUMBERS = st.one_of(st.integers(), st.integers(-3, 9), st.floats(), st.booleans(), st.none())
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "url": st.one_of(st.text(), st.just("http://x.org/a.jpg"), NUMBERS),
        "crop": st.one_of(st.lists(NUMBERS, min_size=4, max_size=4), st.lists(st.integers(1, 9), max_size=5), NUMBERS),
        "flickr_photo_id": NUMBERS,
    },
)
JSON = st.recursive(
    NUMBERS | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


@QUICK
@given(content=st.one_of(st.lists(ITEMS, max_size=3), JSON))
def test_any_json_reads_or_is_refused(content):
    only_refused("fcdb", json.dumps(content))


FIELDS = st.one_of(
    st.just("a.jpg"),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=5),
    st.floats(),
    st.lists(st.lists(st.floats(-3, 9).map(round), min_size=4, max_size=4), min_size=1, max_size=3),
    st.lists(st.floats(), max_size=4),
)


@QUICK
@given(entries=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=3))
def test_any_struct_reads_or_is_refused(entries):
    with tempfile.TemporaryDirectory() as folder:
        content = mat(Path(folder), *entries)
    only_refused("flms", content)
