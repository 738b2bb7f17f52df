"""Sentences by hand: each says what the numbers say, whatever is missing."""

import re
from dataclasses import replace

import numpy as np
import pytest

from awcu.images.edits import EDITS
from awcu.inference.explanation import Explanation, Verdict
from awcu.inference.reasons import Reason
from awcu.inference.wording import (
    MEASURED,
    UNSEEN,
    against_average,
    attributes_shown,
    heading,
    in_short,
    measure,
    notes,
    reasons,
    sentence,
)
from awcu.models.objective import Binary, RatingDistribution, Score
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
REGRESSION = Score((0.0, 5.0), 3.0)
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


def in_order(text, *words):
    """Whether the words are there, one after the other."""
    return re.search(".*".join(map(re.escape, words)), text.replace("\N{NO-BREAK SPACE}", " ")) is not None


def test_the_sentence_holds_effects_and_places():
    """Contributions: ½ · (1 − 0), −2 · (2 − 1), 1 · (0 + 1)."""
    assert in_order(
        sentence(explained()), "likelier bold (+1.00)",
        "likelier calm (+.50)", "higher", "likelier Soft Light (−2.00)", "lower", "41 % of the score's variance",
        "most for", "upper left", "most against", "lower right",
    )  # fmt: skip


@pytest.mark.parametrize("reference", [REFERENCE, None, replace(REFERENCE, link=None)])
def test_neither_cause_nor_praise(reference):
    words = "because|beautiful|caus|due to|thanks|improve|good|bad|raise"
    assert not re.search(words, sentence(explained(reference=reference)))


SOFT = Reason("sharpness", False, 0.09, -0.61, 0.2, np.kron([[0.0, 0, 0], [0, 0, 0], [0, 0, 1]], np.ones((9, 9))))
LIGHT = Reason("lightness", True, 0.96, 0.34, -0.1)


class TestReasons:
    def told(self, *found, **fields):
        return [one.replace("\N{NO-BREAK SPACE}", " ") for one in reasons(explained(reasons=found, **fields))]

    def test_little_of_it_where_and_the_map_agrees(self):
        (said,) = self.told(SOFT)
        assert in_order(said, "Soft: sharper than only 9 % of 152 photographs", "score .6 below usual ones.", "Softest")
        assert in_order(said, "Softest in the lower right, where the map is lowest too.")

    def test_elsewhere_than_the_map(self):
        (said,) = self.told(SOFT, evidence=np.diag([-3.0, 0, 2]))
        assert said.endswith("Softest in the lower right.")

    def test_much_of_it_all_over_the_frame(self):
        (said,) = self.told(LIGHT)
        assert in_order(said, "Light: lighter than 96 % of 152", "score .3 above usual ones.")
        assert said.endswith("ones.")

    def test_the_photographs_are_named_once(self):
        first, second = self.told(SOFT, LIGHT)
        assert UNSEEN in first
        assert "96 % of them" in second

    def test_a_narrow_gap_is_not_nothing(self):
        assert "score .04 below" in self.told(SOFT._replace(gap=-0.04))[0]

    def test_in_one_line(self):
        expected = "For it: light. Against it: soft, softest in the lower right"
        assert in_short(explained(reasons=(SOFT, LIGHT))) == expected
        assert in_short(explained(reasons=())) == in_short(explained()) == ""

    def test_one_at_the_end_of_all(self):
        assert "sharper than almost none of 152" in self.told(SOFT._replace(share_below=0.001))[0]
        assert "lighter than >99 % of 152" in self.told(LIGHT._replace(share_below=0.999))[0]

    def test_none_is_said_and_what_is_not_known_is_not(self):
        assert "No measured reason" in self.told()[0]
        assert reasons(explained()) == []
        assert any("A reason is named only" in note for note in notes(explained(reasons=())))
        assert not any("A reason is named only" in note for note in notes(explained()))

    @pytest.mark.parametrize(("name", "high"), MEASURED)
    def test_every_attribute_that_an_edit_changes_has_words(self, name, high):
        (said,) = self.told(SOFT._replace(name=name, high=high))
        assert in_order(said, MEASURED[name, high][0].capitalize() + ": ", " than ", "9 %")
        assert set(MEASURED) == {(one, end) for one in EDITS for end in (False, True)}


class TestHeading:
    @pytest.mark.parametrize(
        ("score", "n", "words"),
        [
            (-2.0, 152, "none of 152"),
            (-1.0, 152, "none of 152"),
            (-0.9, 152, "5 % of 152"),
            (2.0, 1520, "all 1,520"),
            (2.0, 8, "all 8"),
            (0.0, 8, "about 4 of 8"),
        ],
    )
    def test_place(self, score, n, words):
        explanation = explained(verdict=VERDICT._replace(score=score), reference=replace(REFERENCE, n=n))
        assert in_order(heading(explanation).place, "Better than", f"{words} photographs", "not learned from")

    def test_of_a_binary_model(self):
        level, verdict, detail, _ = heading(explained(verdict=VERDICT._replace(score=-0.75, probability=0.32)))
        assert (level, verdict) == ("Low", "probability of high .32")
        assert in_order(detail, "−.75", "log odds")

    def test_of_a_distribution(self):
        explanation = explained(objective=RATED, verdict=VERDICT._replace(score=0.412, probability=0.48))
        level, verdict, detail, _ = heading(explanation)
        assert (level, verdict) == ("High", "3.41 on a scale of 1 to 5")
        assert in_order(detail, "above 3", ".48")

    def test_of_a_regression(self):
        explanation = explained(objective=REGRESSION, verdict=VERDICT._replace(score=-2.588, probability=None))
        assert heading(explanation)[:3] == ("Low", "0.41 on a scale of 0 to 5", "high is above 3")

    def test_never_validated(self):
        assert heading(explained(reference=None)).place == ""

    def test_head_of_a_column(self):
        assert measure(REGRESSION) == "rating (0–5)"
        assert measure(RATED) == "rating (1–5)"
        assert "probability" in measure(Binary())


