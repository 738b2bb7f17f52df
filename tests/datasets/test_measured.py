"""Labels of measured attributes by the training photographs' thirds."""

import numpy as np
import pytest

from awcu.datasets.measured import with_measured
from awcu.errors import RatingsError
from awcu.images.decoding import decode
from awcu.images.measures import MEASURES, measure


def test_thirds_of_the_training_photographs(make_ratings):
    """Grey frames of levels 40, 60, …; the last three are tested, and their labels are by the thirds of the others."""
    levels = [40, 60, 80, 100, 120, 140, 160, 180, 200, 30, 110, 220]
    split = np.array(["train"] * 9 + ["test"] * 3)
    rated = make_ratings(mean_score=np.linspace(1, 5, 12), votes=None, split=split, scale=np.arange(1.0, 6), midpoint=3)
    labelled = with_measured(rated, [np.full((40, 40, 3), level, np.uint8) for level in levels])
    assert labelled.attribute_names == MEASURES
    light = labelled.attributes[:, MEASURES.index("lightness")]
    nan = np.nan
    np.testing.assert_array_equal(light, [0, 0, 0, nan, nan, nan, 1, 1, 1, 0, nan, 1])
    # Grey frames are alike in everything else that an edge or a colour makes.
    assert np.isnan(labelled.attributes[:, MEASURES.index("sharpness")]).all()
    assert rated.fingerprint != labelled.fingerprint
    np.testing.assert_array_equal(labelled.mean_score, rated.mean_score)


def test_what_most_photographs_lack_is_labelled_absent(make_ratings):
    """White rows in nine frames: the lower third's end is 0, which four share, the upper's lies between 2 and 3."""
    counts = [0, 0, 0, 0, 1, 2, 3, 4, 5]
    frames = [np.full((40, 40, 3), 90, np.uint8) for _ in counts]
    for frame, count in zip(frames, counts, strict=True):
        frame[: 4 * count] = 255
    split = np.array(["train"] * 9)
    rated = make_ratings(mean_score=np.linspace(1, 5, 9), votes=None, split=split, scale=np.arange(1.0, 6), midpoint=3)
    lights = with_measured(rated, frames).attributes[:, MEASURES.index("lights")]
    np.testing.assert_array_equal(lights, [0, 0, 0, 0, np.nan, np.nan, 1, 1, 1])


def test_photographs_are_read_and_own_attributes_stay(ratings):
    labelled = with_measured(ratings)
    assert labelled.attribute_names == (*ratings.attribute_names, *MEASURES)
    own = len(ratings.attribute_names)
    np.testing.assert_array_equal(labelled.attributes[:, :own], ratings.attributes)
    values = [measure(picture)["contrast"].value for picture in map(decode, ratings.image_paths)]
    contrast = labelled.attributes[:, own + MEASURES.index("contrast")]
    assert contrast[np.argmax(values)] == 1
    assert contrast[np.argmin(values)] == 0


def test_a_name_that_the_set_has_already_is_refused(make_ratings):
    rated = make_ratings(
        mean_score=np.array([1.0, 5.0]), votes=None, scale=np.arange(1.0, 6), midpoint=3,
        attributes=np.zeros((2, 1)), attribute_names=("noise",),
    )  # fmt: skip
    with pytest.raises(RatingsError, match="made has attributes of its own named noise; rename them"):
        with_measured(rated, [np.zeros((40, 40, 3), np.uint8)] * 2)
