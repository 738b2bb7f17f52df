"""AADB: Flickr photographs, each with the mean score of five raters and eleven attributes.

Format: `imgListFiles_label/` has one list per part and label, with lines "name value", for example
`imgListTrainRegression_score.txt`. The parts are Train, Validation, Test and TestNew; the labels are the score and the
attributes, with balancing elements spelt BalacingElements. Photographs are in `datasetImages_originalSize/`, or
squeezed to 256 by 256 pixels in `datasetImages_warp256/`.

Score: raters gave 1 to 5 and the lists hold (mean - 1) / 4, so nearly all scores are multiples of 1/20. They are
converted back to 1 + 4 · score with midpoint 3; the tenth of the photographs that score exactly 0.5 are low. The 4 %
whose score is not a multiple of 1/20 were not rated by five people, and their number of ratings is unknown.

Attributes: each rater said whether an attribute speaks for the photograph (1), against it (-1) or neither (0), and the
lists hold the mean. A mean above 0 becomes 1 (the attribute helps), below 0 becomes 0 (it hurts, as bad light does),
and exactly 0 is unlabelled. Repetition and symmetry are never negative, so for them 0 is a label: nobody saw any.

Split: as published. The authors recommend testing on TestNew, from which they removed pictures that are not
photographs or not fit to be shown. Counts: 8,458 train, 500 validation and 1,000 in either test list. Known faults: 127
photographs of TestNew are also in Validation and are used for testing only; Test shares none with the other parts. Test
photographs may also be in `AADB_newtest/`, with the score before the name (`0.500_farm1_….jpg`). `AADBinfo.mat` lacks
the validation photographs and is not read.

Licence: research only; the photographs are Flickr's, under Creative Commons licences, and Adobe holds a patent,
US20170294010A1. Citation: Kong, Shen, Lin, Mech, Fowlkes 2016, Photo Aesthetics Ranking Network with Attributes and
Content Adaptation, ECCV.
"""

import re
from pathlib import Path

import numpy as np

from awcu.datasets.parsing import fields_of, folder_of, lines_of, names_of, number, photographs_in
from awcu.errors import SourceError
from awcu.ratings.ratings import Floats, Ratings
from awcu.text import shown, some_of

ATTRIBUTES = (
    "BalancingElements",
    "ColorHarmony",
    "Content",
    "DoF",
    "Light",
    "MotionBlur",
    "Object",
    "Repetition",
    "RuleOfThirds",
    "Symmetry",
    "VividColor",
)
NEVER_AGAINST = ("Repetition", "Symmetry")
COUNTS = {"Train": 8_458, "Validation": 500, "Test": 1_000, "TestNew": 1_000}
TEST_LISTS = {"new": "TestNew", "old": "Test"}
_SCORE_PREFIX = re.compile(r"[01]\.\d+_")


def read(
    root: str | Path,
    test_list: str = "new",
    images: str = "datasetImages_originalSize",
    split_seed: int = 0,
    check_counts: bool = True,
) -> Ratings:
    """Read AADB.

    Args:
        root: The folder that holds `imgListFiles_label/` and the photographs' folder.
        test_list: new (TestNew) or old (Test).
        images: The photographs' folder, relative to `root`.
        split_seed: Has no effect, since the validation split is published.
        check_counts: Refuse lists whose length differs from the published one.

    Raises:
        SourceError: The test list is unknown, a list or all photographs are missing, a line is malformed, a list names
            a photograph twice, the lists of one part differ in their photographs, or the counts are not the published
            ones.
        RatingsError: From `Ratings`.
    """
    if test_list not in TEST_LISTS:
        raise SourceError(f"AADB: test_list={shown(test_list)} is neither of {', '.join(TEST_LISTS)}; name one of them")
    lists = folder_of(root, "AADB", "imgListFiles_label")
    split, labels, notes = _parts(lists, TEST_LISTS[test_list], check_counts)
    files, others = _files(Path(root).expanduser(), images, list(split), _other_test(lists, test_list))
    paths, missing = photographs_in("AADB", Path(root).expanduser(), files, others)
    table = np.array(list(labels.values()))
    twentieths = table[:, 0] * 20
    return Ratings(
        name="AADB",
        image_ids=names_of(split),
        image_paths=paths,
        scale=np.array([1.0, 5.0]),
        midpoint=3.0,
        mean_score=1 + 4 * table[:, 0],
        vote_count=np.where(np.abs(twentieths - np.round(twentieths)) < 1e-6, 5.0, np.nan),
        split=names_of(split.values()),
        attributes=_binary(table[:, 1:]),
        attribute_names=ATTRIBUTES,
        notes=(*notes, *missing),
    )


