"""What a photograph's file says of itself: when it was taken, and which rating somebody gave it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from PIL import ExifTags

from awcu.images import xmp
from awcu.images.decoding import head

T = TypeVar("T")

_TAKEN = (
    (ExifTags.Base.DateTimeOriginal, ExifTags.Base.SubsecTimeOriginal),
    (ExifTags.Base.DateTimeDigitized, ExifTags.Base.SubsecTimeDigitized),
)
_RATING = 0x4746  # EXIF's Rating, as Windows writes it


def time_taken(path: str | Path) -> datetime | None:
    """When the photograph was taken, by its EXIF data: by the camera's clock, which knows no time zone.

    The date of the file is not asked: copying, sending and editing change it.

    Args:
        path: A photograph.

    Returns:
        None where the EXIF data say nothing, or nothing sensible.

    Raises:
        ImageError: The file is missing, empty or not an image.
    """
    with head(path) as image:
        exif = _if_readable(lambda: image.getexif().get_ifd(ExifTags.IFD.Exif)) or {}
        times = (_time(exif.get(date), exif.get(fraction)) for date, fraction in _TAKEN)
        return next((time for time in times if time is not None), None)


def _if_readable(read: Callable[[], T]) -> T | None:
    """What Pillow reads from EXIF data; None where they are garbled: it raises whatever its parser stumbles over."""
    try:
        return read()
    except Exception:
        # Pillow raises whatever its parser stumbles over, and a photograph with garbled EXIF is still a photograph.
        return None


def _time(date: object, fraction: object) -> datetime | None:
    with suppress(ValueError):
        # Cameras whose clock was never set write zeros or spaces.
        time = datetime.strptime(str(date).strip("\0 "), "%Y:%m:%d %H:%M:%S")
        digits = str(fraction or "").strip("\0 ")
        return time.replace(microsecond=int(digits[:6].ljust(6, "0")) if digits.isdecimal() else 0)
    return None


def rating_within(path: str | Path) -> str | None:
    """The rating embedded in the photograph's file, by its XMP or EXIF data; 0 means unrated and gives None.

    Pillow sees no XMP in GIF and JPEG 2000.

    Args:
        path: A photograph.

    Raises:
        ImageError: The file is missing, empty or not an image.
        XmpError: The embedded XMP is damaged, so that nobody knows what it said.
    """
    with head(path) as image:
        if image.format == "PNG":
            # Programs may put it behind the pixels.
            image.load()
        packet = image.info.get("xmp")
        of_exif = _if_readable(lambda: image.getexif().get(_RATING))
    of_xmp = xmp.rating(packet if isinstance(packet, bytes) else str(packet).encode()) if packet else None
    return of_xmp or (str(of_exif) if of_exif else None)
