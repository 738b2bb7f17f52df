"""Each published cropping set, written as it is distributed, cuts out exactly what was painted white."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from awcu.datasets import cropping as crops
from awcu.datasets import gallery
from awcu.datasets.cropping import cuhk_icd
from awcu.datasets.cropping.crop_set import check_sizes
from awcu.datasets.cropping.gallery import of_ratings
from awcu.errors import CropSetError, SourceError

WIDTH, HEIGHT = 40, 30
LEFT, TOP, RIGHT, BOTTOM = BOX = (12, 5, 31, 9)


def paint(path, size=(WIDTH, HEIGHT)):
    """A black photograph, white where `BOX` is; lossless whatever its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("L", size)
    picture.paste(255, BOX)
    picture.save(path, format="PNG")


def assert_cuts_out_the_white(crop_set, row=0, box=0):
    left, top, right, bottom = crop_set.boxes[row][box]
    picture = np.asarray(Image.open(crop_set.image_paths[row])).copy()
    assert (picture[top:bottom, left:right] == 255).all()
    picture[top:bottom, left:right] = 0
    assert not picture.any()
    check_sizes(crop_set)


def as_struct(entries):
    """The nested struct array of FLMS, one (name, rows) a row."""
    array = np.zeros((len(entries), 1), dtype=[("filename", object), ("bbox", object)])
    for place, (name, rows) in enumerate(entries):
        array[place, 0] = (name, np.array(rows, dtype=np.float64))
    return array


@pytest.fixture
def flms_folder(tmp_path):
    """Two photographs: one with negative rows and a box twice, one with rows that run backwards."""
    right_order = [TOP, LEFT, BOTTOM, RIGHT]
    entries = [
        ("10_Large.jpg", [right_order, [-1] * 4, [-1, 3, 9, 20], [0, 0, HEIGHT, WIDTH], right_order]),
        ("20_Large.jpg", [[29, 3, 2, 39], [20, 30, 9, 4], [1, 30, 9, 4], [2, 3, 4, 6]]),
    ]
    savemat(tmp_path / "500_image_dataset.mat", {"img_gt": as_struct(entries)})
    for name, _ in entries:
        paint(tmp_path / "image" / name)
    return tmp_path


def test_flms(flms_folder):
    read = crops.read("flms", flms_folder)
    assert read.name == "flms"
    assert read.image_ids.tolist() == ["10_Large.jpg", "20_Large.jpg"]
    assert read.boxes[0].tolist() == [[*BOX], [0, 0, WIDTH, HEIGHT], [*BOX]]
    assert read.boxes[1].tolist() == [[3, 2, 6, 4]]
    assert read.scores is None
    assert read.split.tolist() == ["test", "test"]
    assert_cuts_out_the_white(read)


def test_flms_lists_the_photographs_it_lacks(flms_folder):
    (flms_folder / "image" / "20_Large.jpg").unlink()
    with pytest.raises(SourceError, match=r"image lacks 1 of 2 photographs: '20_Large\.jpg'; unpack image\.tar there"):
        crops.read("flms", flms_folder)


@pytest.fixture
def fcdb_folder(tmp_path):
    """Two photographs for training and three for testing, of which one each is gone."""

    def item(name, crop):
        url = f"https://farm6.staticflickr.com/5666/{name}.jpg"
        return {"url": url, "flickr_photo_id": int(name.split("_")[0]), "crop": crop}

    crop = [LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP]
    train = [item("1_a_b", crop), item("2_b_c", crop)]
    test = [item("3_c_b", [0, 0, WIDTH, HEIGHT]), item("4_d_b", crop), item("5_e_o", crop)]
    (tmp_path / "cropping_training_set.json").write_text(json.dumps(train, indent=4))
    (tmp_path / "cropping_testing_set.json").write_text(json.dumps(test, indent=4))
    for name in ("1_a_b", "3_c_b", "4_d_b"):
        paint(tmp_path / "data" / f"{name}.jpg")
    return tmp_path