def _parts(lists: Path, test_part: str, check_counts: bool) -> tuple[dict[str, str], dict[str, list[float]], list[str]]:
    """Split and labels of each photograph, and notes; a test photograph is in no other split."""
    split: dict[str, str] = {}
    labels: dict[str, list[float]] = {}
    notes = []
    for name, part in (("train", "Train"), ("val", "Validation"), ("test", test_part)):
        listed = _labels(lists, part, check_counts)
        again = [photograph for photograph in listed if photograph in split]
        if again:
            notes.append(
                f"{len(again):,} photographs of the {part} list are also on another list and kept in {name} only: "
                f"{some_of(again)}"
            )
        split |= dict.fromkeys(listed, name)
        labels |= listed
    return split, labels, notes


def _labels(lists: Path, part: str, check_counts: bool) -> dict[str, list[float]]:
    """Score and attributes of each photograph of a part."""
    path = lists / f"imgList{part}Regression_score.txt"
    scores = _listed(path, 0, 1)
    if check_counts and len(scores) != COUNTS[part]:
        raise SourceError(
            f"{path} lists {len(scores):,} photographs, expected {COUNTS[part]:,}; fetch it again, or accept "
            f"another version with data.ratings.check_counts=false"
        )
    columns = [scores]
    for attribute in ATTRIBUTES:
        graded = _attribute_list(lists, part, attribute)
        columns.append(_listed(graded, -1, 1))
        other = sorted(columns[-1].keys() ^ scores.keys())
        if other:
            raise SourceError(
                f"{graded} and {path.name} must list the same photographs, but only one of them lists "
                f"{some_of(other)}; fetch both again"
            )
    return {name: [column[name] for column in columns] for name in scores}


def _attribute_list(lists: Path, part: str, attribute: str) -> Path:
    path = lists / f"imgList{part}Regression_{attribute}.txt"
    misspelt = path.with_name(path.name.replace("Balancing", "Balacing"))
    return path if path.is_file() else misspelt


def _listed(path: Path, low: float, high: float) -> dict[str, float]:
    """The value that a list gives each photograph."""
    values: dict[str, float] = {}
    for place, line in enumerate(lines_of(path), 1):
        where = f"{path}: line {place}"
        name, value = fields_of(line, where, "name value")
        if name in values:
            raise SourceError(f"{where}: {shown(name)} is already listed above; keep one of the two lines")
        values[name] = number(value, where, low, high)
    return values


def _other_test(lists: Path, test_list: str) -> list[str]:
    """The photographs of the test list that is not in use, if it exists."""
    (part,) = (part for name, part in TEST_LISTS.items() if name != test_list)
    path = lists / f"imgList{part}Regression_score.txt"
    return list(_listed(path, 0, 1)) if path.is_file() else []


def _files(root: Path, images: str, names: list[str], other_test: list[str]) -> tuple[list[str], list[str]]:
    """Paths of the photographs in use, and of others that have a rating, relative to `root`."""
    folder = folder_of(root, "AADB", images)
    inside = folder.relative_to(root).as_posix()
    new_test = folder_of(root, "AADB", "AADB_newtest", "AADB_newtest_originalSize", "")
    copies = {_SCORE_PREFIX.sub("", path.name): path.relative_to(root).as_posix() for path in new_test.glob("*.jpg")}
    there = {path.name for path in folder.glob("*.jpg")} if copies else set()
    files = [copies[name] if name in copies and name not in there else f"{inside}/{name}" for name in names]
    return files, [f"{inside}/{name}" for name in other_test] + list(copies.values())


def _binary(means: Floats) -> Floats:
    """Turn `(N, A)` mean votes for (1), against (-1) and neither (0) into 1, 0 and nan."""
    silent = [0.0 if name in NEVER_AGAINST else np.nan for name in ATTRIBUTES]
    return np.select([means > 0, means < 0], [1.0, 0.0], np.broadcast_to(silent, means.shape))
