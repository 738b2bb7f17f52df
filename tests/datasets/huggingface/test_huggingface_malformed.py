"""Rows, files and requests at fault: each is named, and nothing is left of the photographs before it."""

import shutil
from contextlib import suppress

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layouts.huggingface import BY_SCORE, BY_VOTES, SHARD, row, write_shard

from awcu.datasets.huggingface.reading import read
from awcu.errors import RatingsError, SourceError


def replaced(**cells):
    return lambda given: given | cells


@pytest.mark.parametrize(
    ("change", "types", "message"),
    [
        (replaced(image=None), {}, r"row 3, image: None holds no bytes of an image; name a column that does"),
        (replaced(image={"bytes": None, "path": "a.jpg"}), {}, r"row 3, image: \{'bytes': None.* holds no bytes"),
        (replaced(image="a.jpg"), {"image": pa.string()}, "row 3, image: 'a.jpg' holds no bytes"),
        (replaced(image_id=None), {}, "row 3, image_id: None is no id, which is printable text or a whole number"),
        (replaced(image_id=" "), {}, "row 3, image_id: ' ' is no id"),
        (replaced(image_id="a\nb"), {}, r"row 3, image_id: 'a\\nb' is no id"),
        (replaced(image_id="1000"), {}, "row 3: id '1000' has appeared before; keep one row of each photograph"),
        (replaced(rating_counts=[1] * 9), {}, "row 3, rating_counts: 9 counts for a scale of 10 values; correct"),
        (replaced(rating_counts=[]), {}, "row 3, rating_counts: 0 counts for a scale of 10 values"),
        (replaced(rating_counts=None), {}, "row 3, rating_counts: None is no list of 10 counts; name a column of"),
        (replaced(rating_counts=[0] * 10), {}, r"row 3, rating_counts: \[0, 0.* with at least one vote; correct"),
        (replaced(rating_counts=[-1] + [1] * 9), {}, r"row 3, rating_counts: \[-1, .* are not whole counts"),
        (replaced(rating_counts=[None] + [1] * 9), {}, r"row 3, rating_counts: \[None, .* are not whole counts"),
        (
            replaced(rating_counts=[0.5] * 10),
            {"rating_counts": pa.list_(pa.float64())},
            r"row 3, rating_counts: \[0.5, .* are not whole counts",
        ),
        (
            replaced(rating_counts=[1e300] * 10),
            {"rating_counts": pa.list_(pa.float64())},
            r"row 3, rating_counts: \[1e\+300, .* are not whole counts",
        ),
    ],
)
def test_a_row_at_fault_is_named_with_its_file(tmp_path, change, types, message):
    rows = [row(number) for number in range(4)]
    if "image" in types:
        rows = [given | {"image": f"{number}.jpg"} for number, given in enumerate(rows)]
        message = message.replace("row 3", "row 1").replace("a.jpg", "0.jpg")
    write_shard(tmp_path / SHARD, [*rows[:2], change(rows[2]), rows[3]], **types)
    with pytest.raises(SourceError, match=rf"{tmp_path / SHARD}: {message}"):
        read(tmp_path, **BY_VOTES)
    assert not list(tmp_path.glob("*/images"))


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "None"), (float("nan"), "nan"), (0.5, "0.5"), (10.5, "10.5"), (float("inf"), "inf")]
)
def test_a_score_at_fault_is_named(read_rows, value, shown):
    rows = [row(0), row(1) | {"mean_score": value}]
    with pytest.raises(SourceError, match=f"row 2, mean_score: {shown} is not a number from 1 to 10; correct the row"):
        read_rows(rows, **BY_SCORE)


@pytest.mark.parametrize(("kind", "value"), [(pa.float64(), 1000.0), (pa.bool_(), True), (pa.binary(), b"a")])
def test_an_id_of_another_type_is_refused(read_rows, kind, value):
    with pytest.raises(SourceError, match=rf"row 1, image_id: {value!r} is no id"):
        read_rows([row(0) | {"image_id": value}], {"image_id": kind})


def test_whole_numbers_are_ids(read_rows):
    rows = [row(number) | {"image_id": number} for number in range(2)]
    assert read_rows(rows, {"image_id": pa.int64()}).image_ids.tolist() == ["0", "1"]


