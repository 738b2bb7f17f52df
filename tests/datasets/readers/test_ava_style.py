"""AVA's styles alone: who is trained and tested on, and every way a copy of the lists can be damaged."""

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layouts import ava as distributed
from published_layouts.ava import STYLE_TEST, STYLE_TRAIN

from awcu.datasets.readers.ava_files import listed
from awcu.datasets.readers.ava_style import COUNTS, read, read_styles
from awcu.errors import RatingsError, SourceError

LABELS = Path(__file__).parents[3].parent / "shared" / "data" / "labels" / "ava"
REAL = pytest.mark.skipif(not LABELS.is_dir(), reason="needs AVA's real lists beside the checkout")


def test_a_copy_as_distributed(ava_copy):
    ratings = read(ava_copy, val=0.3, check_counts=False)
    ids, split = ratings.image_ids.astype(int), ratings.split
    assert ratings.attribute_names == tuple(distributed.STYLES)
    assert set(ids[split == "test"]) == set(STYLE_TEST)
    assert set(ids[split != "test"]) == set(STYLE_TRAIN) - {2001, 2002}
    assert (split == "val").any()
    assert ratings.origin == "AVA"
    assert (ratings.high == ids % 2).all()
    for photograph, row in zip(ids.tolist(), ratings.attributes, strict=True):
        if photograph in STYLE_TEST:
            expected = [float(style in STYLE_TEST[photograph]) for style in range(1, 15)]
        else:
            expected = [1 if style == STYLE_TRAIN[photograph] else np.nan for style in range(1, 15)]
        np.testing.assert_array_equal(row, expected)
    assert ratings.notes == (
        "a training photograph is labelled with one style only, so styles are trained as one of 14 classes",
        "2 training photographs are in the official aesthetic test list and left out",
        "1 test photographs without any style are tested on as well, as in published results",
    )


def test_photographs_of_the_aesthetic_test_list_can_be_kept_and_the_list_is_then_not_read(ava_root):
    shutil.rmtree(ava_root / "aesthetics_image_lists")
    ratings = read(ava_root, val=0.3, aesthetic_test=True, check_counts=False)
    assert set(ratings.image_ids[ratings.split != "test"].astype(int)) == set(STYLE_TRAIN)
    assert not [note for note in ratings.notes if "aesthetic test" in note]


def test_test_photographs_without_a_style_can_be_left_out(ava_copy):
    ratings = read(ava_copy, empty_rows=False, check_counts=False)
    assert set(ratings.image_ids[ratings.split == "test"].astype(int)) == set(STYLE_TEST) - {2003}
    assert ratings.notes[-1] == "1 test photographs without any style are left out, unlike in published results"


def test_validation_is_another_part_under_another_seed(ava_copy):
    parts = [read(ava_copy, seed, 0.3, check_counts=False).split for seed in (0, 0, 1)]
    assert (parts[0] == parts[1]).all()
    assert (parts[0] != parts[2]).any()


def test_photographs_that_avatxt_lacks_are_said(ava_root):
    text = (ava_root / "AVA.txt").read_text()
    lacking = ("1001", "1002", "1031")
    (ava_root / "AVA.txt").write_text("".join(line for line in text.splitlines(True) if line.split()[1] not in lacking))
    ratings = read(ava_root, check_counts=False)
    assert len(ratings) == 14 + 8 - 3
    assert ratings.notes[1:3] == (
        "2 photographs of the style train list are not in AVA.txt and left out",
        "1 photographs of the style test list are not in AVA.txt and left out",
    )


