"""Sentences by hand: each says what the numbers say, whatever is missing."""

import re
from dataclasses import replace

import numpy as np
import pytest

from awcu.inference.explanation import Explanation, Verdict
from awcu.inference.wording import Heading, against_average, attributes_shown, heading, notes, sentence
from awcu.models.objective import RatingDistribution
from awcu.models.reference import AttributeLink, Reference
from awcu.text import label, percent, share

LINK = AttributeLink(means=(0.0, 1.0, -1.0), slopes=(0.5, -2.0, 1.0), r2=0.414)
REFERENCE = Reference(152, tuple(np.linspace(-1, 1, 101)), 2.0, evidence_limit=4.0, attribute_limit=8.0, link=LINK)
VERDICT = Verdict(
    score=0.75,
    probability=0.679,
    attributes={"calm": 0.73, "Soft_Light": 0.88, "bold": 0.5},
    attribute_logits={"calm": 1.0, "Soft_Light": 2.0, "bold": 0.0},
)
RATED = RatingDistribution((1.0, 2.0, 3.0, 4.0, 5.0), 3.0)
# Upper left for, lower right against.
BOTH = np.diag([3.0, 0.0, -2.0])


def explained(evidence=BOTH, shape=(60, 60), aspect="warp", **fields):
    evidence = np.asarray(evidence, dtype=np.float32)
    maps = dict.fromkeys(fields.get("verdict", VERDICT).attributes, evidence)
    photograph = np.full((*shape, 3), 100, dtype=np.uint8)
    made = Explanation(photograph, VERDICT, evidence, 1 / (1 + np.exp(-evidence)), maps, aspect, REFERENCE)
    return replace(made, **fields)


def linked(**fields):
    return replace(REFERENCE, link=replace(LINK, **fields))


def clauses(explanation):
    assert sentence(explanation).endswith(".")
    return sentence(explanation).removesuffix(".").replace("\N{NO-BREAK SPACE}", " ").split("; ")


def test_the_whole_sentence():
    """Contributions: ½ · (1 − 0), −2 · (2 − 1), 1 · (0 + 1)."""
    assert sentence(explained()).replace("\N{NO-BREAK SPACE}", " ") == (
        "Judged high (probability of high .68), with a score above that of 87 % of the 152 validation photographs; "
        "against their average, a likelier bold (+1.00) and a likelier calm (+.50) go with a higher score, a likelier "
        "Soft Light (−2.00) goes with a lower score; all attributes together account for 41 % of the score's "
        "variance; the strongest evidence for high lies in the upper left, the strongest against in the lower right."
    )


@pytest.mark.parametrize(
    "word", ["because", "beautiful", "caus", "due to", "thanks", "improve", "good", "bad", "raise"]
)
@pytest.mark.parametrize("reference", [REFERENCE, None, replace(REFERENCE, link=None)])
def test_neither_cause_nor_praise(word, reference):
    assert word not in sentence(explained(reference=reference))


class TestVerdict:
    @pytest.mark.parametrize(
        ("score", "n", "words"),
        [
            (-2.0, 152, "none of the 152"),
            (-1.0, 152, "none of the 152"),
            (-0.9, 152, "that of 5 % of the 152"),
            (2.0, 152, "all 152"),
            (2.0, 8, "all 8"),
            (0.0, 8, "that of about 4 of the 8"),
        ],
    )
    def test_rank(self, score, n, words):
        explanation = explained(verdict=VERDICT._replace(score=score), reference=replace(REFERENCE, n=n))
        assert clauses(explanation)[0].endswith(f"with a score above {words} validation photographs")

    def test_low(self):
        explanation = explained(verdict=VERDICT._replace(score=-0.75, probability=0.32))
        assert clauses(explanation)[0].startswith("Judged low (probability of high .32), with")
        assert heading(explanation) == Heading("Low", "probability of high .32", "score −.75 (log odds of high)")

    def test_of_a_distribution(self):
        explanation = explained(objective=RATED, verdict=VERDICT._replace(score=0.412, probability=0.48))
        assert clauses(explanation)[0].startswith(
            "Judged high (expected rating 3.41, midpoint 3, with .48 of the ratings expected above 3), with a score"
        )
        assert heading(explanation) == Heading(
            "High", ".48 of the ratings expected above 3", "expected rating 3.41, midpoint 3"
        )

    def test_never_validated(self):
        assert clauses(explained(reference=None))[0] == (
            "Judged high (probability of high .68), without validation photographs to rank it among"
        )


