"""A set of crops refuses what contradicts itself, keeps its identity, and knows whether boxes fit their photographs."""

import numpy as np
import pytest
from PIL import Image

from awcu.datasets import cropping as crops
from awcu.datasets.cropping.crop_set import CropSet, check_sizes, cut_to_photographs, photograph_sizes
from awcu.errors import CropSetError

PLACES = {"a": [[0, 1, 4, 6], [2, 2, 9, 5]], "b": [[3, 0, 8, 2]], "c": [[1, 1, 2, 2]]}
SPLITS = {"a": "test", "b": "train", "c": "test"}


def crop_set(names="abc", scores=None, **fields):
    values = {
        "name": "made",
        "image_ids": np.array(list(names)),
        "image_paths": np.array([f"{name}.jpg" for name in names]),
        "boxes": tuple(np.array(PLACES[name]) for name in names),
        "scores": scores,
        "split": np.array([SPLITS[name] for name in names]),
    }
    return CropSet(**values | fields)


def of_three(first):
    """Boxes of three photographs, the first ones given."""
    return (np.array(first), np.array(PLACES["b"]), np.array(PLACES["c"]))


SCORES = (np.array([3.5, 1.0]), np.array([2.0]), np.array([4.0]))


def test_it_holds_a_row_a_photograph():
    made = crop_set(scores=SCORES)
    assert len(made) == 3
    assert made.missing == 0
    assert made.boxes[0].tolist() == PLACES["a"]
    assert {boxes.dtype for boxes in made.boxes} == {np.dtype(np.int64)}


def test_a_split_takes_its_rows_scores_and_missing_ones():
    made = crop_set(scores=SCORES, missing_split=np.array(["test", "train", "test"]))
    assert made.missing == 3
    test = made.of_split("test")
    assert test.image_ids.tolist() == ["a", "c"]
    assert test.image_paths.tolist() == ["a.jpg", "c.jpg"]
    assert [boxes.tolist() for boxes in test.boxes] == [PLACES["a"], PLACES["c"]]
    assert [scores.tolist() for scores in test.scores] == [[3.5, 1.0], [4.0]]
    assert test.split.tolist() == ["test", "test"]
    assert test.missing == 2
    assert crop_set().of_split("train").scores is None


def test_an_empty_split_is_refused():
    with pytest.raises(CropSetError, match=r"made: the val split has no photographs; choose one of train, test"):
        crop_set().of_split("val")


def test_the_fingerprint_is_that_of_the_contents_in_any_order():
    made = crop_set()
    assert len(made.fingerprint) == 12
    assert crop_set("cab").fingerprint == made.fingerprint
    assert crop_set(name="other", split=np.array(["val"] * 3)).fingerprint == made.fingerprint
    assert crop_set(boxes=tuple(np.array(PLACES[name], np.int16) for name in "abc")).fingerprint == made.fingerprint


