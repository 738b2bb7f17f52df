"""AVA: its splits, its styles for both heads, and every way a copy of it can be damaged."""

import re
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layouts import ava as distributed
from published_layouts.ava import CATEGORIES, ILGNET_TEST, STYLE_TEST, STYLE_TRAIN, TEST, TRAIN
from published_layouts.pictures import write_picture

from awcu.datasets.readers import ava_files, ava_style
from awcu.datasets.readers.ava import LISTS, read
from awcu.datasets.readers.ava_files import Integers, listed
from awcu.errors import RatingsError, SourceError

LABELS = Path(__file__).parents[3].parent / "shared" / "data" / "labels" / "ava"
READABLE = set(TRAIN) - {distributed.EMPTY}


def ids_of(ratings, *splits):
    return set(ratings.image_ids[np.isin(ratings.split, splits)].astype(int))


def test_a_copy_as_distributed(ava_copy):
    ratings = read(ava_copy, val=0.3, check_counts=False)
    assert len(ratings) == 60
    row = ratings.image_ids.tolist().index("1001")
    assert ratings.image_paths[row] == str(ava_copy / "images" / "1001.jpg")
    assert ratings.votes[row].tolist() == [0, 0, 1, 3, 10, 31, 20, 4, 1, 0]
    assert ratings.mean_score[row] == pytest.approx((3 + 12 + 50 + 186 + 140 + 32 + 9) / 70)
    assert ratings.origin == "AVA"
    assert ratings.attribute_names == ()
    assert ids_of(ratings, "test") == set(TEST)
    assert ids_of(ratings, "train", "val") == READABLE
    assert (ratings.split == "val").any()
    assert ratings.notes == (
        "1 listed photographs are not in AVA.txt and left out: 999999",
        "1 photographs known to be corrupt are missing or empty and left out: 371434",
    )


def test_a_photograph_is_high_where_its_mean_is_above_five_and_low_at_five(ava_copy):
    ratings = read(ava_copy, check_counts=False)
    middle = ratings.image_ids == str(distributed.MIDDLE)
    assert ratings.mean_score[middle] == 5
    assert (ratings.high == ratings.image_ids.astype(int) % 2).all()


def test_validation_is_another_part_of_the_training_photographs_under_another_seed(ava_copy):
    parts = [read(ava_copy, split_seed=seed, val=0.3, check_counts=False).split for seed in (0, 0, 1)]
    assert (parts[0] == parts[1]).all()
    assert (parts[0] != parts[2]).any()
    assert ((parts[0] == "test") == (parts[2] == "test")).all()


@pytest.mark.parametrize(
    ("split", "train", "test"),
    [
        ("generic_ls", range(1001, 1031), TEST),
        ("generic_ss", range(1001, 1009), TEST),
        ("animal", range(1001, 1005), (2001, 2002)),
        ("stilllife", range(1029, 1033), (2015, 2016)),
        ("ilgnet", READABLE - {*ILGNET_TEST, distributed.UNLISTED} | set(TEST) - set(ILGNET_TEST), ILGNET_TEST),
    ],
)
def test_a_list_is_the_split(ava_copy, split, train, test):
    ratings = read(ava_copy, split=split, val=0.3, check_counts=False)
    assert ids_of(ratings, "test") == set(test)
    assert ids_of(ratings, "train", "val") == set(train)
    assert not [note for note in ratings.notes if "no rating" in note]


def test_the_eight_test_lists_of_categories_are_the_generic_one(ava_copy):
    together = [set(listed(ava_copy, f"{category}_test", False).tolist()) for category in CATEGORIES]
    assert set.union(*together) == set(listed(ava_copy, "generic_test", False).tolist())
    assert set(CATEGORIES) <= set(LISTS)


def test_a_hashed_split_is_of_all_photographs_and_of_the_seed(ava_copy):
    ratings = read(ava_copy, split="hash", val=0.3, test=0.3, check_counts=False)
    assert {len(ids_of(ratings, part)) > 5 for part in ("train", "val", "test")} == {True}
    assert len(ratings) == 60
    other = read(ava_copy, split="hash", split_seed=1, val=0.3, test=0.3, check_counts=False)
    assert (ratings.split != other.split).any()


def test_photographs_on_no_list_of_ilgnet_are_said(ava_copy):
    notes = read(ava_copy, split="ilgnet", check_counts=False).notes
    assert notes[0] == "1 photographs of AVA.txt are on neither of ILGNet's lists and left out"


