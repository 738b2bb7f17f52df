"""The gallery's rendered pictures, each with the one crop that is best by its known truth.

Format, counts, licence: as in `awcu.datasets.gallery`; the split is that of its ratings. The box is `Truth.crop`, with
exclusive ends: among boxes with the picture's own aspect, the one that removes the most flaws for the area it gives up.
If no cut is worth its loss, it is the whole frame. Those pictures are kept, since knowing when to leave a picture alone
is part of cropping; so the whole frame is a strong trivial crop, to be printed beside every result.

Known faults: the truth comes from a formula, not from a person, and knows no composition beyond the painted causes.
Citation: none, it comes with this package.
"""

from pathlib import Path

from awcu.datasets import gallery
from awcu.datasets.cropping.crop_set import CropSet, as_boxes
from awcu.errors import CropSetError
from awcu.ratings.ratings import Ratings


def read(root: str | Path | None = None) -> CropSet:
    """The default gallery; rendered on first use.

    Args:
        root: Folder of galleries; the user's cache folder when None.
    """
    return of_ratings(gallery.read(root))


def of_ratings(ratings: Ratings) -> CropSet:
    """The crops of a gallery that has already been read, with any seed, number and size.

    Each truth file is read whole, maps included, so pass only the ratings of the split you need.

    Raises:
        CropSetError: The ratings do not come from a gallery.
    """
    try:
        crops = [gallery.truth(ratings, image_id).crop for image_id in ratings.image_ids.tolist()]
    except FileNotFoundError as error:
        raise CropSetError(f"{ratings.name}: {error}") from error
    return CropSet(
        name="gallery",
        image_ids=ratings.image_ids,
        image_paths=ratings.image_paths,
        boxes=tuple(as_boxes([crop]) for crop in crops),
        scores=None,
        split=ratings.split,
    )
