"""The gallery's rendered pictures with the crop that their truth knows to be best: one box a picture.

Format, counts, licence: those of `awcu.sources.gallery`, and the split is that of its ratings. The box is
`Truth.crop`, ends excluded: of boxes with the picture's own aspect, the one that removes most flaws for the frame it
gives up. Where no cut is worth its loss it is the whole frame. Those pictures stay in, since knowing when to leave a
picture alone is part of cropping; so the whole frame is a strong trivial crop, to print beside every result.

Known faults: the truth is a formula's, not a person's, and knows no composition beyond the painted causes. Citation:
none, it comes with this package.
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
    """The crops of a gallery that is already read, of any seed, number and size.

    Each truth is opened whole, maps included: for one split give its ratings alone.

    Raises:
        CropSetError: The ratings are not a gallery's.
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