def test_styles_for_both_heads_do_not_cross_the_official_split(ava_copy):
    ratings = read(ava_copy, styles=True, val=0.3, check_counts=False)
    assert ratings.attribute_names == tuple(distributed.STYLES)
    assert ids_of(ratings, "test") == set(TEST)
    assert ids_of(ratings, "train", "val") == READABLE - set(STYLE_TEST)
    labels = {int(name): row for name, row in zip(ratings.image_ids, ratings.attributes, strict=True)}
    for photograph, row in labels.items():
        if photograph in STYLE_TRAIN and photograph not in TEST:
            expected = [1 if style == STYLE_TRAIN[photograph] else np.nan for style in range(1, 15)]
        elif photograph in STYLE_TEST:
            expected = [float(style in STYLE_TEST[photograph]) for style in range(1, 15)]
        else:
            expected = [np.nan] * 14
        np.testing.assert_array_equal(row, expected)
    assert set(labels) & set(STYLE_TEST) == {2003, 2004, 2005}
    assert ratings.notes[2:5] == (
        "2 photographs of the style training list are in the test set and have no style label there",
        "5 photographs of the style test list are left out of training, for data=ava_style to test",
        "3 photographs of the style test list are in the test set, with their styles",
    )


def test_a_model_of_both_heads_can_be_tested_on_all_style_photographs_without_a_leak(ava_copy):
    learned = read(ava_copy, styles=True, check_counts=False)
    learned = learned.select(learned.split != "test")
    styles = ava_style.read(ava_copy, check_counts=False).of_split("test")
    assert len(styles) == len(STYLE_TEST)
    assert not np.isin(styles.photograph_keys, learned.photograph_keys).any()
    assert styles.attribute_names == learned.attribute_names


def test_styles_go_with_any_split(ava_copy):
    ratings = read(ava_copy, split="hash", val=0.3, test=0.3, styles=True, check_counts=False)
    assert not ids_of(ratings, "train", "val") & set(STYLE_TEST)
    test = ratings.select(ratings.split == "test")
    labelled = test.image_ids[~np.isnan(test.attributes).all(1)].astype(int)
    assert set(labelled) == set(STYLE_TEST) & ids_of(ratings, "test") != set()


def test_styles_of_photographs_that_avatxt_lacks_are_said(ava_root):
    text = (ava_root / "AVA.txt").read_text()
    (ava_root / "AVA.txt").write_text("".join(line for line in text.splitlines(True) if line.split()[1] != "1031"))
    notes = read(ava_root, styles=True, check_counts=False).notes
    assert "1 photographs of the style lists are not in AVA.txt and left out" in notes


@pytest.mark.parametrize("folder", ["image", "images/images", "AVA/images", "AVA_dataset/images"])
def test_photographs_are_found_where_the_downloads_have_them(ava_copy, ava_root, folder):
    (ava_root / "images").unlink()
    (ava_root / folder).parent.mkdir(exist_ok=True)
    (ava_root / folder).symlink_to(ava_copy / "images")
    assert read(ava_root, check_counts=False).image_paths[0].startswith(str(ava_root / folder))


@pytest.mark.parametrize("folder", ["AVA_dataset", "AVA"])
def test_labels_are_found_in_a_folder_of_their_own(ava_root, folder):
    before = read(ava_root, check_counts=False)
    (ava_root / folder).mkdir()
    for name in ("AVA.txt", "aesthetics_image_lists", "style_image_lists"):
        (ava_root / name).rename(ava_root / folder / name)
    assert read(ava_root, styles=True, check_counts=False).origin == "AVA"
    assert read(ava_root, check_counts=False).fingerprint == before.fingerprint


def test_a_corrupt_photograph_that_was_fetched_again_is_used(ava_copy, ava_root):
    (ava_root / "images").unlink()
    shutil.copytree(ava_copy / "images", ava_root / "images")
    write_picture(ava_root / "images" / "371434.jpg", high=False)
    ratings = read(ava_root, check_counts=False)
    assert "371434" in ratings.image_ids
    assert len(ratings.notes) == 1


