"""Rows that hold photographs: unpacked byte for byte, read again without the rows, and every fault named by its row."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from published_layouts import huggingface as distributed
from published_layouts.huggingface import BY_SCORE, BY_VOTES, SHARDS, photograph, row, write_shard

from awcu.datasets.huggingface import reading, unpacking
from awcu.datasets.huggingface.reading import read
from awcu.errors import SourceError
from awcu.ratings.splits import hash_split

SPLITS = {"train": "train", "validation": "val"}


def left_in(root):
    """What reading has put beside the rows, locks apart."""
    return sorted(path.name for path in root.iterdir() if path.name != "data" and path.suffix != ".lock")


def test_a_copy_as_distributed(root):
    ratings = read(root, **BY_VOTES)
    assert ratings.name == root.name
    assert len(ratings) == 40
    # By file: test, train, validation.
    assert ratings.image_ids[[0, 8, 39]].tolist() == ["1032", "1000", "1031"]
    assert ratings.split.tolist() == ["test"] * 8 + ["train"] * 24 + ["val"] * 8
    assert ratings.votes[8].tolist() == [1, 4, 10, 30, 30, 15, 6, 3, 1, 0]
    # 1 + 8 + 30 + 120 + 150 + 90 + 42 + 24 + 9 of 100 votes.
    assert ratings.mean_score[8] == 4.74
    assert ratings.vote_count[8] == 100
    assert ratings.high.tolist() == [False, True] * 20
    assert ratings.attribute_names == ()
    assert ratings.origin == root.name
    assert ratings.notes == ()


def test_photographs_are_the_bytes_of_the_rows(root):
    ratings = read(root, **BY_VOTES)
    for image_id, path in zip(ratings.image_ids.tolist(), ratings.image_paths.tolist(), strict=True):
        assert Path(path).name == f"{image_id}.jpg"
        assert Path(path).read_bytes() == photograph(int(image_id) - 1000)


def test_scores_alone(root):
    ratings = read(root, **BY_SCORE | {"scale": (1, 10)})
    assert ratings.votes is None
    assert ratings.mean_score[8] == pytest.approx(4.74, abs=1e-6)  # float32
    assert ratings.scale.tolist() == [1, 10]


def test_labels_become_attributes_by_name(root):
    ratings = read(root, attribute_columns=["label"], **BY_VOTES)
    assert ratings.attribute_names == ("score_high", "score_low")
    np.testing.assert_array_equal(ratings.attributes[:2], [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([-1, 1], None, {"score_high": [np.nan, 1]}),
        (["red", None], pa.string(), {"red": [1, np.nan]}),
        ([True, False], pa.bool_(), {"label": [1, 0]}),
        ([1.0, float("nan")], pa.float32(), {"label": [1, np.nan]}),
        ([b"x", b"y"], pa.binary(), "row 1, label: b'x' is neither text nor 0 nor 1; leave the column out"),
        ([0.5, 1], pa.float32(), "row 1, label: 0.5 is neither text nor 0 nor 1"),
        ([2, 1], pa.int64(), "row 1, label: 2 is neither text nor 0 nor 1"),
    ],
)
def test_attributes_of_every_type(read_rows, values, kind, expected):
    rows = [row(number) | {"label": value} for number, value in enumerate(values)]
    arguments = {"rows": rows, "types": {"label": kind} if kind else {}, "attribute_columns": ["label"]}
    if isinstance(expected, str):
        with pytest.raises(SourceError, match=expected):
            read_rows(**arguments)
        return
    ratings = read_rows(**arguments)
    assert ratings.attribute_names == tuple(expected)
    np.testing.assert_array_equal(ratings.attributes, np.transpose(list(expected.values())))


def test_bytes_without_a_struct_are_a_photograph_too(read_rows):
    rows = [row(number) | {"image": photograph(number)} for number in range(2)]
    ratings = read_rows(rows, {"image": pa.binary()})
    assert Path(str(ratings.image_paths[1])).read_bytes() == photograph(1)


# Reading again.


def test_a_later_read_needs_neither_the_rows_nor_any_library_of_the_hub(root):
    before = read(root, **BY_VOTES)
    shutil.rmtree(root / "data")
    # None among the loaded modules is what cannot be imported.
    code = (
        "import sys; sys.modules['datasets'] = sys.modules['huggingface_hub'] = None;"
        "from awcu.datasets.huggingface import read;"
        f"r = read({str(root)!r}, scale=range(1, 11), midpoint=5, vote_column='rating_counts',"
        "files=['data/*.parquet']);"
        "print(r.fingerprint, r.split_fingerprint)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [before.fingerprint, before.split_fingerprint]
    assert run.stderr == ""  # nothing was unpacked


def test_a_changed_request_does_not_meet_an_old_folder(root):
    requests = [
        BY_VOTES,
        BY_SCORE,
        BY_VOTES | {"attribute_columns": ["label"]},
        BY_VOTES | {"files": ["data/train*.parquet"]},
    ]
    for arguments in requests:
        before = left_in(root)
        read(root, **arguments)
        assert len(left_in(root)) == len(before) + 1
    for arguments in requests:
        # Of these, nothing is in the files.
        read(root, **arguments | {"midpoint": 6, "origin": "AVA", "split_seed": 1, "splits": {"test": "val"} | SPLITS})
    assert len(left_in(root)) == 4


def test_another_scale_is_asked_of_the_rows_again(root):
    read(root, **BY_VOTES)
    with pytest.raises(SourceError, match="row 1, rating_counts: 10 counts for a scale of 5 values"):
        read(root, **BY_VOTES | {"scale": range(1, 6), "midpoint": 3})


@pytest.mark.parametrize("change", ["another", "longer"])
def test_files_that_changed_after_unpacking_are_not_read_in_silence(root, change):
    read(root, **BY_VOTES)
    name = "train-00002-of-00003" if change == "another" else "train-00000-of-00002"
    write_shard(root / "data" / f"{name}.parquet", [row(number) for number in range(50, 70)])
    with pytest.raises(SourceError, match=r"was unpacked before .*data/\*\.parquet\) changed; delete that folder"):
        read(root, **BY_VOTES)


def test_a_folder_that_was_moved_is_read_where_it_is(tmp_path):
    (tmp_path / "here").mkdir()
    distributed.write(tmp_path / "here")
    read(tmp_path / "here", **BY_VOTES)
    (tmp_path / "here").rename(tmp_path / "there")
    ratings = read(tmp_path / "there", **BY_VOTES)
    assert len(left_in(tmp_path / "there")) == 1
    assert all(Path(path).is_file() for path in ratings.image_paths.tolist())


def test_what_was_unpacked_is_not_taken_for_rows(root):
    for _ in range(2):
        assert len(read(root, **BY_VOTES | {"files": ["**/*.parquet"]})) == 40


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_folder_that_was_changed_is_refused(root, damage):
    read(root, **BY_VOTES)
    (path,) = root.glob("*/ratings.parquet")
    path.unlink() if damage == "missing" else path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SourceError, match=r"ratings\.parquet cannot be read .*, so the folder was changed .*delete"):
        read(root, **BY_VOTES)


# All or nothing.


def test_a_fault_or_an_interruption_half_way_leaves_nothing(root, monkeypatch):
    write_shard(root / "data" / "validation-00000-of-00001.parquet", [row(24), row(24)])
    with pytest.raises(SourceError, match="id '1024' has appeared before"):
        read(root, **BY_VOTES)
    assert left_in(root) == []
    distributed.write(root)
    add = unpacking._Writer.add

    def interrupted(self, *row):
        if len(self.ids) == 20:
            raise KeyboardInterrupt
        add(self, *row)

    with monkeypatch.context() as patch:
        patch.setattr(unpacking._Writer, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            read(root, **BY_VOTES)
    assert left_in(root) == []
    assert len(read(root, **BY_VOTES)) == 40


def test_what_a_killed_process_left_is_never_read_and_goes_away(root):
    code = (
        "import os; from awcu.datasets.huggingface import read, unpacking; add = unpacking._Writer.add\n"
        "def killed(self, *row):\n    add(self, *row)\n    len(self.ids) == 20 and os.kill(os.getpid(), 9)\n"
        f"unpacking._Writer.add = killed; read({str(root)!r}, scale=range(1, 11), midpoint=5,"
        "vote_column='rating_counts', files=['data/*.parquet'])"
    )
    assert subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode == -signal.SIGKILL
    (partial,) = left_in(root)
    assert partial.endswith(".partial")
    assert len(list((root / partial / "images").iterdir())) == 20
    assert len(read(root, **BY_VOTES)) == 40
    assert left_in(root) == [partial.removesuffix(".partial")]


def test_of_two_readers_one_unpacks_and_the_other_waits(root, monkeypatch):
    write, written, read_by = unpacking._write, [], []

    def slow(*arguments):
        written.append(threading.get_ident())
        threading.Event().wait(0.2)
        write(*arguments)

    monkeypatch.setattr(unpacking, "_write", slow)
    readers = [threading.Thread(target=lambda: read_by.append(len(read(root, **BY_VOTES)))) for _ in range(2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert read_by == [40, 40]
    assert len(written) == 1


def test_a_full_disk_is_one_sentence(root, monkeypatch):
    def full(self, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SourceError, match=r"cannot be written \(OSError: No space left on device\); make room, or"):
        read(root, **BY_VOTES)
    assert left_in(root) == []


# Names of files.


@pytest.mark.parametrize(
    "ids",
    [
        ["a/b", "a_b", "a b", "a\\b", "a:b"],
        ["IMG_1", "img_1", "Img_1"],
        ["..", ".", ".hidden", "~", "-"],
        ["x" * 300, "x" * 299, "x" * 100],
        ["ü", "ö", "写真"],
        ["../../outside", "/etc/passwd", "C:\\x"],
        ["ab", "a/b", "a_b~c14cddc033f64b9d"],  # the last is what "a/b" becomes
    ],
)
def test_ids_that_are_no_file_names_are_made_safe_without_colliding(read_rows, tmp_path, ids):
    ratings = read_rows([row(number) | {"image_id": image_id} for number, image_id in enumerate(ids)])
    assert ratings.image_ids.tolist() == ids
    paths = [Path(path) for path in ratings.image_paths.tolist()]
    assert len({path.name.casefold() for path in paths}) == len(ids)
    assert {path.parent for path in paths} == {tmp_path / left_in(tmp_path)[0] / "images"}
    assert all(re.fullmatch(r"[\w.~-]{1,110}\.jpg", path.name, re.ASCII) for path in paths)
    for number, path in enumerate(paths):
        assert path.read_bytes() == photograph(number)


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b"\xff\xd8\xff\xe0rest", ".jpg"),
        (b"\x89PNG\r\n\x1a\n", ".png"),
        (b"GIF89a", ".gif"),
        (b"BM1234", ".bmp"),
        (b"II*\0", ".tif"),
        (b"MM\0*", ".tif"),
        (b"RIFF\x04\0\0\0WEBPVP8 ", ".webp"),
        (b"\0\0\0\x18ftypheic", ".heic"),
        (b"\0\0\0\x1cftypavif", ".avif"),
        (b"damaged", ".bin"),
        (b"", ".bin"),
    ],
)
def test_a_photograph_is_called_by_its_format_and_a_damaged_one_is_kept(read_rows, content, suffix):
    ratings = read_rows([row(0) | {"image": {"bytes": content, "path": "a.jpg"}}, row(1)])
    path = Path(str(ratings.image_paths[0]))
    assert path.name == f"1000{suffix}"
    assert path.read_bytes() == content


# The split.


@pytest.mark.parametrize(
    ("file", "split"),
    [
        ("data/train-00000-of-00006.parquet", "train"),
        ("data/validation-00000-of-00002.parquet", "validation"),
        ("data/val.parquet", "validation"),
        ("dev/0.parquet", "validation"),
        ("default/test/0000.parquet", "test"),
        ("eval_1.parquet", "test"),
        ("train/test-0.parquet", "test"),
        ("training2.parquet", "train"),
        ("latest-contest.parquet", "train"),
        ("0000.parquet", "train"),
    ],
)
def test_the_split_is_in_a_files_name_as_on_the_hub(file, split):
    assert reading._split_of(file) == split


def test_a_missing_split_is_hashed_out_of_the_training_photographs(root):
    for name in ("test-00000-of-00001", "validation-00000-of-00001"):
        (root / "data" / f"{name}.parquet").rename(root / f"{name}.parquet")
    alone = read(root, **BY_VOTES, split_seed=3, val=0.2, test=0.3)
    np.testing.assert_array_equal(alone.split, hash_split(alone.image_ids, 3, 0.2, 0.3))

    pattern = ["data/*.parquet", "test*.parquet"]
    with_test = read(root, **BY_VOTES | {"files": pattern}, split_seed=3, val=0.2, test=0.3)
    assert with_test.split[24:].tolist() == ["test"] * 8
    np.testing.assert_array_equal(with_test.split[:24], hash_split(with_test.image_ids[:24], 3, 0.2, 0))

    pattern = ["data/*.parquet", "validation*.parquet"]
    with_val = read(root, **BY_VOTES | {"files": pattern}, split_seed=3, val=0.2, test=0.3)
    assert with_val.split[24:].tolist() == ["val"] * 8
    np.testing.assert_array_equal(with_val.split[:24], hash_split(with_val.image_ids[:24], 3, 0, 0.3))


def test_splits_are_ours_to_name(root):
    ratings = read(root, **BY_VOTES, splits={"train": "train", "validation": "test", "test": "train"}, val=0.4)
    assert ratings.split[32:].tolist() == ["test"] * 8
    assert set(ratings.split[:32]) == {"train", "val"}


def test_a_list_of_test_photographs_overrules_the_split(root, tmp_path):
    path = tmp_path / "generic_test.jpgl"
    path.write_bytes(b"1000\r\n1001\r\n\r\n77\r\n1039\r\n")
    ratings = read(root, **BY_VOTES, test_list=path, origin="AVA", val=0.3, split_seed=1)
    assert ratings.image_ids[ratings.split == "test"].tolist() == ["1039", "1000", "1001"]
    rest = ratings.split != "test"
    np.testing.assert_array_equal(ratings.split[rest], hash_split(ratings.image_ids[rest], 1, 0.3, 0))
    assert ratings.origin == "AVA"
    assert ratings.notes == (f"1 of 4 ids in {path} are not there: 77",)


def test_a_list_of_other_ids_is_refused(root, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("1000.jpg\n1001.jpg")
    with pytest.raises(SourceError, match=r"list\.txt: none of its 2 ids is in .*, whose ids are such as '1032'; give"):
        read(root, **BY_VOTES, test_list=path)
    with pytest.raises(SourceError, match=r"none\.txt does not exist"):
        read(root, **BY_VOTES, test_list=tmp_path / "none.txt")


def test_the_shards_are_as_datasets_writes_them(root):
    datasets = pytest.importorskip("datasets")
    shard = root / "data" / f"{next(iter(SHARDS))}.parquet"
    features = datasets.Features.from_arrow_schema(pa.parquet.read_schema(shard))
    assert features["image"] == datasets.Image()
    assert features["label"] == datasets.ClassLabel(names=["score_low", "score_high"])
    assert features.arrow_schema.types == pa.parquet.read_schema(shard).types
    assert json.loads(pa.parquet.read_schema(shard).metadata[b"huggingface"])
