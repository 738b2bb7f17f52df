"""What a model is for and what it learned from, in words, by the name of its data set."""

from typing import NamedTuple


class Purpose(NamedTuple):
    """What is known of a data set's ratings.

    Attributes:
        model: What a model that learned from them is for, as whoever shows it a photograph reads it.
        ratings: What was rated, as a model card states it.
    """

    model: str
    ratings: str


OF_ONE_PERSON = "one person's ratings"
"""Stands for the data set's name in a model of one person's eye."""

_KNOWN = {
    OF_ONE_PERSON: Purpose(
        "The model judges as one person does, from that person's own ratings.",
        "The ratings are one person's, of photographs of that person's own: whose, the model does not say. It is right "
        "or wrong about that person alone.",
    ),
    "gallery": Purpose(
        "The model was trained on rendered scenes: it is for trying the tool, not for judging photographs.",
        "The ratings are a simulated jury's votes on rendered pictures: nobody looked at them, and nothing follows for "
        "photographs.",
    ),
    "OASIS beauty": Purpose(
        "The model learned from OASIS beauty.",
        "The ratings are of the beauty of photographs collected to stir emotions (Brielmann & Pelli 2019).",
    ),
    "BIQ2021": Purpose(
        "The model judges technical quality as BIQ2021's raters saw it, sharpness above all, and not beauty.",
        "The ratings are of image quality, by 30 raters a photograph, and say next to nothing of beauty (Ahmed & Asif "
        "2022).",
    ),
    "KonIQ-10k": Purpose(
        "The model judges technical quality as KonIQ-10k's raters saw it, not beauty.",
        "The ratings are of technical quality, not of aesthetics (Hosu et al. 2020).",
    ),
    "SPAQ": Purpose(
        "The model judges the technical quality of smartphone photographs as SPAQ's raters saw it, not beauty.",
        "The ratings are of the technical quality of smartphone photographs, not of aesthetics (Fang et al. 2020).",
    ),
    "CUHK-PQ": Purpose(
        "The model learned from CUHK-PQ.",
        "The photographs are of two classes, clearly good and clearly bad; ambiguous ones were left out.",
    ),
    "BAID": Purpose(
        "The model learned from BAID: it judges artworks.",
        "The scores are of artworks, from the votes of a web site (Yi et al. 2023).",
    ),
}


def purpose(trained_on: str) -> Purpose:
    """What is known of the data set of that name; the model's sentence is "" where there is no name."""
    unknown = Purpose(
        f"The model learned from {trained_on}." if trained_on else "",
        f"What the ratings of {trained_on} are of, its own description says.",
    )
    return _KNOWN.get(trained_on, unknown)
