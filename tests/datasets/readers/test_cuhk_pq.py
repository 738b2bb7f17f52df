"""CUHK-PQ: two classes of folders, and every way a copy can be damaged."""

import re
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layouts import cuhk_pq as distributed

from awcu.datasets.readers.cuhk_pq import read
from awcu.errors import SourceError
from awcu.ratings.splits import hash_split
from awcu.ratings.weighting import Power


@pytest.fixture
def root(tmp_path):
    distributed.write(tmp_path)
    return tmp_path


@pytest.fixture
def folder(root):
    return root / "PhotoQualityDataset"


def test_a_copy_as_distributed(root, folder):
    ratings = read(root)
    assert len(ratings) == 42
    assert ratings.image_ids[[0, 3, 21]].tolist() == [
        "HighQuality/animal/animal (0).jpg",
        "HighQuality/architecture/architecture (0).jpg",
        "LowQuality/animal/animal (0).jpg",
    ]
    assert ratings.image_paths[0] == str(folder / "HighQuality" / "animal" / "animal (0).jpg")
    assert ratings.mean_score.tolist() == [1] * 21 + [0] * 21
    assert ratings.high.tolist() == [True] * 21 + [False] * 21
    assert ratings.attribute_names == distributed.CATEGORIES
    np.testing.assert_array_equal(ratings.attributes, np.tile(np.repeat(np.eye(7), 3, axis=0), (2, 1)))
    assert len(ratings.notes) == 1
    assert "ambiguous photographs" in ratings.notes[0]


def test_every_weighting_by_margin_is_uniform(root):
    ratings = read(root)
    assert ratings.margin.tolist() == [0.5] * 42
    assert Power(gamma=2)(ratings).tolist() == [1] * 42


def test_the_split_is_hashed_from_class_category_and_name(root):
    ratings = read(root, 2, 0.2, 0.4)
    np.testing.assert_array_equal(ratings.split, hash_split(ratings.image_ids, 2, 0.2, 0.4))
    np.testing.assert_array_equal(read(root).split, hash_split(ratings.image_ids, 0, 0.1, 0.5))


def test_the_folder_itself_or_the_one_around_it_may_be_named(root, folder):
    assert read(folder).fingerprint == read(root).fingerprint


@pytest.mark.parametrize("doubled", ["", "LowQuality", "HighQuality/animal"])
def test_a_doubled_folder_is_found_and_leaves_the_ids_as_they_are(root, folder, doubled):
    before = read(root)
    place = folder / doubled
    place.rename(root / "inner")
    place.mkdir()
    (root / "inner").rename(place / place.name)
    after = read(root)
    assert after.image_ids.tolist() == before.image_ids.tolist()
    assert all(path.endswith(".jpg") for path in after.image_paths)


def test_pictures_of_other_folders_and_other_files_are_not_read(root, folder):
    shutil.copytree(folder / "HighQuality" / "animal", folder / "HighQuality" / "animal" / "rotated")
    shutil.copy(folder / "HighQuality" / "animal" / "animal (0).jpg", folder / "HighQuality" / "cover.jpg")
    assert len(read(root)) == 42


def test_other_categories_than_the_seven_are_said(root, folder):
    for quality in ("HighQuality", "LowQuality"):
        (folder / quality / "night").rename(folder / quality / "evening")
    ratings = read(root)
    assert ratings.attribute_names[2] == "evening"
    assert ratings.notes[1:] == (
        "Categories missing: night.",
        "Categories not of the published seven: evening.",
    )


@pytest.mark.parametrize("lost", ["HighQuality", "LowQuality"])
def test_a_missing_class_is_refused(root, folder, lost):
    shutil.rmtree(folder / lost)
    with pytest.raises(SourceError, match=f"has no folder {lost}; unpack the data set there as distributed"):
        read(root)


def test_a_class_without_photographs_is_refused(root, folder):
    for photograph in (folder / "LowQuality").rglob("*.jpg"):
        photograph.unlink()
    with pytest.raises(SourceError, match=r"LowQuality has no photograph in a category folder"):
        read(root)


@pytest.mark.parametrize(("root", "message"), [(None, "data.root=…"), ("/nowhere", "/nowhere is not a folder")])
def test_the_folder_has_to_be_named(root, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        read(root)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_name_of_a_photograph_is_an_id(root, folder, name):
    path = folder / "LowQuality" / "static" / f"_{name}.jpg"
    path.touch()
    assert f"LowQuality/static/_{name}.jpg" in read(root).image_ids.tolist()
    path.unlink()
