"""A contact sheet of series as one HTML file: the best of each first, the rest with what it has less of."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from awcu.reports.html import data_uri, template
from awcu.reports.rows import text_of, visible

GENERATOR = "awcu pick"
"""What says in a page that it is one of these, and may be written anew."""
SIDE = 400  # pixels of a picture's long side
QUALITY = 80  # of JPEG: a page may hold thousands


class Shown(NamedTuple):
    """A photograph of a series as the page shows it.

    Attributes:
        path: The photograph.
        score: As in "3.92".
        lacks: What it has less of than the best; empty for the best.
        picture: A JPEG.
        size: Width and height of the picture in pixels.
    """

    path: Path
    score: str
    lacks: Sequence[str]
    picture: bytes
    size: tuple[int, int]


class ShownSeries(NamedTuple):
    """A series as the page shows it.

    Attributes:
        photographs: The best first.
        when: As in "2024-05-06 07:08:09, 4 s"; "" where no time is known.
    """

    photographs: Sequence[Shown]
    when: str


def thumbnail(pixels: NDArray[np.uint8], side: int = SIDE) -> tuple[bytes, tuple[int, int]]:
    """A small JPEG of a photograph, with its width and height.

    Args:
        pixels: `(H, W, 3)` RGB.
        side: Pixels of its long side, at the most.
    """
    scale = min(1.0, side / max(pixels.shape[:2]))
    width, height = (max(1, round(length * scale)) for length in pixels.shape[1::-1])
    file = io.BytesIO()
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    Image.fromarray(np.asarray(small, np.uint8)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue(), (width, height)


def contact_sheet_html(
    series: Sequence[ShownSeries], alone: Sequence[tuple[Path, str]], says: str, notes: Sequence[str], page: Path
) -> str:
    """The page.

    Args:
        series: In the order in which they are shown.
        alone: Photographs without a series, each with its score.
        says: What there is, in one sentence.
        notes: What a reader must know, a paragraph each.
        page: Where it is written, from which links to the photographs lead.
    """
    return template("contact_sheet.html", picture=data_uri, file_name=_name).render(
        generator=GENERATOR, series=series, alone=alone, says=says, notes=notes, link=lambda path: _link(path, page)
    )


def is_contact_sheet(page: Path) -> bool:
    """Whether the file is a page of this kind."""
    with page.open("rb") as file:
        return f'<meta name="generator" content="{GENERATOR}">'.encode() in file.read(4000)


def _name(path: Path) -> str:
    return visible(text_of(path.name))


def _link(path: Path, page: Path) -> str:
    """The photograph as seen from the page, so that both may be moved together."""
    return quote(os.path.relpath(path.absolute(), page.absolute().parent), errors="surrogateescape")