def test_missing_and_surplus_photographs_are_said(ava_copy, ava_root):
    (ava_root / "images").unlink()
    shutil.copytree(ava_copy / "images", ava_root / "images")
    (ava_root / "images" / "371434.jpg").unlink()
    (ava_root / "images" / "1001.jpg").rename(ava_root / "images" / "7.jpg")
    assert read(ava_root, check_counts=False).notes[1:] == (
        "1 photographs known to be corrupt are missing or empty and left out: 371434",
        f"1 photographs in {ava_root / 'images'} are missing: 1001.jpg",
        f"1 photographs in {ava_root / 'images'} have no rating: 7.jpg",
    )


def test_no_photograph_at_all_is_refused(ava_root):
    (ava_root / "images").unlink()
    (ava_root / "images").mkdir()
    with pytest.raises(SourceError, match=r"none of the 60 photographs is in .*images, such as '[0-9]+\.jpg'"):
        read(ava_root, check_counts=False)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("3 1001 0 0 1", r"AVA\.txt: line 3: '3 1001 0 0 1' has 5 columns, expected index id rated_1 .* challenge"),
        ("3 7 0 0 1 3 10 31 20 4 1 0 1 0 1391 8", "line 3: .* has 16 columns, expected index id"),
        ("3,7,0,0,1,3,10,31,20,4,1,0,1,0,1391", "line 3: .* has 1 columns, expected index id"),
        ("3 7 0 0 1 3 ten 31 20 4 1 0 1 0 1391", "line 3: 'ten' is not a number from 0 to"),
        ("3 7 0 0 1 3 0.5 31 20 4 1 0 1 0 1391", "line 3: '0.5' is not a whole number"),
        ("3 7 0 0 1 3 -1 31 20 4 1 0 1 0 1391", "line 3: '-1' is not a number from 0 to"),
        ("3 7 0 0 1 3 9223372036854775807 31 20 4 1 0 1 0 1391", "line 3: '9223372036854775807' is not a number from"),
        ("3 7 0 0 0 0 0 0 0 0 0 0 1 0 1391", "line 3: '3 7 .*' has no votes in columns 3 to 12, expected at least one"),
        ("3 2002 0 0 1 3 10 31 20 4 1 0 1 0 1391", "line [0-9]+: .* repeats the id of an earlier line; keep one"),
        ("önologie".encode("latin-1"), "line 3 is not UTF-8 text"),
    ],
)
def test_a_damaged_line_is_named(ava_root, damage, message):
    lines = (ava_root / "AVA.txt").read_bytes().split(b"\n")
    lines[2] = damage if isinstance(damage, bytes) else damage.encode()
    (ava_root / "AVA.txt").write_bytes(b"\n".join(lines))
    with pytest.raises(SourceError, match=message):
        read(ava_root, check_counts=False)


def test_the_line_of_a_fault_is_counted_with_empty_lines(ava_root):
    lines = (ava_root / "AVA.txt").read_text().split("\n")
    (ava_root / "AVA.txt").write_text("\n".join([lines[0], "", " ", "3 7 0 0 0 0 0 0 0 0 0 0 1 0 1391", *lines[1:]]))
    with pytest.raises(SourceError, match=r"line 4: .* has no votes"):
        read(ava_root, check_counts=False)


def test_carriage_returns_a_byte_order_mark_blanks_and_a_missing_last_newline_do_not_matter(ava_root):
    before = read(ava_root, styles=True, split="ilgnet", check_counts=False)
    for path in (path for path in ava_root.rglob("*") if path.suffix in (".txt", ".jpgl", ".lab", ".multilab")):
        lines = [line + " " for line in path.read_text().split("\n") if line]
        path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    after = read(ava_root, styles=True, split="ilgnet", check_counts=False)
    assert after.fingerprint == before.fingerprint
    assert after.split_fingerprint == before.split_fingerprint


@pytest.mark.parametrize("name", ["AVA.txt", "aesthetics_image_lists/generic_test.jpgl", "AVA1/val.txt"])
def test_a_missing_or_empty_file_is_named(ava_root, name):
    split = "ilgnet" if name.startswith("AVA1") else "official"
    (ava_root / name).write_bytes(b"")
    with pytest.raises(SourceError, match=re.escape(f"{name} is empty")):
        read(ava_root, split=split, check_counts=False)
    (ava_root / name).unlink()
    with pytest.raises(SourceError, match=re.escape(f"{name} does not exist")):
        read(ava_root, split=split, check_counts=False)


@pytest.mark.parametrize(
    ("split", "folder"), [("official", "aesthetics_image_lists"), ("ilgnet", "AVA1"), ("hash", "images")]
)
def test_a_missing_folder_is_named(ava_root, split, folder):
    (ava_root / folder).rename(ava_root / "elsewhere")
    with pytest.raises(SourceError, match=f"has no folder {folder}"):
        read(ava_root, split=split, check_counts=False)