def test_fcdb_leaves_out_what_is_gone_and_counts_it(fcdb_folder):
    read = crops.read("fcdb", fcdb_folder)
    assert read.image_ids.tolist() == ["1_a_b.jpg", "3_c_b.jpg", "4_d_b.jpg"]
    assert read.split.tolist() == ["train", "test", "test"]
    assert [boxes.tolist() for boxes in read.boxes] == [[[*BOX]], [[0, 0, WIDTH, HEIGHT]], [[*BOX]]]
    assert read.scores is None
    assert_cuts_out_the_white(read)
    assert read.missing == 2
    assert (len(read.of_split("test")), read.of_split("test").missing) == (2, 1)


def test_fcdb_may_begin_with_a_byte_order_mark(fcdb_folder):
    as_published = crops.read("fcdb", fcdb_folder).fingerprint
    path = fcdb_folder / "cropping_testing_set.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert crops.read("fcdb", fcdb_folder).fingerprint == as_published


def test_fcdb_without_any_photograph_is_an_error(fcdb_folder):
    for path in (fcdb_folder / "data").iterdir():
        path.unlink()
    expected = r"data holds none of the 5 photographs, such as '1_a_b\.jpg'; fetch them with scripts/download_images"
    with pytest.raises(SourceError, match=expected):
        crops.read("fcdb", fcdb_folder)
    (fcdb_folder / "data").rmdir()
    with pytest.raises(SourceError, match=expected):
        crops.read("fcdb", fcdb_folder)


def test_fcdb_in_both_splits_is_a_leak(fcdb_folder):
    train = (fcdb_folder / "cropping_training_set.json").read_text()
    (fcdb_folder / "cropping_testing_set.json").write_text(train)
    with pytest.raises(CropSetError, match=r"fcdb: ids that appear more than once: 1_a_b\.jpg"):
        crops.read("fcdb", fcdb_folder)


ICD = f"animal\\a.jpg\n{TOP} {BOTTOM} {LEFT} {RIGHT}\n1 9 3 8\n0 30 0 40\nnight\\b.jpg\n1 2 3 4\n1 2 3 5\n1 2 3 6\n"


@pytest.fixture
def icd_folder(tmp_path):
    """Two photographs with CRLF lines, in folders of no category."""
    (tmp_path / "Cropping parameters.txt").write_bytes(ICD.replace("\n", "\r\n").encode())
    for name in ("a.jpg", "b.jpg"):
        paint(tmp_path / "All_Images" / name)
    return tmp_path


def test_cuhk_icd(icd_folder):
    read = crops.read("cuhk_icd", icd_folder)
    assert read.image_ids.tolist() == ["a.jpg", "b.jpg"]
    assert read.boxes[0].tolist() == [[*BOX], [3, 1, 8, 9], [0, 0, WIDTH, HEIGHT]]
    assert read.boxes[1].tolist() == [[3, 1, 4, 2], [3, 1, 5, 2], [3, 1, 6, 2]]
    assert read.scores is None
    assert read.split.tolist() == ["test", "test"]
    assert_cuts_out_the_white(read)


@pytest.mark.parametrize("text", [ICD, ICD.rstrip("\n"), ICD + "\n\n", "\ufeff" + ICD, ICD.replace(" ", "  ")])
def test_cuhk_icd_whatever_ends_its_lines(icd_folder, text):
    as_published = crops.read("cuhk_icd", icd_folder).fingerprint
    (icd_folder / "Cropping parameters.txt").write_bytes(text.encode())
    assert crops.read("cuhk_icd", icd_folder).fingerprint == as_published


def test_cuhk_icd_is_measured_against_one_annotator(icd_folder):
    read = crops.read("cuhk_icd", icd_folder)
    third = cuhk_icd.annotator(read, 3)
    assert third.name == "cuhk_icd, annotator 3"
    assert [boxes.tolist() for boxes in third.boxes] == [[[0, 0, WIDTH, HEIGHT]], [[3, 1, 6, 2]]]
    assert_cuts_out_the_white(cuhk_icd.annotator(read, 1))
    for number in (0, 4):
        with pytest.raises(CropSetError, match=rf"cuhk_icd: there is no annotator {number}; choose 1 to 3"):
            cuhk_icd.annotator(read, number)