def test_the_fingerprint_changes_with_the_contents():
    contents = [
        {},
        {"names": "ab"},
        {"image_ids": np.array(["a", "b", "d"])},
        {"boxes": of_three([[0, 1, 4, 6], [2, 2, 9, 6]])},
        {"boxes": of_three([[0, 1, 4, 6]])},
        {"scores": SCORES},
        {"scores": (np.array([3.5, 1.5]), *SCORES[1:])},
    ]
    assert len({crop_set(**fields).fingerprint for fields in contents}) == len(contents)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"names": ""}, r"made: it has no photographs and needs at least 1"),
        ({"image_paths": np.array(["a.jpg"])}, r"image_paths has 1 rows for 3 ids"),
        ({"boxes": (np.array([[0, 0, 1, 1]]),)}, r"boxes has 1 rows for 3 ids"),
        ({"scores": SCORES[:2]}, r"scores has 2 rows for 3 ids"),
        ({"split": np.array(["test"])}, r"split has 1 rows for 3 ids"),
        ({"image_ids": np.array(["a", "b", "a"])}, r"more than once: a; keep one"),
        ({"split": np.array(["test", "dev", "test"])}, r"split 'dev' of b is none of train, val, test"),
        ({"boxes": of_three([0, 1, 4, 6])}, r"the boxes of a are int64 of shape \(4,\), expected"),
        ({"boxes": of_three(np.empty((0, 4), np.int64))}, r"the boxes of a are int64 of shape \(0, 4\)"),
        ({"boxes": of_three([[0, 1, 4]])}, r"the boxes of a are int64 of shape \(1, 3\)"),
        ({"boxes": of_three([[0.5, 1, 4, 6]])}, r"the boxes of a are float64"),
        ({"boxes": of_three([[0, 0, 1, 1], [4, 1, 4, 6]])}, r"a box of a has no area; right must exceed left"),
        ({"boxes": of_three([[0, 6, 4, 1]])}, r"a box of a has no area"),
        ({"boxes": of_three(np.array([[9, 1, 4, 6]], np.uint8))}, r"a box of a has no area"),
        ({"scores": (np.array([3.0]), *SCORES[1:])}, r"a has scores of shape \(1,\) for 2 boxes"),
        ({"scores": (np.array([3.0, np.nan]), *SCORES[1:])}, r"a score of a is not a finite number"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(fields, message):
    with pytest.raises(CropSetError, match=message):
        crop_set(**fields)


def test_a_fault_names_five_photographs_and_counts_the_rest():
    n = 8
    with pytest.raises(CropSetError, match=r"a box of 0, 1, 2, 3, 4 and 3 more has no area"):
        CropSet(
            name="made",
            image_ids=np.arange(n).astype(np.str_),
            image_paths=np.arange(n).astype(np.str_),
            boxes=(np.array([[5, 5, 1, 1]]),) * n,
            scores=None,
            split=np.full(n, "test"),
        )


def test_sets_are_read_by_name(tmp_path):
    assert crops.NAMES == ("flms", "fcdb", "cuhk_icd", "gaicd", "gallery")
    with pytest.raises(CropSetError, match=r"'lfms' is not a cropping set; choose one of flms, fcdb, cuhk_icd"):
        crops.read("lfms", tmp_path)
    for name in crops.NAMES[:-1]:
        with pytest.raises(CropSetError, match=rf"{name}: its folder is not given"):
            crops.read(name)


@pytest.fixture
def photographed(tmp_path):
    """One photograph of the given size and EXIF orientation, with the given boxes."""

    def make(boxes, size=(40, 30), orientation=None):
        exif = Image.Exif()
        if orientation is not None:
            exif[0x0112] = orientation
        Image.new("RGB", size).save(tmp_path / "a.jpg", exif=exif)
        path = np.array([str(tmp_path / "a.jpg")])
        return crop_set("a", image_paths=path, boxes=(np.array(boxes),), scores=(np.arange(len(boxes)) + 1.0,))

    return make


def test_boxes_up_to_every_edge_fit(photographed):
    made = photographed([[0, 0, 40, 30], [39, 29, 40, 30]])
    assert check_sizes(made).tolist() == photograph_sizes(made).tolist() == [[40, 30]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sizes_are_those_of_the_upright_photograph(photographed, orientation):
    expected = [30, 40] if orientation > 4 else [40, 30]
    assert photograph_sizes(photographed([[0, 0, 1, 1]], orientation=orientation)).tolist() == [expected]


@pytest.mark.parametrize("box", [[-1, 0, 9, 9], [0, -1, 9, 9], [0, 0, 41, 9], [0, 0, 9, 31]])
def test_boxes_beyond_an_edge_are_refused_and_can_be_cut(photographed, box):
    made = photographed([[1, 1, 5, 5], box])
    with pytest.raises(CropSetError, match=r"made: boxes reach beyond the photograph for a \(40×30\); cut them with"):
        check_sizes(made)
    cut = cut_to_photographs(made, photograph_sizes(made))
    left, top, right, bottom = box
    assert cut.boxes[0].tolist() == [[1, 1, 5, 5], [max(left, 0), max(top, 0), min(right, 40), min(bottom, 30)]]
    assert cut.scores[0].tolist() == [1.0, 2.0]
    assert check_sizes(cut).tolist() == [[40, 30]]


def test_a_third_of_a_box_may_be_cut_off_but_no_more(photographed):
    # Outside lie 2 of 8 rows, then 1 of 3, then 11 of 30.
    for top, bottom in ((24, 32), (28, 31)):
        made = photographed([[0, top, 9, bottom]])
        assert cut_to_photographs(made, photograph_sizes(made)).boxes[0].tolist() == [[0, top, 9, 30]]
    made = photographed([[0, 11, 9, 41]])
    with pytest.raises(CropSetError, match=r"more than a third of a box lies outside the photograph for a \(40×30\)"):
        cut_to_photographs(made, photograph_sizes(made))


@pytest.mark.parametrize("box", [[40, 0, 50, 9], [-9, -9, -1, -1], [0, 99, 9, 120]])
def test_a_box_wholly_outside_is_refused(photographed, box):
    made = photographed([box])
    with pytest.raises(CropSetError, match=r"more than a third of a box lies outside"):
        cut_to_photographs(made, photograph_sizes(made))


def test_sizes_of_another_set_are_refused(photographed):
    with pytest.raises(CropSetError, match=r"sizes have shape \(2, 2\), expected \(1, 2\)"):
        cut_to_photographs(photographed([[0, 0, 1, 1]]), np.array([[40, 30], [40, 30]]))


@pytest.mark.parametrize("content", [b"", b"no photograph", None])
def test_a_photograph_that_does_not_open_is_named(photographed, tmp_path, content):
    made = photographed([[0, 0, 1, 1]])
    (tmp_path / "a.jpg").unlink()
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(CropSetError, match=r"a\.jpg: Pillow cannot open it"):
        check_sizes(made)
