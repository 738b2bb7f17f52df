import csv

import numpy as np
import pytest
from factories import EMPTY, MISSING, facts_of

from awcu.datasets.audit import HEADER, manifest_csv


@pytest.fixture
def four(make_ratings):
    return make_ratings(
        mean_score=[2.0, 4.0, 2.0, 4.0],
        scale=np.arange(1.0, 6.0),
        midpoint=3.0,
        split=np.array(["train", "val", "test", "train"]),
        image_paths=np.array(["/data/set/images/a, b.jpg", "/data/set/c.jpg", "/data/settled/d.jpg", "/e.jpg"]),
    )


def rows(ratings, root, facts=None, **changes):
    text = manifest_csv(ratings, facts_of(ratings, **changes) if facts is None else facts, root)
    return list(csv.reader(text.splitlines()))


def test_a_line_a_photograph(four):
    same = {"sha256": "same", "bytes": 7}
    table = rows(four, "/data/set", p00=same, p01=EMPTY, p02=MISSING, p03=same)
    assert table == [
        list(HEADER),
        ["p00", "train", "images/a, b.jpg", "7", "same", "640", "480", "", ""],
        ["p01", "val", "c.jpg", "0", "e3b0", "", "", "zero bytes; fetch the photograph again", ""],
        ["p02", "test", "/data/settled/d.jpg", "", "", "", "", "no such file; check the image folder", ""],
        ["p03", "train", "/e.jpg", "7", "same", "640", "480", "", "p00"],
    ]


def test_a_set_without_a_folder_keeps_whole_paths(four):
    assert [row[2] for row in rows(four, None)[1:]] == four.image_paths.tolist()


def test_a_folder_may_be_named_as_a_user_types_it(four, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/data")
    assert [row[2] for row in rows(four, "~/set/")[1:3]] == ["images/a, b.jpg", "c.jpg"]
    (tmp_path / "link").symlink_to("/data/set")
    assert rows(four, str(tmp_path / "link"))[2][2] == "c.jpg"


def test_the_ratings_may_come_in_any_order(four):
    turned = four.select(np.arange(4)[::-1])
    assert rows(turned, None, facts_of(four)) == rows(four, None)
