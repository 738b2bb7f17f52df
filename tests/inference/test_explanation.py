"""Contributions, maps laid on the photograph, colours and crops of explanations made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from awcu.errors import CropError
from awcu.images.boxes import Box
from awcu.inference.explanation import Explanation, Verdict
from awcu.models.cam import onto_photograph, overlay
from awcu.models.reference import AttributeLink, Reference

LINK = AttributeLink(means=(0.0, 1.0, -1.0), slopes=(0.5, -2.0, 1.0), r2=0.4)
REFERENCE = Reference(50, tuple(np.linspace(-1, 1, 101)), 2.0, evidence_limit=4.0, attribute_limit=8.0, link=LINK)
VERDICT = Verdict(
    score=0.75,
    probability=0.68,
    attributes={"calm": 0.73, "bold": 0.88, "soft": 0.5},
    attribute_logits={"calm": 1.0, "bold": 2.0, "soft": 0.0},
)


def explained(evidence, shape=(40, 60), aspect="warp", reference=REFERENCE):
    """A grey photograph of a shape under given evidence; calm's map is the evidence doubled."""
    evidence = np.asarray(evidence, dtype=np.float32)
    maps = {"calm": 2 * evidence, "bold": -evidence, "soft": 0 * evidence}
    photograph = np.full((*shape, 3), 100, dtype=np.uint8)
    return Explanation(photograph, VERDICT, evidence, evidence * 0 + 0.5, maps, aspect, reference)


def corner(size=8):
    """Evidence in the lower right quarter of the view, against in the rest."""
    evidence = np.full((size, size), -1.0, dtype=np.float32)
    evidence[size // 2 :, size // 2 :] = 3
    return evidence


@pytest.mark.parametrize(("score", "level"), [(1e-9, "high"), (0.0, "low"), (-2.0, "low")])
def test_a_positive_score_is_high(score, level):
    assert VERDICT._replace(score=score).level == level


class TestContributions:
    def test_by_hand_and_the_largest_effect_first(self):
        """½ · (1 − 0), −2 · (2 − 1), 1 · (0 + 1)."""
        contributions = explained(corner()).contributions
        assert list(contributions.items()) == [("bold", -2.0), ("soft", 1.0), ("calm", 0.5)]

    @pytest.mark.parametrize(
        "reference",
        [
            None,
            replace(REFERENCE, link=None),
            replace(REFERENCE, link=replace(LINK, r2=0.09)),
            replace(REFERENCE, link=replace(LINK, r2=-0.2)),
        ],
        ids=["never validated", "no link", "explains nothing", "worse than nothing"],
    )
    def test_are_empty_where_attributes_explain_nothing(self, reference):
        assert explained(corner(), reference=reference).contributions == {}


class TestOnPhotograph:
    @pytest.mark.parametrize("aspect", ["warp", "letterbox", "crop"])
    @pytest.mark.parametrize("shape", [(40, 60), (60, 40), (50, 50)])
    def test_is_laid_as_the_photograph_was_fitted(self, aspect, shape):
        explanation = explained(corner(), shape, aspect)
        for attribute, factor in ((None, 1), ("calm", 2), ("bold", -1)):
            values = explanation.on_photograph(attribute)
            assert values.shape == shape
            np.testing.assert_allclose(values, factor * onto_photograph(corner(), aspect, shape), rtol=1e-6)
        seen = ~np.isnan(explanation.on_photograph())
        assert seen.sum() == (40 * 40 if aspect == "crop" and shape != (50, 50) else shape[0] * shape[1])

    @pytest.mark.parametrize(("aspect", "expected"), [("warp", 3), ("letterbox", 3), ("crop", np.nan)])
    def test_the_lower_right_corner_is_the_lower_right_corner(self, aspect, expected):
        values = explained(corner(), (40, 60), aspect).on_photograph()
        assert values[-1, -1] == pytest.approx(expected, nan_ok=True)
        assert values[38, 48] == pytest.approx(3)
        assert values[2, 12] == pytest.approx(-1)

    def test_letterbox_shows_only_what_lies_on_the_photograph(self):
        """Rows of a square view of 60: the photograph is in rows 10 to 50."""
        bands = np.repeat(np.arange(6.0), 10)[:, None].repeat(60, axis=1)
        values = explained(bands, (40, 60), "letterbox").on_photograph()
        assert values[:, 0].tolist() == bands[10:50, 0].tolist()

    def test_an_unknown_attribute_is_a_key_error(self):
        with pytest.raises(KeyError, match="loud"):
            explained(corner()).on_photograph("loud")


class TestOverlay:
    @pytest.mark.parametrize(("attribute", "limit"), [(None, 4.0), ("calm", 8.0)])
    @pytest.mark.parametrize("aspect", ["warp", "crop"])
    def test_colours_are_full_at_the_limit_of_the_reference(self, attribute, limit, aspect):
        explanation = explained(corner(), aspect=aspect)
        values = explanation.on_photograph(attribute)
        picture = explanation.overlay(attribute)
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, overlay(explanation.photograph, values, limit))
        assert (picture[np.isnan(values)] == 100).all()

    def test_pictures_of_one_model_can_be_compared(self):
        """Twice the evidence is twice as far from grey, and beyond the limit it is no farther."""
        from_grey = [
            int(np.abs(explained(np.full((2, 2), value)).overlay().astype(int) - 100).max()) for value in (1, 2, 4, 9)
        ]
        assert 0 < from_grey[0] < from_grey[1] < from_grey[2] == from_grey[3]

    def test_without_a_reference_the_strongest_cell_is_full(self):
        plain = explained(corner(), reference=None)
        np.testing.assert_array_equal(plain.overlay(), overlay(plain.photograph, plain.on_photograph(), 3.0))
        np.testing.assert_array_equal(plain.overlay("calm"), plain.overlay())

    def test_limits_by_hand(self):
        """The strongest cell of the corner is 3, of calm's map 6."""
        with_reference, without = explained(corner()), explained(-corner(), reference=None)
        assert [with_reference.limit(), with_reference.limit("calm"), with_reference.limit("soft")] == [4, 8, 8]
        assert [without.limit(), without.limit("calm")] == [3, 6]
        assert without.limit("soft") > 0

    def test_no_evidence_is_no_colour(self):
        plain = explained(np.zeros((4, 4)), reference=None)
        np.testing.assert_array_equal(plain.overlay(), plain.photograph)


