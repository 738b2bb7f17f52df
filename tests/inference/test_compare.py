"""Two models' explanations made by hand."""

from dataclasses import replace

import numpy as np

from awcu.inference.compare import compare
from awcu.inference.explanation import Explanation, Verdict
from awcu.models.objective import Score
from awcu.models.reference import Reference

REFERENCE = Reference(101, tuple(np.linspace(-1, 1, 101)), 2.0, 4.0, 8.0, None)
NAMES = ("plain", "weighted")
LEFT = np.array([[2.0, 0.0], [0.0, -2.0]])


def explained(evidence, score=0.5, sd=2.0, shape=(64, 64), aspect="warp"):
    evidence = np.asarray(evidence, dtype=np.float32)
    verdict = Verdict(score, 1 / (1 + np.exp(-score)), {}, {})
    reference = None if sd is None else replace(REFERENCE, score_sd=sd)
    photograph = np.full((*shape, 3), 100, dtype=np.uint8)
    return Explanation(photograph, verdict, evidence, evidence, {}, aspect, reference)


def said(first, second):
    text = compare(NAMES, first, second).sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert text.endswith(".")
    return text.removesuffix(".").split("; ")


def test_the_sentence():
    """The second has four times the first's evidence but eight times its spread: half of it in its own units."""
    levels, shares, correlation, place = said(explained(LEFT, 0.5), explained(4 * LEFT, -0.5, sd=16))
    assert levels == "“plain” judges it high, “weighted” low"
    for words in (".62 for “plain”", ".38 for “weighted”", "74 % and 25 %"):
        assert words in shares
    assert correlation.endswith("1.00")
    for words in ("in the upper left", "“weighted” sees less"):
        assert words in place


def test_the_difference_is_in_standard_deviations_of_each_ones_scores():
    first = explained(LEFT)
    difference = compare(NAMES, first, explained(4 * LEFT, sd=16)).difference
    assert difference.shape == (64, 64)
    np.testing.assert_allclose(difference, (4 / 16 - 1 / 2) * first.on_lattice(), atol=1e-6)


def test_more_in_another_place():
    corner = np.array([[0.0, 0.0], [0.0, 4.0]])
    place = said(explained(0 * corner), explained(corner))[-1]
    for words in ("in the lower right", "“weighted” sees more"):
        assert words in place


def test_maps_that_are_alike():
    parts = said(explained(LEFT, 0.5), explained(2 * LEFT, 0.6, sd=4))
    assert parts[0] == "Both judge it high"
    assert parts[-1] == "their maps are alike"


def test_grids_of_different_sizes_are_laid_over_each_other():
    fine = np.kron(LEFT, np.ones((2, 2)))
    assert compare(NAMES, explained(LEFT), explained(fine)).difference.shape == (64, 64)


def test_without_validation_photographs_there_is_no_rank():
    parts = said(explained(LEFT, sd=None), explained(-LEFT))
    assert "%" not in parts[1]


def test_a_model_without_probability_says_its_rating():
    first, second = explained(LEFT, 0.5), explained(-LEFT, -0.5)
    rated = replace(first, verdict=first.verdict._replace(probability=None), objective=Score((1.0, 5.0), 3.0))
    numbers = said(rated, second)[1]
    for words in ("“plain” says 3.50 on a scale of 1 to 5", "“weighted” probability of high .38", "74 % and 25 %"):
        assert words in numbers


def test_what_one_did_not_see_is_no_difference():
    found = compare(NAMES, explained(LEFT, shape=(32, 64), aspect="crop"), explained(-LEFT, shape=(32, 64)))
    assert np.isnan(found.difference[:, [0, -1]]).all()
    assert not np.isnan(found.difference[:, 32]).any()