def test_cuhk_icd_lists_the_photographs_it_lacks(icd_folder):
    (icd_folder / "All_Images" / "a.jpg").unlink()
    with pytest.raises(SourceError, match=r"All_Images lacks 1 of 2 photographs: 'a\.jpg'; unpack All_Images\.zip"):
        crops.read("cuhk_icd", icd_folder)


SCORED = f"  0    0   30   40 -2.00 \n  {TOP}   {LEFT}  {BOTTOM}   {RIGHT} 3.71 \n  1    2   20   30 0.86 \n"
NAMES = {"train": "t.jpg", "val": "v.JPG", "test": "e.jpg"}


@pytest.fixture(params=["split folders", "flat"])
def gaicd_folder(tmp_path, request):
    """One photograph a split, padded columns, a candidate not annotated; with or without split folders."""
    for split, name in NAMES.items():
        paint(tmp_path / "images" / split / name)
        folder = tmp_path / "annotations" / ("" if request.param == "flat" else split)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name[:-4]}.txt").write_text(SCORED)
    for litter in (".DS_Store", "._e.jpg", "Thumbs.db"):
        (tmp_path / "images" / "test" / litter).touch()
    return tmp_path


def test_gaicd(gaicd_folder):
    read = crops.read("gaicd", gaicd_folder)
    assert dict(zip(read.split.tolist(), read.image_ids.tolist(), strict=True)) == NAMES
    for row in range(3):
        assert read.boxes[row].tolist() == [[*BOX], [2, 1, 30, 20]]
        assert read.scores[row].tolist() == [3.71, 0.86]
        assert_cuts_out_the_white(read, row)


def test_gaicd_reads_a_copy_without_one_split(gaicd_folder):
    (gaicd_folder / "images" / "val" / "v.JPG").unlink()
    next(gaicd_folder.glob("annotations/**/v.txt")).unlink()
    assert crops.read("gaicd", gaicd_folder).split.tolist() == ["train", "test"]


def test_gaicd_lists_the_photographs_and_annotations_it_lacks(gaicd_folder):
    (gaicd_folder / "images" / "val" / "v.JPG").rename(gaicd_folder / "v.JPG")
    with pytest.raises(SourceError, match=r"images.* lacks the photographs of 1 annotations: v\.txt; unpack the im"):
        crops.read("gaicd", gaicd_folder)
    (gaicd_folder / "v.JPG").rename(gaicd_folder / "images" / "val" / "v.JPG")
    next(gaicd_folder.glob("annotations/**/e.txt")).unlink()
    with pytest.raises(SourceError, match=r"annotations.* lacks 1 of \d annotations: 'e\.txt'; unpack the annot"):
        crops.read("gaicd", gaicd_folder)


def test_gaicd_without_photographs_is_an_error(tmp_path):
    with pytest.raises(SourceError, match=r"has no photographs in images/train, images/val or images/test"):
        crops.read("gaicd", tmp_path)


def test_gallery(tmp_path, make_ratings):
    ratings = gallery.read(tmp_path, n=6, short_side=64)
    read = of_ratings(ratings)
    assert read.name == "gallery"
    np.testing.assert_array_equal(read.image_ids, ratings.image_ids)
    np.testing.assert_array_equal(read.split, ratings.split)
    assert read.scores is None
    for row, image_id in enumerate(ratings.image_ids.tolist()):
        assert read.boxes[row].tolist() == [list(gallery.truth(ratings, image_id).crop)]
    sizes = check_sizes(read)
    whole = [boxes[0].tolist() == [0, 0, *size] for boxes, size in zip(read.boxes, sizes.tolist(), strict=True)]
    assert 0 < sum(whole) < 6  # pictures that are best left alone stay in
    with pytest.raises(CropSetError, match=r"made: .*only gallery pictures have a known truth"):
        of_ratings(make_ratings(mean_score=[2.0, 4.0]))


def test_the_gallery_is_read_by_name(tmp_path, monkeypatch):
    ratings = gallery.read(tmp_path, n=2, short_side=64)
    asked = []
    monkeypatch.setattr(gallery, "read", lambda root: asked.append(root) or ratings)
    assert crops.read("gallery", tmp_path).fingerprint == of_ratings(ratings).fingerprint
    assert asked == [tmp_path]
