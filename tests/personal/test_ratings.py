"""A person's ratings on the disk: after each of them, and as others left the file."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import file_size_limit
from hydra import compose, initialize_config_dir

from awcu.config.hydra import conf_folder, instantiated
from awcu.errors import PersonalError
from awcu.personal.ratings import Rated, RatingsFile, open_ratings

HEADER = "image,1,2,3,4,5,rated"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "ratings.csv"


@pytest.fixture
def ratings(file):
    with open_ratings(file, 5) as ratings:
        yield ratings


def rows(file):
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


class TestAdding:
    def test_each_rating_is_on_the_disk_at_once(self, ratings, file):
        ratings.add("sea/a.jpg", 4)
        (row,) = rows(file)
        assert [row[name] for name in ("image", "1", "2", "3", "4", "5")] == ["sea/a.jpg", "0", "0", "0", "1", "0"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", row["rated"])

    def test_a_second_rating_adds_to_the_counts(self, ratings, file):
        ratings.add("a.jpg", 4)
        ratings.add("b.jpg", 1)
        ratings.add("a.jpg", 5)
        assert [row["image"] for row in rows(file)] == ["a.jpg", "b.jpg"]
        assert (rows(file)[0]["4"], rows(file)[0]["5"]) == ("1", "1")
        assert ratings.counts_of(["b.jpg", "c.jpg", "a.jpg"]).tolist() == [
            [1, 0, 0, 0, 0],
            [0, 0, 0, 0, 0],
            [0, 0, 0, 1, 1],
        ]

    def test_a_rating_taken_back_leaves_what_was_before(self, ratings, file):
        ratings.add("a.jpg", 4)
        before = file.read_text()
        ratings.put("b.jpg", Rated((0, 1, 0, 0, 0), "now"))
        ratings.put("b.jpg", None)
        assert file.read_text() == before
        ratings.put("a.jpg", None)
        assert file.read_text() == HEADER + "\n"
        assert RatingsFile(file, 5).rows == {}

    def test_read_again_it_is_the_same(self, ratings, file):
        names = ["=1+1.jpg", 'with "quotes", a comma.jpg', "péché.jpg", " spaces .jpg"]
        for place, name in enumerate(names):
            ratings.add(name, 1 + place)
        again = RatingsFile(file, 5)
        assert again.rows == ratings.rows
        assert list(again.rows) == names

    def test_what_cannot_be_written_is_not_counted(self, ratings, file):
        ratings.add("a.jpg", 4)
        before = file.read_bytes()
        with (
            file_size_limit(20),
            pytest.raises(PersonalError, match=r"ratings\.csv cannot be written \(File too large"),
        ):
            ratings.add("b.jpg", 4)
        assert list(ratings.rows) == ["a.jpg"]
        assert file.read_bytes() == before
        ratings.add("b.jpg", 2)
        assert list(RatingsFile(file, 5).rows) == ["a.jpg", "b.jpg"]

    def test_scales(self, file):
        assert [RatingsFile(file, scale).midpoint for scale in (5, 7)] == [3, 4]
        with pytest.raises(PersonalError, match="--scale 6 is none of 5, 7; choose one of them"):
            RatingsFile(file, 6)


def test_it_is_a_data_set_as_it_stands(tmp_path):
    """Read by what `awcu train data=table` is configured with."""
    photographs = [f"{place}.jpg" for place in range(12)]
    with open_ratings(tmp_path / "my ratings.csv", 5) as ratings:
        for place, name in enumerate(photographs):
            ratings.add(name, 1 + place % 5)
        ratings.add("0.jpg", 2)
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        overrides = [
            "data=table", f"data.root={tmp_path}", "data.ratings.file='my ratings.csv'",
            "data.ratings.image_folder='own photos'", 'data.ratings.vote_columns=["1","2","3","4","5"]',
            "data.ratings.scale=[1,2,3,4,5]", "data.ratings.midpoint=3",
        ]  # fmt: skip
        read = instantiated(compose("train", overrides).data.ratings)
    assert read.image_ids.tolist() == photographs
    assert read.votes[0].tolist() == [1, 1, 0, 0, 0]
    assert read.mean_score[:6].tolist() == [1.5, 2, 3, 4, 5, 1]
    assert Path(read.image_paths[3]) == tmp_path / "own photos" / "3.jpg"


class TestByHand:
    """Files that were edited, or are of something else."""

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", r"has no column 'image'; its columns must be image, 1, 2, 3, 4, 5, rated"),
            ("image,1,2,4,5,rated\n", r"has no column '3'"),
            ("image,1,2,3,4,5\n", r"has no column 'rated'"),
            ("image,1,2,3,3,4,5,rated\n", r"has more than one column '3'"),
            ("image;1;2;3;4;5;rated\n", r"has no column 'image'"),
            ("image,1,2,3,4,5,6,7,rated\n", r"holds ratings from 1 to 7, not 1 to 5; add --scale 7, or name"),
            ("image,1,2,3,4,5,6,rated\n", r"has a column '6', which is off the scale of 1 to 5; remove it"),
            ("image,1,2,3,4,5,rated,note\n", r"has a column 'note', which is not of awcu rate; remove it"),
            (HEADER + "\na.jpg,0,0,1.5,0,0,x\n", r"line 2: '1\.5' in column '3' is no whole number from 0"),
            (HEADER + "\na.jpg,0,0,-1,0,0,x\n", r"line 2: '-1' in column '3' is no whole number from 0"),
            (HEADER + "\na.jpg,0,0,,0,1,x\n", r"line 2: '' in column '3' is no whole number from 0"),
            (HEADER + "\na.jpg,0,0,0,0,0,x\n", r"line 2: 'a\.jpg' has no rating; remove the line"),
            (HEADER + "\n,0,0,1,0,0,x\n", r"line 2 names no image; remove the line"),
            (HEADER + "\na.jpg,0,0,1,0\n", r"line 2 has 5 cells instead of 7; correct it"),
            (
                HEADER + "\na.jpg,0,0,1,0,0,x\n\na.jpg,1,0,0,0,0,x\n",
                r"line 4: 'a\.jpg' has a line already; add its counts there",
            ),
            (HEADER + '\n"a.jpg,0,0,1,0,0,x\n', r"line 2: unexpected end of data; correct it"),
        ],
    )
    def test_is_refused_in_one_line(self, file, text, says):
        file.write_text(text)
        with pytest.raises(PersonalError, match=r"ratings\.csv.*" + says) as refused:
            RatingsFile(file, 5)
        assert "\n" not in str(refused.value)

    def test_what_is_no_text(self, file):
        file.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(PersonalError, match=r"ratings\.csv cannot be read \(.*\); mend it, or name another --out"):
            RatingsFile(file, 5)

    def test_saved_anew_by_a_spreadsheet(self, file):
        """A byte-order mark, other line ends, spaces, and columns in another order."""
        text = "\ufeffrated,image,5,4,3,2,1\r\n2026,a.jpg, 2,1,0,0,0\r\n"
        file.write_bytes(text.encode())
        assert RatingsFile(file, 5).rows == {"a.jpg": Rated((0, 0, 0, 1, 2), "2026")}


HOLD = """
import sys
from pathlib import Path
from awcu.personal.ratings import open_ratings
with open_ratings(Path(sys.argv[1]), 5):
    print("open", flush=True)
    sys.stdin.read()
