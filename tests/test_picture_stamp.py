"""A stamped picture is the same picture, and any change of what it was drawn from is noticed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from awcu.picture_stamp import digest, is_from, stamp_picture


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def test_the_stamp_is_read_and_the_picture_unchanged(picture: Path) -> None:
    before = np.asarray(Image.open(picture))
    assert not is_from(picture, "data 12 code 34")
    stamp_picture(picture, "data 12 code 34")
    assert is_from(picture, "data 12 code 34")
    assert not is_from(picture, "data 12 code 35")
    with Image.open(picture) as again:
        # Read to the end, where Pillow checks every chunk's sum.
        again.verify()
    with Image.open(picture) as again:
        assert again.info["Source"] == "data 12 code 34"
        assert np.array_equal(np.asarray(again), before)


def test_without_a_picture(tmp_path: Path) -> None:
    assert not is_from(tmp_path / "none.png", "")


def test_digest_sees_bytes_names_and_absence(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    found = [digest([one]), digest([one, two])]
    two.write_text("")
    found += [digest([one, two]), digest([two, one])]
    one.write_text("b")
    found += [digest([one])]
    assert len(set(found)) == 5
    assert digest([one]) == found[-1]
