"""What a picture was drawn from, written into the picture, so that it is drawn anew only when that has changed."""

import hashlib
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from awcu.atomic_files import write_atomically

# Where the first chunk of a PNG ends, which must stay the first (PNG specification, section 5.6).
_HEADER = 33
_SEARCHED = 4096  # bytes; matplotlib's own remarks may stand before ours


def digest(paths: Iterable[Path]) -> str:
    """Of the names and bytes of these files, 16 characters; those that do not exist count as absent."""
    found = hashlib.sha256()
    for path in paths:
        content = path.read_bytes() if path.is_file() else b"absent"
        found.update(f"{path.name} {len(content)} ".encode() + content)
    return found.hexdigest()[:16]


def is_from(picture: Path, stamp: str) -> bool:
    """Whether there is a picture and it carries this stamp."""
    if not picture.is_file():
        return False
    with picture.open("rb") as file:
        return stamp.encode() in file.read(_SEARCHED)


def stamp_picture(picture: Path, stamp: str) -> None:
    """Write a stamp into a PNG as its remark "Source"."""
    content, body = picture.read_bytes(), b"tEXtSource\0" + stamp.encode("latin-1")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    write_atomically(picture, content[:_HEADER] + chunk + content[_HEADER:])
