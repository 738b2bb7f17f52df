"""CUHK-PQ: photographs of two classes, high and low quality, with no scores.

Format: `PhotoQualityDataset/{HighQuality,LowQuality}/<category>/*.jpg`, with seven categories: animal, architecture,
human, landscape, night, plant and static. The mean score is 1 for high and 0 for low, on a scale of [0, 1] with
midpoint 0.5. So every margin is 0.5, every weighting by margin is uniform, and dropping keeps all photographs or none.
The categories are one-hot attributes. Split: none is published, and random halves are the convention; the split is
hashed from class, category and name. Counts: cited as 17,613, 17,673 and 17,690, about one high to three low; not
checked. Known faults: the authors left out photographs of doubtful class, from the test set too, which is an extreme
form of dropping the ambiguous; many high photographs come from a site for professionals and many low ones from
amateurs, so a model may learn to tell the sites apart.

Licence: none is stated; for research. Citation: Luo, Wang, Tang 2011, Content-based Photo Quality Assessment, ICCV.
"""

from pathlib import Path

import numpy as np

from awcu.datasets.parsing import files_of, folder_of, names_of
from awcu.errors import SourceError
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import hash_split

CATEGORIES = frozenset(("animal", "architecture", "human", "landscape", "night", "plant", "static"))

_CLASSES = ("HighQuality", "LowQuality")
_NOTE = (
    "It has two classes and no scores: every margin is 0.5, so every weighting by margin is uniform. The authors left "
    "ambiguous photographs out, from the test set too."
)


def read(root: str | Path, split_seed: int = 0, val: float = 0.1, test: float = 0.5) -> Ratings:
    """Read CUHK-PQ.

    Args:
        root: `PhotoQualityDataset/` or the folder that holds it.
        split_seed: Selects the hashed split.
        val: Expected share of validation photographs.
        test: Expected share of test photographs.

    Raises:
        SourceError: A class is missing or has no photographs in its category folders.
        RatingsError: From `Ratings`.
    """
    folder = folder_of(root, "CUHK-PQ", "PhotoQualityDataset", "")
    images, paths, found = [], [], set()
    for quality in _CLASSES:
        photographs = _photographs_of(folder_of(folder, "CUHK-PQ", quality))
        images += [f"{quality}/{name}" for name in photographs]
        paths += list(photographs.values())
        found |= {name.partition("/")[0] for name in photographs}
    categories = sorted(found)
    ids = names_of(images)
    high = np.char.startswith(ids, "HighQuality/")
    of = np.array([image.split("/")[1] for image in images])
    return Ratings(
        name="CUHK-PQ",
        image_ids=ids,
        image_paths=names_of(paths),
        scale=np.array([0.0, 1.0]),
        midpoint=0.5,
        mean_score=high.astype(np.float64),
        split=hash_split(ids, split_seed, val, test),
        attributes=(of[:, None] == np.array(categories)).astype(np.float64),
        attribute_names=tuple(categories),
        notes=(_NOTE, *_surprises(found)),
    )


def _photographs_of(folder: Path) -> dict[str, str]:
    """Category and name → path of the photographs of one class, sorted."""
    places: dict[str, str] = {}
    for category in sorted(path.name for path in folder.iterdir() if path.is_dir()):
        place = folder_of(folder, "CUHK-PQ", category)
        places |= {f"{category}/{name}": f"{place}/{name}" for name in files_of(place, ["."])}
    if not places:
        raise SourceError(
            f"CUHK-PQ: {folder} has no photograph in a category folder such as {folder / 'animal'}; unpack the archive "
            f"again"
        )
    return dict(sorted(places.items()))


def _surprises(found: set[str]) -> list[str]:
    notes = []
    for kind, names in (("missing", CATEGORIES - found), ("not of the published seven", found - CATEGORIES)):
        if names:
            notes.append(f"Categories {kind}: {', '.join(sorted(names))}.")
    return notes