@pytest.mark.parametrize(
    ("line", "message"),
    [("one", "line 17: 'one' is not a number"), ("7 8", "line 17: '7 8' has 2 columns, expected id")],
)
def test_a_damaged_list_is_named_with_its_line(ava_root, line, message):
    path = ava_root / "aesthetics_image_lists" / "generic_test.jpgl"
    path.write_text(path.read_text().replace(f"{distributed.UNRATED}", line))
    with pytest.raises(SourceError, match=rf"generic_test\.jpgl: {message}"):
        read(ava_root, check_counts=False)


@pytest.mark.parametrize(
    "line",
    ["175368 0", "175368.jpg", "175368.jpg 2", "175368.png 1", "a.jpg 1", "175368.jpg,1", "٣.jpg 1", f"{10**30}.jpg 1"],
)
def test_a_damaged_line_of_ilgnet_is_named(ava_root, line):
    path = ava_root / "AVA1" / "val.txt"
    path.write_text(f"1001.jpg 1\n{line}\n1002.jpg 0", encoding="utf-8")
    with pytest.raises(SourceError, match=re.escape(f"val.txt: line 2: {line!r} is not")):
        read(ava_root, split="ilgnet", check_counts=False)


def test_a_photograph_in_both_lists_of_ilgnet_is_refused(ava_root):
    with (ava_root / "AVA1" / "val.txt").open("a") as file:
        file.write("\n1010.jpg 0")
    with pytest.raises(SourceError, match=r"AVA1: train\.txt and val\.txt both list 1010; fetch both"):
        read(ava_root, split="ilgnet", check_counts=False)


def test_labels_of_ilgnet_that_the_votes_contradict_are_refused_where_many_and_said_where_few(ava_root, monkeypatch):
    path = ava_root / "AVA1" / "val.txt"
    path.write_text(path.read_text().replace("1001.jpg 1", "1001.jpg 0"))
    with pytest.raises(SourceError, match=r"AVA1: 1 of 60 labels disagree with AVA\.txt"):
        read(ava_root, split="ilgnet", check_counts=False)
    monkeypatch.setattr("awcu.datasets.readers.ava.OTHER_LABELS", 1 / 60)
    ratings = read(ava_root, split="ilgnet", check_counts=False)
    assert ratings.high[ratings.image_ids == "1001"].all()
    assert ratings.notes[1] == "1 photographs have a different label in ILGNet's lists; the votes decide: 1001"


def test_photographs_on_lists_of_ilgnet_that_avatxt_lacks_are_said(ava_root):
    with (ava_root / "AVA1" / "val.txt").open("a") as file:
        file.write("\n7.jpg 0")
    notes = read(ava_root, split="ilgnet", check_counts=False).notes
    assert notes[0] == "1 listed photographs are not in AVA.txt and left out"


def test_a_photograph_listed_for_training_and_for_test_is_only_tested_on(ava_root):
    with (ava_root / "aesthetics_image_lists" / "animal_train.jpgl").open("a") as file:
        file.write("2001\n")
    ratings = read(ava_root, split="animal", check_counts=False)
    assert ratings.split[ratings.image_ids == "2001"] == "test"
    assert "1 photographs are on both lists and used for testing only" in ratings.notes


def test_lists_of_other_photographs_are_refused(ava_root):
    (ava_root / "aesthetics_image_lists" / "animal_train.jpgl").write_text("7\n8\n")
    with pytest.raises(SourceError, match=r"AVA\.txt rates no photograph of animal_train\.jpgl"):
        read(ava_root, split="animal", check_counts=False)


def test_an_unknown_split_is_refused_with_the_known_ones():
    with pytest.raises(
        SourceError, match=r"split='offical' is none of official, generic_ls, .*stilllife, ilgnet, hash"
    ):
        read("/nowhere", split="offical")


