"""The plan of a gallery picture, drawn at random before it is painted: scene, styles, causes, quality, votes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from awcu.datasets.gallery.rater_model import MEAN_SCORE, draw_votes
from awcu.errors import GalleryError

STYLES = (
    "Complementary_Colors", "Duotones", "HDR", "Image_Grain", "Light_On_White", "Long_Exposure", "Macro",
    "Motion_Blur", "Negative_Image", "Rule_of_Thirds", "Shallow_DOF", "Silhouettes", "Soft_Focus",
    "Vanishing_Point",
)  # fmt: skip
# Positives among the 2,809 photographs of AVA's multi-label style test list, in the order of STYLES.
STYLE_COUNTS = (237, 589, 83, 183, 158, 208, 459, 149, 193, 398, 677, 227, 169, 102)
STYLE_RATE = {name: count / 2809 for name, count in zip(STYLES, STYLE_COUNTS, strict=True)}

# The scenes that can show a style that depends on content; "" stands for no such style.
SCENES_OF: dict[str, dict[str, float]] = {
    "Macro": {"flower": 1.0},
    "Vanishing_Point": {"street": 1.0},
    "Silhouettes": {"landscape": 0.45, "water": 0.35, "bust": 0.2},
    "Long_Exposure": {"water": 0.4, "night": 0.4, "landscape": 0.2},
    "Motion_Blur": {"street": 1.0},
    "Light_On_White": {"still_life": 0.6, "bust": 0.4},
    "Shallow_DOF": {"bust": 0.3, "still_life": 0.3, "street": 0.15, "flower": 0.25},
    "": {"landscape": 0.34, "water": 0.2, "street": 0.12, "still_life": 0.12, "night": 0.12, "bust": 0.1},
}
CONTENT_STYLES = tuple(name for name in SCENES_OF if name not in ("Shallow_DOF", ""))
TONE_STYLES = ("Complementary_Colors", "Duotones", "HDR", "Negative_Image")
ASPECTS = {(3, 2): 0.55, (1, 1): 0.2, (2, 3): 0.25}

# A visible share of 0.7, chosen in advance: the best AVA models reach a rank correlation of about .8 (.64 to .7
# of the variance), so most but not all of what raters reward is visible in the picture.
VISIBLE_SHARE = 0.7
QUALITY_SD = 0.723  # AVA's .73 between image means, less the .1 that finite votes add
VISIBLE_MEAN = -0.20  # mean of `Plan.visible_quality` over plans; a test compares it with a sample
CONTEXT_SD = QUALITY_SD * (1 - VISIBLE_SHARE) ** 0.5
STRENGTH_RANGE = (0.6, 1.0)


@dataclass(frozen=True)
class Cause:
    """A visible reason for a rating: its `weight` in rating points at full strength and its `rate` of occurrence."""

    weight: float
    rate: float
    scenes: frozenset[str] | None = None
    never_with: frozenset[str] = frozenset()


COLOURLESS = frozenset({"Duotones", "Negative_Image", "Complementary_Colors"})
CAUSES: dict[str, Cause] = {
    "thirds": Cause(+0.55, 1.0),  # drawn with the style Rule_of_Thirds
    "light": Cause(+0.62, 0.34, never_with=frozenset({"Light_On_White", "Negative_Image"})),
    "harmony": Cause(+0.5, 0.34, never_with=COLOURLESS | {"Light_On_White"}),
    "rim": Cause(+0.5, 0.25, never_with=frozenset({"Silhouettes", "Light_On_White", "Macro", "Vanishing_Point"})),
    "highlight": Cause(-0.64, 0.22, never_with=frozenset({"Light_On_White"})),
    "edge_object": Cause(-0.64, 0.24),
    "smear": Cause(-0.64, 0.2, never_with=frozenset({"Soft_Focus"})),
    "finger": Cause(-0.72, 0.15),
    "tilt": Cause(-0.75, 0.36, scenes=frozenset({"landscape", "water", "night"})),
    "cut_subject": Cause(-0.62, 0.15, never_with=frozenset({"Rule_of_Thirds", "Vanishing_Point"})),
}


@dataclass(frozen=True)
class Plan:
    """Everything a picture's rating depends on. `causes` maps a name to its strength in [0.6, 1]."""

    seed: int
    index: int
    scene: str
    aspect: tuple[int, int]
    styles: frozenset[str]
    causes: Mapping[str, float]
    subject_x: float
    context: float

    @property
    def visible_quality(self) -> float:
        """Sum of the causes' contributions, in rating points."""
        return float(sum(CAUSES[name].weight * strength for name, strength in self.causes.items()))

    @property
    def quality(self) -> float:
        """Latent quality in rating points: the visible part plus the context."""
        return MEAN_SCORE + self.visible_quality - VISIBLE_MEAN + self.context

    @cached_property
    def votes(self) -> NDArray[np.int64]:
        """Counts of the ratings 1..10, shape (10,)."""
        return draw_votes(stream(self.seed, self.index, "votes"), self.quality)


