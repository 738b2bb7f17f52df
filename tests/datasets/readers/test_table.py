"""Any table of ratings: the same in CSV and Parquet, and every fault named by file, line and column."""

import re

import numpy as np
import pandas as pd
import pytest

from awcu.datasets.readers.table import read
from awcu.errors import RatingsError
from awcu.ratings.splits import hash_split, with_validation

VOTES = "image,c1,c2,c3,kind,sharp,split\na,1,0,2,red,1,train\nb,0,3,0,,0,val\nc,2,0,0,blue,,test\n"
SCORES = "image,mean,n,sd\na,0.2,10,0.1\nb,0.5,,\nc,0.9,7,0.25\n"
BY_VOTES = {
    "name": "tiny",
    "file": "r.csv",
    "image_column": "image",
    "scale": (1, 2, 3),
    "midpoint": 2,
    "vote_columns": ("c1", "c2", "c3"),
}
BY_SCORE = BY_VOTES | {"vote_columns": (), "score_column": "mean", "scale": (0, 10), "midpoint": 5}


@pytest.fixture
def read_text(tmp_path):
    """Write a CSV and read it."""

    def write_and_read(text, **arguments):
        (tmp_path / "r.csv").write_text(text, encoding="utf-8")
        return read(root=tmp_path, **arguments)

    return write_and_read


def test_votes(read_text, tmp_path):
    ratings = read_text(VOTES, **BY_VOTES)
    assert ratings.name == "tiny"
    assert ratings.image_ids.tolist() == ["a", "b", "c"]
    assert ratings.image_paths.tolist() == [str(tmp_path / "images" / i) for i in "abc"]
    assert ratings.votes.tolist() == [[1, 0, 2], [0, 3, 0], [2, 0, 0]]
    assert ratings.mean_score.tolist() == [7 / 3, 2, 1]
    assert ratings.high.tolist() == [True, False, False]