"""


class TestOpening:
    def test_a_second_one_is_refused_until_the_first_ends(self, file):
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout.readline() == b"open\n"
            says = r"ratings\.csv is open in another awcu rate; end that one, or name another --out"
            with pytest.raises(PersonalError, match=says), open_ratings(file, 5):
                pass
            other.kill()
        with open_ratings(file, 5) as ratings:
            assert ratings.rows == {}

    def test_two_files_in_one_folder(self, file, ratings):
        with open_ratings(file.with_name("other.csv"), 5):
            pass

    def test_where_nothing_can_be_written(self, tmp_path):
        (tmp_path / "file").touch()
        says = r"file/ratings\.csv cannot be written \(.*\); name another --out"
        with pytest.raises(PersonalError, match=says), open_ratings(tmp_path / "file" / "ratings.csv", 5):
            pass
        with pytest.raises(PersonalError, match=r"/proc/ratings\.csv cannot be written"):
            open_ratings(Path("/proc/ratings.csv"), 5).__enter__()

    def test_a_folder(self, tmp_path):
        with pytest.raises(PersonalError, match="is a folder; name a file such as"), open_ratings(tmp_path, 5):
            pass

    def test_its_folder_is_made(self, tmp_path):
        with open_ratings(tmp_path / "new" / "ratings.csv", 5) as ratings:
            ratings.add("a.jpg", 1)
        assert np.sum(RatingsFile(tmp_path / "new" / "ratings.csv", 5).counts_of(["a.jpg"])) == 1