class TestAttributes:
    def test_less_likely_than_average(self):
        """A negative slope and a logit below the mean: −2 · (0.5 − 1) = +1."""
        logits = {"calm": 0.0, "Soft_Light": 0.5, "bold": -1.0}
        explanation = explained(verdict=VERDICT._replace(attribute_logits=logits))
        # The others lie on their mean, and what rounds to zero has no sign.
        assert (
            clauses(explanation)[1]
            == "against their average, a less likely Soft Light (+1.00) goes with a higher score"
        )
        assert against_average(explanation, "Soft_Light") == "below"

    def test_on_the_average(self):
        logits = dict(zip(VERDICT.attribute_logits, LINK.means, strict=True))
        explanation = explained(verdict=VERDICT._replace(attribute_logits=logits))
        assert clauses(explanation)[1:3] == [
            "no attribute departs from its average",
            "all attributes together account for 41 % of the score's variance",
        ]

    @pytest.mark.parametrize(
        ("reference", "why"),
        [
            (None, "how attributes go with the score was not measured"),
            (replace(REFERENCE, link=None), "how attributes go with the score was not measured"),
            (linked(r2=-0.1), "attributes account for none of the score's variance over the 152 photographs"),
        ],
    )
    def test_without_effects_the_likeliest_are_named(self, reference, why):
        explanation = explained(reference=reference)
        assert clauses(explanation)[1] == f"{why}, the likeliest being Soft Light (.88), calm (.73) and bold (.50)"
        assert attributes_shown(explanation, 2) == ["Soft_Light", "calm"]
        assert any(f"The likeliest attributes are shown: {why}." == note for note in notes(explanation))

    def test_largest_effect_first(self):
        assert attributes_shown(explained(), 9) == ["Soft_Light", "bold", "calm"]
        assert attributes_shown(explained(), 0) == []

    def test_none(self):
        explanation = explained(
            verdict=VERDICT._replace(attributes={}, attribute_logits={}), reference=replace(REFERENCE, link=None)
        )
        assert clauses(explanation)[1] == "the model knows no attributes"
        assert not any("attribute" in note for note in notes(explanation))


class TestPlaces:
    @pytest.mark.parametrize(
        ("evidence", "words"),
        [
            (
                [[0, 0, 3], [0, 0, 0], [0, -2, 0]],
                "for high lies in the upper right, the strongest against at the bottom",
            ),
            ([[0, 3, 0], [0, 0, 0], [-2, 0, 0]], "for high lies at the top, the strongest against in the lower left"),
            ([[0, 0, 0], [3, 0, -2], [0, 0, 0]], "for high lies at the left, the strongest against at the right"),
            ([[1, 1, 1], [1, 4, 1], [1, 1, 1]], "for high lies in the centre, and next to none speaks against"),
            (
                [[-1, -1, -1], [-1, -4, -1], [-1, -1, -1]],
                "against high lies in the centre, and next to none speaks for",
            ),
            # Cells of less than a tenth of full colour are no second sign.
            ([[0, 0, 0], [0, 4, 0], [0, 0, -0.39]], "for high lies in the centre, and next to none speaks against"),
        ],
    )
    def test_thirds(self, evidence, words):
        assert clauses(explained(evidence))[-1] == f"the strongest evidence {words}"

    def test_both_in_one_place(self):
        evidence = np.zeros((9, 9))
        evidence[0, :2] = 3, -3
        assert clauses(explained(evidence))[-1] == (
            "the strongest evidence for and against high lies in the upper left alike"
        )

    @pytest.mark.parametrize(
        ("level", "words"),
        [
            (2, "the evidence is for high and even over the frame"),
            (-2, "the evidence is against high and even over the frame"),
            (0.3, "evidence is faint all over the frame"),
            (0, "evidence is faint all over the frame"),
        ],
    )
    def test_even(self, level, words):
        assert clauses(explained(np.full((3, 3), level)))[-1] == words

    def test_what_was_cut_off_is_no_place(self):
        """In the middle third of a 3:1 photograph, whose left and right the network never saw."""
        explanation = explained([[3, 0], [0, -3]], shape=(40, 120), aspect="crop")
        assert clauses(explanation)[-1] == (
            "the strongest evidence for high lies at the top, the strongest against at the bottom"
        )
        assert "The hatched part was cut off before the network saw it." in notes(explanation)[-1]
        assert "hatched" not in " ".join(notes(explained()))

    def test_padding_is_no_place(self):
        """Of the square, only the middle row lies on a 3:1 photograph."""
        evidence = np.array([[-9, -9, -9], [0, 2, 0], [-9, -9, -9]])
        explanation = explained(np.kron(evidence, np.ones((9, 9))), shape=(40, 120), aspect="letterbox")
        assert re.search("for high lies (in the centre|at the top|at the bottom)", clauses(explanation)[-1])


class TestNotes:
    def test_scale_of_the_model_and_of_none(self):
        assert "the strongest place of one in ten of its 152 validation photographs" in notes(explained())[0]
        assert "cannot be compared between photographs" in notes(explained(reference=None))[0]

    def test_a_model_that_has_seen_no_photograph_says_so_first(self):
        said = "trained on rendered scenes: it is for trying the tool, not for judging photographs."
        assert notes(explained(trained_on="gallery"))[0].endswith(said)
        assert not any("rendered" in note for note in notes(explained(trained_on="AVA")))

    def test_unit_of_the_effects(self):
        assert "in log odds," in notes(explained())[1]
        assert "in rating points," in notes(explained(objective=RATED))[1]

    def test_not_calibrated(self):
        assert all("not calibrated" in notes(explained(reference=one))[-1] for one in (REFERENCE, None))

    @pytest.mark.parametrize(("midpoint", "half"), [(3.0, True), (2.5, False)])
    def test_a_rating_at_the_midpoint_counts_half(self, midpoint, half):
        last = notes(explained(objective=replace(RATED, midpoint=midpoint)))[-1]
        assert last.startswith("Shares of ratings are the model's own and not calibrated.")
        assert ("A rating of 3 counts half." in last) is half


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "<.01"), (0.004, "<.01"), (0.5, ".50"), (0.994, ".99"), (1.0, ">.99")]
)
def test_share(value, text):
    assert share(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.004, "<1"), (0.414, "41"), (0.996, ">99"), (1, "100")])
def test_percent(value, text):
    assert percent(value) == f"{text}\N{NO-BREAK SPACE}%"


def test_label():
    assert label("Rule_of_Thirds") == "Rule of Thirds"