def test_counts_in_floating_point_are_counts(read_rows):
    ratings = read_rows([row(0), row(1)], {"rating_counts": pa.list_(pa.float64())})
    assert ratings.votes[0].tolist() == row(0)["rating_counts"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no table", r"train-00000-of-00002\.parquet is no whole Parquet file \(ArrowInvalid: .*\); fetch it again"),
        (b"", r"is no whole Parquet file"),
        (None, r"is no whole Parquet file"),
    ],
)
def test_a_file_that_is_damaged_is_named(root, content, message):
    path = root / "data" / "train-00000-of-00002.parquet"
    path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    with pytest.raises(SourceError, match=message):
        read(root, **BY_VOTES)


def test_a_file_damaged_in_the_middle_is_named(root):
    path = root / "data" / "train-00000-of-00002.parquet"
    content = bytearray(path.read_bytes())
    content[1000:6000] = bytes(5000)
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"train-00000-of-00002\.parquet is no whole Parquet file \(.*fetch it again"):
        read(root, **BY_VOTES)
    assert not list(root.glob("*/images"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"image_column": "photo"},
            r"test-00000-of-00001\.parquet has no column 'photo', only 'image_id, image, mean_",
        ),
        ({"id_column": "name"}, r"has no column 'name', .*; name the right one by data\.ratings\.…_column"),
        ({"vote_column": "votes"}, "has no column 'votes'"),
        ({"attribute_columns": ["style", "kind"]}, "has no column 'style', 'kind'"),
        ({"attribute_columns": ["image_id"]}, "attribute_columns: 'image_id' is no attribute; leave it out"),
        ({"score_column": "mean_score"}, r"name either data\.ratings\.vote_column or .*score_column, not both"),
        ({"vote_column": None}, r"name either data\.ratings\.vote_column or .*score_column, not none"),
        ({"scale": [1]}, r"data\.ratings\.scale=\[1\] has fewer than 2 values"),
        ({"files": []}, r"name either data\.ratings\.repository or data\.ratings\.files, not none"),
        ({"repository": "user/name"}, r"name either data\.ratings\.repository or data\.ratings\.files, not both"),
        ({"files": ["data/no-*.parquet"]}, r"\(data/no-\*\.parquet\): no file there matches; check data\.root and"),
        ({"files": [""]}, "no file there matches"),
        ({"root": None}, r"Parquet files: data\.root is not set; give"),
        ({"root": "/nowhere"}, "/nowhere is not a folder"),
        (
            {"splits": {"train": "train"}},
            r"split 'test' is not in data\.ratings\.splits; .* \+data\.ratings\.splits\.te",
        ),
        ({"splits": {"train": "training"}}, "splits: 'training' is none of train, val, test; rename it"),
    ],
)
def test_a_request_at_fault_is_named(root, arguments, message):
    with pytest.raises(SourceError, match=message):
        read(**{"root": root} | BY_VOTES | arguments)


def test_files_without_rows_are_refused(read_rows):
    with pytest.raises(SourceError, match=r"train-00000-of-00001\.parquet is no whole Parquet file \(.*no data"):
        read_rows([])


cell = {
    "image_id": st.none() | st.text(max_size=4),
    "image": st.none() | st.fixed_dictionaries({"bytes": st.none() | st.binary(max_size=9), "path": st.none()}),
    "mean_score": st.none() | st.floats(width=32),
    "rating_counts": st.none() | st.lists(st.none() | st.integers(-1, 9), max_size=4),
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.fixed_dictionaries({}, optional=cell), by=st.sampled_from([BY_VOTES, BY_SCORE]))
def test_any_row_is_read_or_refused_by_name(tmp_path, cells, by):
    three = {"rating_counts": [1, 0, 3]}
    write_shard(tmp_path / SHARD, [row(0) | three, row(1) | three | cells, row(2) | three])
    with suppress(SourceError, RatingsError):
        assert len(read(tmp_path, **by | {"scale": (1, 5, 9)})) == 3
    for path in tmp_path.iterdir():
        assert path.suffix != ".partial"
        if path.is_dir():
            shutil.rmtree(path)
