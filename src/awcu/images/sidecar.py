"""XMP sidecars of photographs: the rating that is there already, stars for those that have none, and their removal.

A photograph's sidecar lies beside it, as `IMG.jpg.xmp` (darktable, and digiKam unless told otherwise) or as `IMG.xmp`
(Lightroom, and digiKam if told so). darktable reads both, and the first where both are there, so a sidecar of either
name is added to rather than hidden by a new one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from awcu.errors import ImageError, XmpError
from awcu.files import write_atomically
from awcu.images import xmp
from awcu.images.metadata import rating_within
from awcu.text import size

Style = Literal["IMG.jpg.xmp", "IMG.xmp"]
"""How a new sidecar is named."""
STYLES: tuple[Style, ...] = get_args(Style)


class Known(NamedTuple):
    """What is known of a photograph's rating.

    Attributes:
        sidecar: The file for stars: one that is there, or a new one.
        theirs: The rating that somebody gave, as it is written; "0" where somebody took off ours. None for none.
        ours: The rating that awcu gave and nobody has changed since. None for none.
    """

    sidecar: Path
    theirs: str | None
    ours: int | None


class Change(NamedTuple):
    """What is to happen to a photograph's sidecar.

    Attributes:
        photograph: The photograph.
        sidecar: The file, which need not be there yet.
        stars: From −1 to 5; None to take back ours.
    """

    photograph: Path
    sidecar: Path
    stars: int | None


@dataclass
class Plan:
    """What stars mean for the sidecars of photographs.

    Attributes:
        changes: What is to be written.
        rated: Photographs that somebody has rated, with that rating; they stay as they are.
        kept: Photographs that have these stars from us already.
        faults: Photographs that are left alone, with the reason, which begins with a file's name.
    """

    changes: list[Change] = field(default_factory=list)
    rated: dict[Path, str] = field(default_factory=dict)
    kept: list[Path] = field(default_factory=list)
    faults: dict[Path, str] = field(default_factory=dict)


def plan(stars: Mapping[Path, int | None], style: Style = "IMG.jpg.xmp") -> Plan:
    """Find what is to be written so that each photograph nobody has rated has its stars; nothing is written.

    Args:
        stars: Of each photograph, from −1 to 5; None for none.
        style: How a sidecar is named where there is none.
    """
    result, owners = Plan(), Counter[Path]()
    for photograph, wanted in stars.items():
        try:
            there = known(photograph, style)
        except (XmpError, ImageError, OSError) as error:
            result.faults[photograph] = str(error)
            continue
        owners[there.sidecar] += 1
        if there.theirs is not None:
            result.rated[photograph] = there.theirs
        elif wanted != there.ours:
            result.changes.append(Change(photograph, there.sidecar, wanted))
        elif wanted is not None:
            result.kept.append(photograph)
    for change in [one for one in result.changes if owners[one.sidecar] > 1]:
        result.changes.remove(change)
        result.faults[change.photograph] = (
            f"{change.photograph}: shares {change.sidecar.name} with another photograph and is left alone"
        )
    return result


def known(photograph: Path, style: Style = "IMG.jpg.xmp") -> Known:
    """What is known of a photograph's rating, by its sidecars and its own file.

    Args:
        photograph: A photograph.
        style: How a sidecar is named where there is none.

    Raises:
        XmpError: A sidecar, or the XMP in the photograph, is damaged or no XMP.
        ImageError: The photograph is missing, empty or not an image.
    """
    there = _sidecars(photograph)
    chosen = next((path for path in there if _is_named(path, photograph, style)), None)
    sidecar = chosen or next(iter(there), None) or _named(photograph, style)
    theirs, ours = None, None
    for path in there:
        with _naming(path):
            packet = _read(path)
            mine, marked = xmp.our_rating(packet), xmp.marked(packet)
            theirs = theirs or (None if mine else xmp.rating(packet) or ("0" if marked else None))
        if mine:
            sidecar, ours = path, int(mine)
    with _naming(photograph):
        return Known(sidecar, theirs or rating_within(photograph), ours)


def apply(change: Change) -> None:
    """Write one change; whatever else the sidecar holds stays byte for byte.

    Raises:
        XmpError: The sidecar is damaged, no XMP, or has been rated meanwhile.
        OSError: It cannot be written.
    """
    with _naming(change.sidecar):
        before = _read(change.sidecar) if change.sidecar.exists() else xmp.EMPTY
        after = xmp.without_rating(before)
        _write(change.sidecar, after if change.stars is None else xmp.with_rating(after, change.stars))


def take_back(photograph: Path) -> list[Path]:
    """Remove what awcu wrote from a photograph's sidecars; the sidecars that changed.

    A sidecar that holds nothing else is removed, and a rating that somebody has changed since stays.

    Raises:
        XmpError: A sidecar is damaged or no XMP.
        OSError: It cannot be written.
    """
    changed = []
    for path in _sidecars(photograph):
        with _naming(path):
            packet = _read(path)
            if xmp.marked(packet):
                _write(path, xmp.without_rating(packet))
                changed.append(path)
    return changed


def _write(path: Path, packet: bytes) -> None:
    # A link stays one.
    target = path.resolve()
    if packet == xmp.EMPTY:
        target.unlink()
        return
    mode = target.stat().st_mode if target.exists() else None
    write_atomically(target, packet)
    if mode is not None:
        target.chmod(mode)


def _read(path: Path) -> bytes:
    held = path.stat().st_size
    if held > xmp.MAX_PACKET:
        raise XmpError(f"has {size(held)}, more than {size(xmp.MAX_PACKET)}, and is left untouched")
    return path.read_bytes()


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except XmpError as error:
        raise XmpError(f"{path}: {error}") from error


def _sidecars(photograph: Path) -> list[Path]:
    """Those that are there, `IMG.jpg.xmp` first."""
    names = (_named(photograph, style) for style in STYLES)
    # A camera's IMG.JPG may have an IMG.XMP.
    pairs = ([name, name.with_suffix(".XMP")] for name in names)
    return [path for pair in pairs for path in [one for one in pair if one.is_file()][:1]]


def _named(photograph: Path, style: Style) -> Path:
    return photograph.with_suffix(".xmp") if style == "IMG.xmp" else photograph.with_name(photograph.name + ".xmp")


def _is_named(sidecar: Path, photograph: Path, style: Style) -> bool:
    return sidecar.with_suffix(".xmp") == _named(photograph, style)