def test_a_photograph_whose_name_differs_only_in_case_is_found(read_text, tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a.JPG", "b.jpg"):
        (tmp_path / "images" / name).touch()
    ratings = read_text(VOTES, image_suffix=".jpg", **BY_VOTES)
    assert ratings.image_ids.tolist() == ["a", "b", "c"]
    assert ratings.image_paths.tolist() == [str(tmp_path / "images" / i) for i in ("a.JPG", "b.jpg", "c.jpg")]
    (note,) = ratings.notes
    assert note.startswith("1 photograph found in ")
    assert note.endswith("'a.JPG' for 'a.jpg'")


def test_rating_columns_count_in_the_order_of_the_scale(read_text):
    ratings = read_text(VOTES, **BY_VOTES | {"vote_columns": ("c3", "c2", "c1")})
    assert ratings.votes.tolist() == [[2, 0, 1], [0, 3, 0], [0, 0, 2]]


def test_mean_scores_in_another_unit(read_text):
    ratings = read_text(SCORES, vote_count_column="n", vote_sd_column="sd", point=0.1, **BY_SCORE)
    np.testing.assert_allclose(ratings.mean_score, [2, 5, 9], rtol=1e-15)
    np.testing.assert_allclose(ratings.vote_sd, [1, np.nan, 2.5], rtol=1e-15)
    np.testing.assert_array_equal(ratings.vote_count, [10, np.nan, 7])
    assert ratings.votes is None
    assert ratings.high.tolist() == [False, False, True]


def test_mean_scores_alone(read_text):
    ratings = read_text(SCORES, **BY_SCORE)
    assert ratings.mean_score.tolist() == [0.2, 0.5, 0.9]
    assert np.isnan(ratings.vote_sd).all()
    assert np.isnan(ratings.vote_count).all()


def test_a_column_of_text_becomes_one_attribute_a_value(read_text):
    ratings = read_text(VOTES, attribute_columns=("kind", "sharp"), **BY_VOTES)
    assert ratings.attribute_names == ("blue", "red", "sharp")
    nan = np.nan
    np.testing.assert_array_equal(ratings.attributes, [[0, 1, 1], [nan, nan, 0], [1, 0, nan]])


def test_an_empty_attribute_column_is_unlabelled_throughout(read_text):
    ratings = read_text("image,c1,c2,c3,k\na,1,0,0,\nb,0,0,1,\n", attribute_columns=("k",), **BY_VOTES)
    assert ratings.attribute_names == ("k",)
    assert np.isnan(ratings.attributes).all()


def test_two_columns_with_a_value_in_common_are_refused(read_text):
    text = "image,c1,c2,c3,k,s\na,1,0,0,red,red\nb,0,0,1,blue,red\n"
    with pytest.raises(RatingsError, match=r"attribute names .*red"):
        read_text(text, attribute_columns=("k", "s"), **BY_VOTES)


def test_bare_ids_get_a_suffix_and_a_folder(read_text, tmp_path):
    ratings = read_text(VOTES, image_suffix=".jpg", image_folder="photos/all", **BY_VOTES)
    assert ratings.image_ids.tolist() == ["a", "b", "c"]
    assert ratings.image_paths[0] == str(tmp_path / "photos" / "all" / "a.jpg")


@pytest.mark.parametrize("name", ["00123", "NA", "nan", "null", "None", "1e5", "True", "é ü", "1.10", "#N/A"])
def test_ids_are_names_whatever_they_look_like(read_text, name):
    ratings = read_text(f"image,c1,c2,c3\n{name},1,0,0\nb,0,0,1\n", **BY_VOTES)
    assert ratings.image_ids.tolist() == [name, "b"]


@pytest.mark.parametrize("text", ["\ufeff{}", "{}"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_spreadsheets_add_is_no_matter(read_text, text, newline):
    ratings = read_text(text.format('image,c1,c2,c3\n"a, b.jpg",1,0,0\n').replace("\n", newline), **BY_VOTES)
    assert ratings.image_ids.tolist() == ["a, b.jpg"]


def test_the_split_is_read_or_hashed_from_the_id(read_text):
    assert read_text(VOTES, split_column="split", **BY_VOTES).split.tolist() == ["train", "val", "test"]
    text = "image,c1,c2,c3\n" + "".join(f"{i},1,0,0\n" for i in range(200))
    hashed = read_text(text, split_seed=3, val=0.3, test=0.4, **BY_VOTES)
    np.testing.assert_array_equal(hashed.split, hash_split(hashed.image_ids, 3, val=0.3, test=0.4))
    np.testing.assert_array_equal(read_text(text, **BY_VOTES).split, hash_split(hashed.image_ids, 0, val=0.1, test=0.2))


TRAIN = "image,c1,c2,c3,kind,spare\n" + "".join(f"{i:03d},{i % 4},1,0,{'red' if i % 2 else ''},\n" for i in range(99))
PARTS = {
    "train": TRAIN,
    "val": "image,c1,c2,c3,kind\n100,3,0,0,blue\n101,0,0,5,\n",
    "test": "kind,image,c3,c2,c1\ngreen,102,2,1,0\n",
}


@pytest.fixture
def read_parts(tmp_path):
    """Write a CSV for each split and read them."""

    def write_and_read(parts, **arguments):
        for split, text in parts.items():
            (tmp_path / "lists").mkdir(exist_ok=True)
            (tmp_path / "lists" / f"{split}.csv").write_text(text)
        files = {split: f"lists/{split}.csv" for split in parts}
        return read(root=tmp_path, **BY_VOTES | {"file": None, "split_files": files} | arguments)

    return write_and_read


def test_a_table_for_each_split(read_parts, tmp_path):
    ratings = read_parts(PARTS, attribute_columns=("kind",))
    assert len(ratings) == 102
    assert ratings.split.tolist() == ["train"] * 99 + ["val"] * 2 + ["test"]
    assert ratings.image_ids[[0, 98, 99, 101]].tolist() == ["000", "098", "100", "102"]
    assert ratings.image_paths[99] == str(tmp_path / "images" / "100")
    assert ratings.votes[[3, 100, 101]].tolist() == [[3, 1, 0], [0, 0, 5], [0, 1, 2]]
    assert ratings.attribute_names == ("blue", "green", "red")
    nan = np.nan
    np.testing.assert_array_equal(ratings.attributes[[0, 1, 99, 101]], [[nan] * 3, [0, 0, 1], [1, 0, 0], [0, 1, 0]])


def test_without_a_table_for_validation_a_part_of_the_training_photographs_is(read_parts):
    ratings = read_parts({split: PARTS[split] for split in ("train", "test")}, split_seed=2, val=0.3)
    expected = with_validation(np.array(["train"] * 99 + ["test"]), ratings.image_ids, 2, 0.3)
    np.testing.assert_array_equal(ratings.split, expected)
    assert 15 < (ratings.split == "val").sum() < 45


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (PARTS | {"test": "image,c1,c2,c3\nx,1,0,0\ny,1,one,0\n"}, r"test\.csv: line 3: 'one' in column 'c2' is not"),
        (PARTS | {"val": "image,c1,c2,c3\nx,1,0,0\n,1,0,0\n"}, r"val\.csv: line 3: column 'image' is empty"),
        (PARTS | {"val": "image,c1,c3\nx,1,0\n"}, r"val\.csv has no column 'c2'; its columns are image, c1, c3"),
        (PARTS | {"test": "image,c1,c2,c3\n004,1,0,0\n"}, "appear more than once: 004, 004"),
        ({"train": TRAIN, "val": PARTS["val"]}, "split_files name train, val; train and test are required"),
        (
            PARTS | {"dev": TRAIN},
            "split_files name train, val, test, dev; .* only train, val, test are allowed",
        ),
    ],
)
def test_a_fault_in_one_of_several_tables_names_it(read_parts, parts, message):
    with pytest.raises(RatingsError, match=message):
        read_parts(parts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"file": "r.csv"}, "split_files already define the split; leave file null"),
        ({"split_column": "kind"}, "leave split_column null"),
        ({"split_files": {"train": "lists/train.csv", "test": "lists/train.csv"}}, "name one file for two splits"),
        ({"split_files": {"train": "lists/train.csv", "test": "t.csv"}}, r"t\.csv does not exist"),
        ({"split_files": None}, "tiny: file is null; name one, or split_files"),
    ],
)
def test_either_one_table_or_one_for_each_split(read_parts, arguments, message):
    with pytest.raises(RatingsError, match=message):
        read_parts(PARTS, **arguments)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (VOTES, BY_VOTES | {"attribute_columns": ("kind", "sharp"), "split_column": "split"}),
        (SCORES, BY_SCORE | {"vote_count_column": "n", "vote_sd_column": "sd", "point": 0.1}),
    ],
)
def test_parquet_says_the_same_as_csv(read_text, tmp_path, text, arguments):
    from_csv = read_text(text, **arguments)
    pd.read_csv(tmp_path / "r.csv").to_parquet(tmp_path / "r.parquet")
    from_parquet = read(root=tmp_path, **arguments | {"file": "r.parquet"})
    assert from_parquet.fingerprint == from_csv.fingerprint
    assert from_parquet.split_fingerprint == from_csv.split_fingerprint
    for name in ("image_ids", "image_paths", "mean_score", "vote_sd", "vote_count", "attributes", "high"):
        np.testing.assert_array_equal(getattr(from_parquet, name), getattr(from_csv, name), err_msg=name)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.array([True, False, None], dtype="boolean"), {"k": [1, 0, np.nan]}),
        (pd.array([1, None, 0], dtype="Int64"), {"k": [1, np.nan, 0]}),
        ([True, False, True], {"k": [1, 0, 1]}),
        (pd.Categorical(["x", None, "y"]), {"x": [1, np.nan, 0], "y": [0, np.nan, 1]}),
    ],
)
def test_typed_attributes_of_parquet(tmp_path, column, expected):
    frame = pd.DataFrame({"image": [7, 8, 9], "c1": [1, 0, 0], "c2": [0, 0, 1], "c3": [0, 2, 0], "k": column})
    frame.to_parquet(tmp_path / "r.parquet")
    ratings = read(root=tmp_path, attribute_columns=("k",), **BY_VOTES | {"file": "r.parquet"})
    assert ratings.image_ids.tolist() == ["7", "8", "9"]
    assert ratings.attribute_names == tuple(expected)
    np.testing.assert_array_equal(ratings.attributes, np.transpose(list(expected.values())))


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("image,c1,c2,c3\na,1,0,0\nb,x,0,1\n", {}, "r.csv: line 3: 'x' in column 'c1' is not a number within"),
        ("image,c1,c2,c3\na,1,0,0\nb,1e308,0,1\n", {}, "r.csv: line 3: '1e308' in column 'c1' is not a number within"),
        ("image,c1,c2,c3\na,1,0,0\nb,inf,0,1\n", {}, "r.csv: line 3: 'inf' in column 'c1' is not a number within"),
        ("image,m\na,1\nb,-1e308\n", {"score_column": "m", "point": 0.2}, "line 3: '-1e308' in column 'm' is not"),
        ("image,c1,c2,c3\na,1,0,0\nb,0,NA,1\n", {}, "r.csv: line 3: 'NA' in column 'c2' is not a number"),
        ("image,c1,c2,c3\n\na,1,0,0\n\nb,0,0,no\n", {}, "r.csv: line 5: 'no' in column 'c3' is not a number"),
        ("image,c1,c2,c3\na,1,0,0\n,0,0,1\n", {}, "r.csv: line 3: column 'image' is empty"),
        ("image,m\na,1\nb,2.5 points\n", {"score_column": "m"}, "r.csv: line 3: '2.5 points' in column 'm'"),
        (
            "image,m,n\na,1,many\nb,2,3\n",
            {"score_column": "m", "vote_count_column": "n"},
            "r.csv: line 2: 'many' in column 'n' is not a number",
        ),
        (
            "image,m,sd\na,1,0.5\nb,2,wide\n",
            {"score_column": "m", "vote_sd_column": "sd"},
            "r.csv: line 3: 'wide' in column 'sd' is not a number",
        ),
        ("image,c1,c2,c3\na,1,0,0\nb,0,,1\n", {}, "tiny: a negative or missing vote count for b"),
        ("image,m\na,1\nb,\n", {"score_column": "m"}, "tiny: mean score missing or outside the scale .* for b"),
        ("image,c1,c2,c3\na,1,0,0\na,0,0,1\n", {}, "tiny: ids that appear more than once: a, a"),
        (
            "image,c1,c2,c3,split\na,1,0,0,train\nb,0,0,1,\n",
            {"split_column": "split"},
            "split '' of b is none of train, val, test",
        ),
        (
            "image,c1,c2\na,1,0\n",
            {"split_column": "part", "attribute_columns": ("kind",)},
            "r.csv has no column 'c3', 'kind', 'part'; its columns are image, c1, c2: name the right one",
        ),
        ("file,c1,c2,c3\na,1,0,0\n", {}, "r.csv has no column 'image'; its columns are file, c1, c2, c3"),
        ("image,m\na,1\n", {"score_column": "mean"}, "r.csv has no column 'mean'"),
        (
            "image,m\na,1\n",
            {"score_column": "m", "vote_count_column": "n", "vote_sd_column": "sd"},
            "r.csv has no column 'n', 'sd'",
        ),
        ("image;c1;c2;c3\na;1;0;0\n", {}, "has no column 'image', 'c1', 'c2', 'c3'; its columns are image;c1;c2;c3"),
        (
            "image,c1,c2,c3\na,1,0,0\n",
            {"score_column": "c1", "vote_columns": ("c1", "c2", "c3")},
            "r.csv: name either vote_columns or a score_column, not both",
        ),
        ("image,c1\na,1\n", {"vote_columns": ()}, "name either vote_columns or a score_column, not none"),
        ("", {}, "r.csv cannot be read as a csv table: No columns to parse from file"),
        ("image,c1,c2,c3\na,1,0,0\nb,0,0,1,8\n", {}, "r.csv cannot be read as a csv table: .*line 3"),
        ("image,c1,c2,c3\na,1,0,0,7\nb,0,0,1,8\n", {}, "r.csv.*more cells than the header"),
        ("image,m\na,1\n", {"score_column": "m", "point": 0}, "point=0 .* > 0"),
    ],
)
def test_a_faulty_table_is_refused(read_text, text, arguments, message):
    if "score_column" in arguments:
        arguments = {"vote_columns": ()} | arguments
    with pytest.raises(RatingsError, match=re.escape(message).replace(r"\.\*", ".*")):
        read_text(text, **BY_VOTES | arguments)


@pytest.mark.parametrize(("file", "kind"), [("r.parquet", "parquet"), ("r.csv", "csv"), ("ratings", "CSV")])
def test_a_file_that_is_no_table_is_refused(tmp_path, file, kind):
    (tmp_path / file).write_bytes(b"\xff\xfe\x00 no table")
    with pytest.raises(RatingsError, match=f"{file} cannot be read as a {kind} table"):
        read(root=tmp_path, **BY_VOTES | {"file": file})


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(RatingsError, match=r"r\.csv does not exist; data\.root must be the folder that holds 'r\.csv'"):
        read(root=tmp_path, **BY_VOTES)


def test_a_missing_root_is_refused():
    with pytest.raises(RatingsError, match=r"tiny: data\.root is not set; give"):
        read(root=None, **BY_VOTES)


def test_a_written_folder_comes_back(ratings, rated_folder):
    assert len(ratings) == 24
    assert ratings.attribute_names == ("indoors", "outdoors")
    assert ratings.vote_count.tolist() == [20] * 24
    assert ratings.high.tolist() == [False, True] * 12
    assert sorted(p.name for p in (rated_folder / "images").iterdir()) == ratings.image_ids.tolist()