def stream(seed: int, index: int, purpose: str) -> np.random.Generator:
    """Random numbers for one purpose in one picture, whatever the order, the process or the number of workers.

    Each cause and each stage has its own stream, so leaving out a flaw changes nothing else.
    """
    key = (index, *purpose.encode())
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))


def draw_plan(seed: int, index: int) -> Plan:
    """Scene, styles, causes and context of picture `index` of the gallery with this `seed`.

    Raises:
        GalleryError: `seed` or `index` is negative.
    """
    if seed < 0 or index < 0:
        raise GalleryError(f"seed {seed}, index {index}: both must be 0 or more; count pictures from 0")
    rng = stream(seed, index, "plan")
    styles, content = _draw_styles(rng)
    if "Shallow_DOF" in styles and not content:
        content = "Shallow_DOF"
    scene = _choose(rng, SCENES_OF[content])
    causes = _draw_causes(rng, scene, styles)
    return Plan(
        seed=seed,
        index=index,
        scene=scene,
        aspect=list(ASPECTS)[rng.choice(len(ASPECTS), p=list(ASPECTS.values()))],
        styles=frozenset(styles),
        causes=causes,
        subject_x=_subject_x(rng, causes),
        context=float(rng.normal(0.0, CONTEXT_SD)),
    )


def _choose(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    total = sum(weights.values())
    return str(rng.choice(list(weights), p=[weight / total for weight in weights.values()]))


def _draw_styles(rng: np.random.Generator) -> tuple[set[str], str]:
    """Styles at AVA's rates, and the one among them (or "") that determines the content.

    Content and tone are one choice each. A style that only some contents allow is drawn more often there, so that its
    share of all pictures matches AVA's.
    """
    shares = {name: STYLE_RATE[name] for name in CONTENT_STYLES}
    shares[""] = 1 - sum(shares.values())
    content = _choose(rng, shares)

    def rate(style: str, excluded: tuple[str, ...]) -> float:
        if content in excluded:
            return 0.0
        return STYLE_RATE[style] / (1 - sum(shares[name] for name in excluded))

    tones = {name: rate(name, ("Silhouettes", "Light_On_White")) for name in TONE_STYLES}
    tones[""] = 1 - sum(tones.values())
    styles = {content, _choose(rng, tones)}
    moving = ("Long_Exposure", "Motion_Blur", "Vanishing_Point")
    focus = {"Shallow_DOF": rate("Shallow_DOF", (*moving, "Silhouettes", "Light_On_White"))}
    focus["Soft_Focus"] = STYLE_RATE["Soft_Focus"]
    focus[""] = 1 - sum(focus.values())
    styles.add(_choose(rng, focus))
    if rng.random() < rate("Rule_of_Thirds", moving):
        styles.add("Rule_of_Thirds")
    if rng.random() < STYLE_RATE["Image_Grain"]:
        styles.add("Image_Grain")
    return styles - {""}, content


def _draw_causes(rng: np.random.Generator, scene: str, styles: set[str]) -> dict[str, float]:
    causes = {}
    for name, cause in CAUSES.items():
        happens, strength = rng.random() < cause.rate, float(rng.uniform(*STRENGTH_RANGE))
        possible = (cause.scenes is None or scene in cause.scenes) and not cause.never_with & styles
        if name == "thirds":
            possible = "Rule_of_Thirds" in styles
        if happens and possible:
            causes[name] = strength
    return causes


def _subject_x(rng: np.random.Generator, causes: Mapping[str, float]) -> float:
    """Position of the subject as a share of the width: on a third, cut off by the edge, or near the middle."""
    side, jitter = rng.random() < 0.5, rng.uniform(-1, 1)
    if "thirds" in causes:
        return float(1 / 3 + side / 3 + 0.015 * jitter)
    if "cut_subject" in causes:
        return float(0.05 + 0.9 * side + 0.02 * jitter)
    return float(0.5 + 0.05 * jitter)
