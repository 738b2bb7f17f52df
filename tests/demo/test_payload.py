"""What the page is told, from explanations made by hand."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from awcu.demo.payload import ASPECTS, explained, judged, tinted
from awcu.inference.crop import parse_aspect
from awcu.inference.explanation import Explanation, Verdict
from awcu.inference.reasons import Reason
from awcu.models.reference import AttributeLink, Reference

LINK = AttributeLink(means=(0.0, 1.0), slopes=(0.5, -2.0), r2=0.4)
REFERENCE = Reference(50, tuple(np.linspace(-1, 1, 101)), 2.0, evidence_limit=4.0, attribute_limit=8.0, link=LINK)
VERDICT = Verdict(0.75, 0.68, {"calm": 0.73, "Soft_Light": 0.88}, {"calm": 1.0, "Soft_Light": 2.0})
EVIDENCE = np.diag([3.0, 0.0, -2.0]).astype(np.float32)


def explanation(shape=(80, 120), **fields):
    maps = {"calm": EVIDENCE, "Soft_Light": -EVIDENCE}
    photograph = np.full((*shape, 3), 100, dtype=np.uint8)
    return replace(Explanation(photograph, VERDICT, EVIDENCE, EVIDENCE, maps, "warp", REFERENCE), **fields)


def pixels(uri):
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(";base64,")[2]))) as image:
        return np.asarray(image)


def test_words_and_numbers():
    """Contributions: ½ · (1 − 0) and −2 · (2 − 1); the larger effect comes first."""
    said = explained(explanation())
    assert (said["level"], said["verdict"]) == ("High", "probability of high .68")
    assert said["place"].startswith("Better than about 44 of 50 photographs")
    assert said["rank"]["n"] == 50
    assert [(one["title"], one.get("effect")) for one in said["maps"]] == [
        ("Evidence (AesAM)", None),
        ("Soft Light", "−2.00"),
        ("calm", "+.50"),
    ]
    assert any("from −2.0 to +3.0 log odds; its colours are full at ±4.0" in note for note in said["notes"])
    assert said["maps"][0]["ends"] == ("against", "", "for")
    assert said["maps"][1]["note"] == "probability .88, above average"
    assert said["maps"][1]["ends"] == ("against it", "", "for it")
    assert said["colours"].startswith("linear-gradient(to right, rgb(")


def test_reasons():
    assert explained(explanation())["reasons"] == []
    soft = Reason("sharpness", False, 0.09, -0.61, 0.2, np.eye(3))
    (said,) = explained(explanation(reasons=(soft,)))["reasons"]
    assert said.startswith("Soft: ")


def test_without_validation_photographs_or_attributes():
    bare = explained(
        explanation(reference=None, attributes={}, verdict=VERDICT._replace(attributes={}, attribute_logits={}))
    )
    assert bare["rank"] is None
    assert len(bare["maps"]) == 1


@pytest.mark.parametrize("aspect", ASPECTS)
@pytest.mark.parametrize("shape", [(800, 1200), (1200, 800)])
def test_crops_of_every_shape_lie_within_the_photograph(aspect, shape):
    height, width = shape
    boxes = explained(explanation(shape))["crops"][aspect]
    assert 1 <= len(boxes) <= 3
    sought = parse_aspect(aspect, shape)
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        if sought:
            assert (right - left) / (bottom - top) == pytest.approx(sought, rel=2e-3)


def test_a_photograph_too_small_for_a_shape_has_no_crop_of_it():
    crops = explained(explanation((1, 1)))["crops"]
    assert crops["16:9"] == []
    assert crops["original"] == [[0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("shape", "shown", "layer"), [((2000, 3000), (800, 1200), (107, 160)), ((30, 20), (1200, 800), (160, 107))]
)
def test_pictures_are_of_one_size_whatever_the_photographs(shape, shown, layer):
    said = explained(explanation(shape))
    assert said["size"] == [shape[1], shape[0]]
    assert pixels(said["photograph"]).shape == (*shown, 3)
    assert all(pixels(one["layer"]).shape == (*layer, 4) for one in said["maps"])


def test_a_tint_is_red_for_blue_against_and_hatched_where_nothing_was_seen():
    values = np.full((30, 30), np.nan, dtype=np.float32)
    values[:, :10], values[:, 10:20] = 2.0, -2.0
    picture = pixels(tinted(values, 1.0))
    assert (picture[:, :10, 0] > picture[:, :10, 2]).all()
    assert (picture[:, 10:20, 2] > picture[:, 10:20, 0]).all()
    unseen = {tuple(pixel) for pixel in picture[:, 20:].reshape(-1, 4).tolist()}
    assert (255, 255, 255, 255) in unseen
    assert {pixel[3] for pixel in unseen} == {0, 255}


@pytest.mark.parametrize(("reference", "better"), [(REFERENCE, "87\N{NO-BREAK SPACE}%"), (None, "–")])
def test_a_row_of_a_list(reference, better):
    row = judged("a.jpg", VERDICT, reference, np.zeros((50, 80, 3), dtype=np.uint8))
    assert row["said"] == [".68", better]
    assert (row["path"], row["score"], row["calm"]) == ("a.jpg", 0.75, 0.73)
    without = judged("a.jpg", VERDICT._replace(probability=None), reference, np.zeros((50, 80, 3), dtype=np.uint8))
    assert without["said"] == ["–", better]
    rated = judged("a.jpg", VERDICT._replace(rating=3.408), reference, np.zeros((50, 80, 3), dtype=np.uint8))
    assert rated["said"] == ["3.41", better]
    assert pixels(row["thumbnail"]).shape == (75, 120, 3)