ROW = "0 " * 13 + "0"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("styles.txt", "1 Duotones\n3 HDR\n", "line 2, number: '3' is not a number from 2 to 2"),
        ("styles.txt", "1 Light On White\n", "line 1: '1 Light On White' has 4 columns, expected number name"),
        ("train.lab", "1\n15\n" + "1\n" * 14, "line 2: '15' is not a style from 1 to 14"),
        ("train.lab", "0\n" * 16, "line 1: '0' is not a style from 1 to 14"),
        ("train.lab", "1\nHDR\n" + "1\n" * 14, "line 2: 'HDR' is not a number"),
        ("train.jpgl", "1001\n" * 16, "line 2: '1001' repeats the id of an earlier line"),
        (
            "train.jpgl",
            "1001\n1002\n",
            r"train\.jpgl has 2 lines and train\.lab 16",
        ),
        ("test.jpgl", "1031\n1001\n" + "".join(f"{n}\n" for n in range(6)), "line 2: '1001' is also in train.jpgl"),
        ("test.multilab", f"{ROW} 0\n" * 8, "line 1: .* has 15 columns, expected Complementary_Colors Duotones"),
        ("test.multilab", f"{ROW[:-1]}2\n" * 8, "line 1: .* has a number other than 0 and 1"),
        ("test.multilab", f"{ROW}\n" * 7, r"test\.jpgl has 8 lines and test\.multilab 7"),
        ("test.multilab", "", r"test\.multilab is empty"),
        ("test.multilab", None, r"test\.multilab does not exist"),
        ("train.lab", "õ".encode("latin-1"), r"train\.lab: line 1 is not UTF-8 text"),
    ],
)
def test_a_damaged_list_is_named_with_its_line(ava_root, name, text, message):
    path = ava_root / "style_image_lists" / name
    path.unlink()
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SourceError, match=rf"{message}"):
        read(ava_root, check_counts=False)


@pytest.mark.parametrize("folder", ["style_image_lists", "aesthetics_image_lists", "images"])
def test_a_missing_folder_is_named(ava_root, folder):
    (ava_root / folder).rename(ava_root / "elsewhere")
    with pytest.raises(SourceError, match=f"has no folder {folder}"):
        read(ava_root, check_counts=False)


def test_a_doubled_folder_is_found(ava_root):
    before = read(ava_root, check_counts=False)
    for folder in ("style_image_lists", "aesthetics_image_lists"):
        (ava_root / folder).rename(ava_root / "inner")
        (ava_root / folder).mkdir()
        (ava_root / "inner").rename(ava_root / folder / folder)
    assert read(ava_root, check_counts=False).fingerprint == before.fingerprint


def test_other_counts_than_published_are_refused(ava_copy, monkeypatch):
    monkeypatch.setattr("awcu.datasets.readers.ava_files.ROWS", (61,))
    with pytest.raises(SourceError, match=r"train\.jpgl has 16 lines, expected 11,270.*check_counts=false"):
        read(ava_copy)
    monkeypatch.setitem(COUNTS, "train", 16)
    with pytest.raises(SourceError, match=r"test\.jpgl has 8 lines, expected 2,809"):
        read(ava_copy)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.text(max_size=30), name=st.sampled_from(["styles.txt", "train.jpgl", "train.lab", "test.multilab"]))
def test_any_line_is_read_or_refused_by_name(ava_copy, ava_root, line, name):
    path = Path("style_image_lists") / name
    text = (ava_copy / path).read_text()
    (ava_root / path).write_text(f"{text}{line}\n", encoding="utf-8", errors="replace")
    with suppress(SourceError, RatingsError):
        assert len(read(ava_root, check_counts=False)) >= 22
    (ava_root / path).write_text(text)


@REAL
def test_the_real_lists_have_the_published_counts():
    styles = read_styles(LABELS, check_counts=True)
    assert styles.names[0], styles.names[13] == ("Complementary_Colors", "Vanishing_Point")
    single = [760, 1041, 317, 672, 960, 676, 1359, 488, 768, 1112, 1184, 825, 568, 540]
    several = [237, 589, 83, 183, 158, 208, 459, 149, 193, 398, 677, 227, 169, 102]
    assert np.nansum(styles.train_labels, axis=0).tolist() == single
    assert (~np.isnan(styles.train_labels)).sum(1).tolist() == [1] * 11_270
    assert styles.test_labels.sum(0).tolist() == several
    assert np.bincount(styles.test_labels.sum(1).astype(int)).tolist() == [236, 1487, 921, 157, 8]
    assert styles.test_labels.mean() == pytest.approx(0.097, abs=5e-4)
    assert styles.test_labels[styles.test_labels.any(1)].mean() == pytest.approx(0.106, abs=5e-4)


@REAL
def test_the_real_lists_cross_the_official_aesthetic_test_list():
    styles, tested = read_styles(LABELS, check_counts=True), listed(LABELS, "generic_test", check_counts=True)
    assert np.isin(styles.train_ids, tested).sum() == 951
    assert np.isin(styles.test_ids, tested).sum() == 221