@pytest.mark.parametrize(("root", "message"), [(None, "data.root=…"), ("/nowhere", "/nowhere is not a folder")])
def test_the_folder_has_to_be_named(root, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        read(root)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("hash", r"AVA\.txt has 61 lines, expected 255,530 or 255,529.*check_counts=false"),
        ("official", r"generic_test\.jpgl has 17 lines, expected 20,000"),
        ("generic_ls", r"generic_ls_train\.jpgl has 30 lines, expected 20,000"),
        ("generic_ss", r"generic_ss_train\.jpgl has 8 lines, expected 2,500"),
        ("animal", r"animal_train\.jpgl has 4 lines, expected 2,500"),
        ("ilgnet", r"train\.txt has 48 lines, expected 235,529"),
    ],
)
def test_other_counts_than_published_are_refused(ava_copy, monkeypatch, split, message):
    if split != "hash":
        monkeypatch.setattr(ava_files, "ROWS", (61,))
    with pytest.raises(SourceError, match=message):
        read(ava_copy, split=split)


def test_counts_are_of_the_lists_before_anything_is_left_out(ava_copy, monkeypatch):
    monkeypatch.setattr(ava_files, "ROWS", (61,))
    monkeypatch.setitem(ava_files.IN_LIST, "generic_test", 17)
    with pytest.raises(SourceError, match=r"rates 16 photographs of generic_test\.jpgl, expected 19,930"):
        read(ava_copy)
    monkeypatch.setattr("awcu.datasets.readers.ava.OFFICIAL_TEST", 16)
    assert len(read(ava_copy)) == 60


@settings(max_examples=40, deadline=None)
@given(
    lines=st.lists(st.text(st.sampled_from("0123 \t\x1c.-+e_,\r\u2028٣\U0010fff0"), max_size=6), min_size=1, max_size=4)
)
def test_the_quick_and_the_slow_way_read_the_same(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("integers") / "numbers.txt"
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    with suppress(SourceError):
        table = Integers.read(path, "first second")
        words = [line.split() for line in re.split("\r\n|\r|\n", "\n".join(lines))]
        assert table.values.tolist() == [[int(float(word)) for word in row] for row in words if row]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.text(max_size=30), name=st.sampled_from(["AVA.txt", "aesthetics_image_lists/generic_test.jpgl"]))
def test_any_line_is_read_or_refused_by_name(ava_copy, ava_root, line, name):
    text = (ava_copy / name).read_text()
    (ava_root / name).write_text(f"{text}{line}\n", encoding="utf-8", errors="replace")
    with suppress(SourceError, RatingsError):
        assert len(read(ava_root, check_counts=False)) >= 60
    (ava_root / name).write_text(text)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.text(max_size=30))
def test_any_line_of_ilgnet_is_read_or_refused_by_name(ava_root, line):
    (ava_root / "AVA1" / "val.txt").write_text(f"1001.jpg 1\n{line}\n1002.jpg 0", encoding="utf-8", errors="replace")
    with suppress(SourceError, RatingsError):
        read(ava_root, split="ilgnet", check_counts=False)


@pytest.mark.skipif(not LABELS.is_dir(), reason="needs AVA's real lists beside the checkout")
def test_the_real_official_list():
    photographs = listed(LABELS, "generic_test", check_counts=True)
    assert len(np.unique(photographs)) == 20_000


@pytest.mark.skipif(
    not (LABELS / "aesthetics_image_lists" / "animal_test.jpgl").is_file(),
    reason="needs AVA's real lists of categories",
)
def test_the_real_lists_of_categories_together_are_the_official_one():
    together = [listed(LABELS, f"{category}_test", check_counts=True) for category in CATEGORIES]
    assert set(np.concatenate(together).tolist()) == set(listed(LABELS, "generic_test", True).tolist())


@pytest.mark.skipif(not (LABELS / "ava_histograms.csv").is_file(), reason="needs real histograms beside the checkout")
def test_real_histograms_have_the_means_that_are_known_of_them(tmp_path):
    table = pd.read_csv(LABELS / "ava_histograms.csv")
    table = table[table.counts_exact == 1]
    rated = table.assign(index=range(1, len(table) + 1), tag=0, other=0, challenge=1)
    columns = ["index", "image_id", *(f"c{rating}" for rating in range(1, 11)), "tag", "other", "challenge"]
    rated.to_csv(tmp_path / "AVA.txt", sep=" ", columns=columns, header=False, index=False)
    write_picture(tmp_path / "images" / f"{table.image_id.iloc[0]}.jpg", high=True)
    ratings = read(tmp_path, split="hash", check_counts=False)
    known = table.set_index(table.image_id.astype(str))["mean"].loc[ratings.image_ids]
    assert len(ratings) > 50_000
    np.testing.assert_allclose(ratings.mean_score, known, atol=1e-6)