class TestOnLattice:
    @pytest.mark.parametrize(
        ("shape", "cells"), [((400, 600), (43, 64)), ((600, 400), (64, 43)), ((20, 20), (64, 64)), ((1, 90), (1, 64))]
    )
    @pytest.mark.parametrize("aspect", ["warp", "letterbox"])
    def test_has_the_proportions_of_the_photograph(self, shape, cells, aspect):
        values = explained(corner(), shape, aspect).on_lattice()
        assert values.shape == cells
        assert np.isfinite(values).all()
        if min(shape) > 1:
            assert [values[0, 0], values[-1, -1]] == pytest.approx([-1, 3])

    def test_is_nan_where_the_network_saw_nothing(self):
        values = explained(corner(), (300, 600), "crop").on_lattice()
        assert values.shape == (32, 64)
        assert np.isnan(values).all(0).tolist() == [True] * 16 + [False] * 32 + [True] * 16
        assert values[-1, 47] == pytest.approx(3)


class TestCrops:
    @pytest.mark.parametrize("shape", [(400, 600), (600, 400), (30, 20), (1, 90)])
    @pytest.mark.parametrize("aspect", ["warp", "letterbox", "crop"])
    def test_are_in_pixels_of_the_photograph(self, shape, aspect):
        height, width = shape
        crops = explained(corner(), shape, aspect).crops(smallest=0.3, top=5)
        assert 1 <= len(crops) <= 5
        for box, worth in crops:
            assert 0 <= box.left < box.right <= width
            assert 0 <= box.top < box.bottom <= height
            assert np.isfinite(worth)
        assert [crop.worth for crop in crops] == sorted((crop.worth for crop in crops), reverse=True)

    @pytest.mark.parametrize("aspect", ["warp", "letterbox", "crop"])
    def test_the_best_crop_keeps_what_speaks_for_the_photograph(self, aspect):
        """Of 600×400, the lower right quarter of what the network saw is in the best half of it."""
        box = explained(10 * corner(), (400, 600), aspect).crops()[0].box
        assert box.left > 100
        assert box.top > 50
        assert box.bottom == 400
        assert box.right >= (500 if aspect == "crop" else 600)

    @pytest.mark.parametrize("aspect", ["letterbox", "crop"])
    def test_of_a_square_all_fits_agree(self, aspect):
        assert explained(corner(), (300, 300), aspect).crops(top=3) == explained(corner(), (300, 300)).crops(top=3)

    def test_meet_the_wishes(self):
        keep = Box(10, 20, 110, 90)
        explanation = explained(5 * corner(), (400, 600))
        crops = explanation.crops(aspect=1.0, smallest=0.7, keep=[keep], top=3)
        assert len(crops) > 1
        for box, _ in crops:
            assert box.width == box.height >= 0.7 * 400
            assert box.left <= 10
            assert box.top <= 20
            assert box.right >= 110
            assert box.bottom >= 90

    def test_a_wish_that_cannot_be_met_is_refused(self):
        with pytest.raises(CropError, match=r"photograph of 60×40"):
            explained(corner()).crops(keep=[Box(0, 0, 61, 10)])

    def test_evidence_counts_in_standard_deviations_of_the_score(self):
        """Twice the evidence under a model whose scores vary twice as much is the same crop of the same worth."""
        wide = replace(REFERENCE, score_sd=4.0)
        once, twice = explained(corner()), explained(2 * corner(), reference=wide)
        assert twice.crops(top=3) == once.crops(top=3)
        assert explained(2 * corner()).crops()[0].worth > once.crops()[0].worth

    def test_without_a_reference_the_map_is_its_own_yardstick(self):
        own = replace(REFERENCE, score_sd=float(corner().std()))
        expected = explained(corner(), reference=own).crops(top=3)
        for factor in (1, 1024):
            assert explained(factor * corner(), reference=None).crops(top=3) == expected

    def test_no_evidence_leaves_the_photograph_whole(self):
        for reference in (REFERENCE, None):
            assert explained(np.zeros((4, 4)), reference=reference).crops()[0].box == Box(0, 0, 60, 40)
