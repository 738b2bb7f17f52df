"""FCDB, the Flickr cropping database: one crop per photograph, drawn by photographers and confirmed by vote.

Format: `cropping_training_set.json` and `cropping_testing_set.json`, lists of {"url", "flickr_photo_id", "crop"}
with the crop as x, y, width, height; the photographs in `data/`, named after the last part of the url, where the
authors' scripts/download_images.py puts them. Split: train and test, no val. Counts: 1,369 and 345 published.

Order and ends: the authors' browser cuts out `image[y:y+h, x:x+w]`, counted from 0, with exclusive ends.

Known faults: many photographs are gone from Flickr. They are left out and counted by `CropSet.missing`, which belongs
beside every result; the author's own copy (linked in the README of yiling-chen/flickr-cropping-dataset) has more. Some
crops reach a pixel or two beyond the photograph; the author recommends clipping them (issue 4 there, and
`cut_to_photographs` here). Boxes are assumed to refer to the upright photograph. The ranking and sliding-window files
are not read.

Licence: MIT for the annotations; the photographs belong to their owners, under Creative Commons licences. Citation:
Chen, Huang, Chang, Tsai, Chen, Chen 2017, Quantitative Analysis of Automatic Image Cropping Algorithms: A Dataset and
Comparative Study, WACV.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from awcu.datasets.cropping.crop_set import CropSet, as_boxes, box, files_in, whole
from awcu.datasets.parsing import names_of, text_of
from awcu.errors import SourceError
from awcu.ratings.splits import Split
from awcu.text import shown

FILES: tuple[tuple[Split, str], ...] = (("train", "cropping_training_set.json"), ("test", "cropping_testing_set.json"))


class _Item(NamedTuple):
    name: str
    box: list[int]
    split: Split


def read(root: str | Path) -> CropSet:
    """Read FCDB, without the photographs that are missing on disk.

    Args:
        root: The folder with the two JSON files and `data/`.

    Raises:
        SourceError: A file is missing or has another structure, an item is malformed, or no photograph is on disk.
        CropSetError: A box has no area, or a photograph is listed twice.
    """
    items = [item for split, file in FILES for item in _items(Path(root) / file, split)]
    folder = Path(root) / "data"
    there = files_in(folder)
    found = [item for item in items if item.name in there]
    if not found:
        raise SourceError(
            f"{folder} holds none of the {len(items)} photographs, such as {shown(items[0].name)}; fetch them with "
            f"scripts/download_images.py of the data set"
        )
    return CropSet(
        name="fcdb",
        image_ids=names_of(item.name for item in found),
        image_paths=names_of(folder / item.name for item in found),
        boxes=tuple(as_boxes([item.box]) for item in found),
        scores=None,
        split=names_of(item.split for item in found),
        missing_split=names_of(item.split for item in items if item.name not in there),
    )


def _items(path: Path, split: Split) -> list[_Item]:
    text = text_of(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not JSON ({error}); fetch it again") from error
    if not isinstance(content, list) or not content:
        raise SourceError(f"{path}: {shown(content)} is not a list of items with url and crop; fetch it again")
    return [_item(item, f"{path}: item {place}", split) for place, item in enumerate(content, start=1)]


def _item(item: Any, where: str, split: Split) -> _Item:
    if not isinstance(item, dict) or not isinstance(item.get("url"), str):
        raise SourceError(f"{where}: {shown(item)} has no text 'url'; expected url and crop: correct it")
    name = item["url"].rsplit("/", 1)[-1]
    if not name.strip():
        raise SourceError(f"{where}: the url {shown(item['url'])} ends in no file name; correct it")
    crop = item.get("crop")
    if not isinstance(crop, list) or len(crop) != 4:
        raise SourceError(f"{where} ({shown(name)}): crop {shown(crop)} is not x, y, width, height; correct it")
    place = f"{where} ({shown(name)})"
    x, y, width, height = (whole(value, place) for value in crop)
    return _Item(name, box(x, y, x + width, y + height, place), split)