class TestAttributes:
    def test_less_likely_than_average(self):
        """A negative slope and a logit below the mean: −2 · (0.5 − 1) = +1."""
        logits = {"calm": 0.0, "Soft_Light": 0.5, "bold": -1.0}
        explanation = explained(verdict=VERDICT._replace(attribute_logits=logits))
        said = clauses(explanation)[0]
        assert in_order(said, "less likely Soft Light (+1.00)", "higher")
        # The others lie on their mean, and what rounds to zero has no sign.
        assert said.count("(") == 1
        assert against_average(explanation, "Soft_Light") == "below"

    def test_on_the_average(self):
        logits = dict(zip(VERDICT.attribute_logits, LINK.means, strict=True))
        explanation = explained(verdict=VERDICT._replace(attribute_logits=logits))
        assert "(" not in clauses(explanation)[0]
        assert "41 % of the score's variance" in clauses(explanation)[1]

    @pytest.mark.parametrize(
        ("reference", "why"),
        [
            (None, "not measured"),
            (replace(REFERENCE, link=None), "not measured"),
            (linked(r2=-0.1), "none of the score's variance over the 152 photographs"),
        ],
    )
    def test_without_effects_the_likeliest_are_named(self, reference, why):
        explanation = explained(reference=reference)
        assert in_order(clauses(explanation)[0].lower(), why, "soft light (.88), calm (.73) and bold (.50)")
        assert attributes_shown(explanation, 2) == ["Soft_Light", "calm"]
        assert any(in_order(note, "likeliest", why) for note in notes(explanation))

    def test_largest_effect_first(self):
        assert attributes_shown(explained(), 9) == ["Soft_Light", "bold", "calm"]
        assert attributes_shown(explained(), 0) == []

    def test_none(self):
        explanation = explained(
            verdict=VERDICT._replace(attributes={}, attribute_logits={}), reference=replace(REFERENCE, link=None)
        )
        assert len(clauses(explanation)) == 1
        assert "attribute" not in sentence(explanation)
        assert not any("attribute" in note for note in notes(explanation))


class TestPlaces:
    @pytest.mark.parametrize(
        ("evidence", "words"),
        [
            ([[0, 0, 3], [0, 0, 0], [0, -2, 0]], ("for", "upper right", "against", "at the bottom")),
            ([[0, 3, 0], [0, 0, 0], [-2, 0, 0]], ("for", "at the top", "against", "lower left")),
            ([[0, 0, 0], [3, 0, -2], [0, 0, 0]], ("for", "at the left", "against", "at the right")),
            ([[1, 1, 1], [1, 4, 1], [1, 1, 1]], ("for", "in the centre", "hardly anything speaks against")),
            ([[-1, -1, -1], [-1, -4, -1], [-1, -1, -1]], ("against", "in the centre", "hardly anything speaks for")),
            # Cells of less than a tenth of full colour are no second sign.
            ([[0, 0, 0], [0, 4, 0], [0, 0, -0.39]], ("for", "in the centre", "hardly anything speaks against")),
        ],
    )
    def test_thirds(self, evidence, words):
        assert in_order(clauses(explained(evidence))[-1], *words)

    def test_both_in_one_place(self):
        evidence = np.zeros((9, 9))
        evidence[0, :2] = 3, -3
        assert in_order(clauses(explained(evidence))[-1], "for", "against", "both", "upper left")

    @pytest.mark.parametrize(
        ("level", "words"),
        [(2, ("all", "for")), (-2, ("all", "against")), (0.3, ("hardly anything",)), (0, ("hardly anything",))],
    )
    def test_even(self, level, words):
        assert in_order(clauses(explained(np.full((3, 3), level)))[-1], *words)

    def test_what_was_cut_off_is_no_place(self):
        """In the middle third of a 3:1 photograph, whose left and right the network never saw."""
        explanation = explained([[3, 0], [0, -3]], shape=(40, 120), aspect="crop")
        assert in_order(clauses(explanation)[-1], "most for", "at the top", "against", "at the bottom")
        assert "hatched" in notes(explanation)[-1]
        assert "hatched" not in " ".join(notes(explained()))

    def test_padding_is_no_place(self):
        """Of the square, only the middle row lies on a 3:1 photograph."""
        evidence = np.array([[-9, -9, -9], [0, 2, 0], [-9, -9, -9]])
        explanation = explained(np.kron(evidence, np.ones((9, 9))), shape=(40, 120), aspect="letterbox")
        assert re.search("for the photograph lies (in the centre|at the top|at the bottom)", clauses(explanation)[-1])


class TestNotes:
    def test_scale_of_the_model_and_of_none(self):
        assert "one in ten of 152 photographs" in notes(explained())[0]
        assert "cannot be compared" in notes(explained(reference=None))[0]

    def test_unit_of_the_effects(self):
        assert "in log odds," in notes(explained())[1]
        assert all("in rating points," in notes(explained(objective=one))[1] for one in (RATED, REGRESSION))

    def test_not_calibrated(self):
        assert all("not calibrated" in notes(explained(reference=one))[-1] for one in (REFERENCE, None))

    def test_a_regression_has_probabilities_of_attributes_alone(self):
        known = VERDICT._replace(probability=None)
        assert "not calibrated" in notes(explained(objective=REGRESSION, verdict=known))[-1]
        none = known._replace(attributes={}, attribute_logits={})
        without = explained(objective=REGRESSION, verdict=none, reference=None)
        assert not any("calibrated" in note for note in notes(without))

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
