"""The rating in an XMP packet: read, added and taken back again, with every other byte left as it is.

XMP is RDF in XML (ISO 16684-1). `xmp:Rating` is −1 for rejected, 0 for unrated, or 1 to 5. What awcu adds is one
`rdf:Description` of its own, which the standard allows beside others, with the rating and a note of it in a namespace
of ours. By the note, a rating that somebody has changed since is known to be theirs, even after another program has
written the packet anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from awcu.errors import XmpError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
MICROSOFT = "http://ns.microsoft.com/photo/1.0/"
OURS = "urn:x-awcu:xmp:1.0/"
"""Our namespace: `Stars` is what we wrote, `Before` the 0 that it took the place of. Not `Rating` again, which programs
that go by the name alone could take for it."""

RATINGS = ((XMP, "Rating"), (MICROSOFT, "Rating"))
"""Where a rating may be; Windows writes both."""

EMPTY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="awcu">\n'
    b' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
    b" </rdf:RDF>\n"
    b"</x:xmpmeta>\n"
)
"""A packet that says nothing."""

MAX_PACKET = 64_000_000
"""Bytes of a sidecar: those of darktable with many masks have a few megabytes."""

_APART = "\x01"  # between the parts of a name from expat; XML has no such character
_ATTRIBUTE = re.compile(rb"""\s+([^\s=/>]+)\s*=\s*("[^"]*"|'[^']*')""")
_TAG = re.compile(rb"""<[^\s/>]+(?:\s+[^\s=/>]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")


@dataclass(frozen=True)
class _Property:
    """A simple property: its namespace and name, its value, and the bytes that hold value and property."""

    name: tuple[str, str]
    value: str
    inner: slice
    outer: slice


@dataclass
class _Description:
    """An `rdf:Description`: its bytes, its properties, and whether it holds anything but simple ones."""

    start: int
    end: int = 0
    about: str = ""
    properties: list[_Property] = field(default_factory=list)
    holds_more: bool = False


@dataclass
class _Packet:
    """The descriptions, where `rdf:RDF` ends, and the prefix that the packet has for RDF."""

    descriptions: list[_Description] = field(default_factory=list)
    end: int = 0
    prefix: str = ""


def rating(packet: bytes) -> str | None:
    """The rating as it is written, such as "4" or "-1"; None where there is none, or 0, which means unrated.

    Raises:
        XmpError: Damaged, not XMP, or with a DTD.
    """
    return next((one.value.strip() for one in _ratings(packet)), None)


def our_rating(packet: bytes) -> str | None:
    """The rating that awcu wrote and nobody has changed since; None where there is none.

    Raises:
        XmpError: As `rating`.
    """
    ours = _value(packet, (OURS, "Stars"))
    there = _value(packet, (XMP, "Rating"))
    return ours.strip() if ours is not None and there is not None and ours.strip() == there.strip() else None


def marked(packet: bytes) -> bool:
    """Whether awcu wrote a rating, which may have been changed since.

    Raises:
        XmpError: As `rating`.
    """
    return _value(packet, (OURS, "Stars")) is not None


def with_rating(packet: bytes, stars: int) -> bytes:
    """The packet with this rating, where it has none.

    Args:
        packet: `EMPTY` for a new one.
        stars: From −1 to 5.

    Raises:
        XmpError: As `rating`; or it has a rating already.
    """
    there = rating(packet)
    if there is not None:
        raise XmpError(f"has the rating {there} already, which stays")
    unrated = [one for one in _properties(packet) if one.name == (XMP, "Rating")]
    note = f'awcu:Stars="{stars}"'
    if unrated:
        packet = _replaced(packet, [(one.inner, str(stars).encode()) for one in unrated])
        note += f" awcu:Before={quoteattr(unrated[0].value)}"
    else:
        note = f'xmp:Rating="{stars}" {note}'
    found = _parsed(packet)
    about = found.descriptions[0].about if found.descriptions else ""
    # The packet may call RDF otherwise.
    declared = "" if found.prefix == "rdf" else f' xmlns:rdf="{RDF}"'
    element = f'<rdf:Description rdf:about={quoteattr(about)}{declared} xmlns:xmp="{XMP}" xmlns:awcu="{OURS}" {note}/>'
    return packet[: found.end] + element.encode() + packet[found.end :]


def without_rating(packet: bytes) -> bytes:
    """The packet without what awcu wrote; a rating that somebody has changed since stays.

    Raises:
        XmpError: As `rating`.
    """
    kept = our_rating(packet) is None
    before = _value(packet, (OURS, "Before"))
    changes: list[tuple[slice, bytes]] = []
    for description in _parsed(packet).descriptions:
        gone = [one for one in description.properties if one.name[0] == OURS]
        mine = [one for one in description.properties if one.name == (XMP, "Rating") and not kept]
        if before is None:
            gone += mine
        else:
            changes += [(one.inner, before.encode()) for one in mine]
        if gone and len(gone) == len(description.properties) and not description.holds_more:
            changes.append((slice(description.start, description.end), b""))
        else:
            changes += [(one.outer, b"") for one in gone]
    return _replaced(packet, changes)


def _ratings(packet: bytes) -> Iterator[_Property]:
    for one in _properties(packet):
        if one.name in RATINGS and not _is_zero(one.value):
            yield one


def _is_zero(value: str) -> bool:
    try:
        return not value.strip() or float(value) == 0
    except ValueError:
        # What cannot be understood is somebody's.
        return False


def _value(packet: bytes, name: tuple[str, str]) -> str | None:
    return next((one.value for one in _properties(packet) if one.name == name), None)


def _properties(packet: bytes) -> list[_Property]:
    return [one for description in _parsed(packet).descriptions for one in description.properties]


def _replaced(packet: bytes, changes: list[tuple[slice, bytes]]) -> bytes:
    # From the back, so that places before it stay where they are.
    for place, new in sorted(changes, key=lambda change: -change[0].start):
        packet = packet[: place.start] + new + packet[place.stop :]
    return packet


def _parsed(packet: bytes) -> _Packet:
    # Embedded packets are padded.
    packet = packet.rstrip(b"\0 ")
    try:
        packet.decode("utf-8")
        return _Reader(packet).read()
    except UnicodeDecodeError as error:
        raise XmpError(f"is not in UTF-8 (byte {error.start:,}) and is left untouched") from error
    except expat.ExpatError as error:
        raise XmpError(f"is damaged ({error}) and is left untouched") from error


class _Reader:
    """Follow expat through a packet, and note where in its bytes things are."""

    def __init__(self, packet: bytes) -> None:
        self._packet = packet
        self._path: list[tuple[str, str]] = []
        self._rdf: int | None = None  # elements of the path above rdf:RDF
        self._found = _Packet()
        self._opened: list[tuple[int, int]] = []  # where each of the path begins, and its first tag ends
        self._text, self._simple = "", True
        self._expat = expat.ParserCreate("UTF-8", _APART)
        self._expat.namespace_prefixes = True
        self._expat.StartDoctypeDeclHandler = self._refuse
        self._expat.StartElementHandler = self._open
        self._expat.EndElementHandler = self._close
        self._expat.CharacterDataHandler = self._characters

    def read(self) -> _Packet:
        self._expat.Parse(self._packet, True)
        if not self._found.end:
            raise XmpError("is XML but not XMP, having no rdf:RDF with anything in it, and is left untouched")
        return self._found

    def _refuse(self, *_: object) -> NoReturn:
        # A DTD may define entities that grow without end or name other files; XMP has none.
        raise XmpError("has a DTD, which XMP has not, and is left untouched")

    def _open(self, tag: str, attributes: dict[str, str]) -> None:
        (name, prefix), at, depth = _split(tag), self._expat.CurrentByteIndex, self._depth()
        if name == (RDF, "RDF") and not depth:
            self._rdf, self._found.prefix = len(self._path), prefix
        elif depth == 1 and name == (RDF, "Description"):
            self._found.descriptions.append(_Description(at))
            self._note_attributes(at, attributes)
        elif depth == 1:
            raise XmpError("has RDF of an unknown kind and is left untouched")
        elif depth == 2:
            self._text, self._simple = "", not attributes
        elif depth:
            self._simple = False
        self._path.append(name)
        self._opened.append((at, self._tag_end(at)))

    def _close(self, tag: str) -> None:
        inside = self._rdf is not None
        name, (start, opened), depth = self._path.pop(), self._opened.pop(), self._depth()
        if not inside:
            return
        # A tag like <a/> has no second one.
        alone = self._packet[opened - 2 : opened] == b"/>"
        closes = opened if alone else self._expat.CurrentByteIndex
        end = opened if alone else self._packet.index(b">", closes) + 1
        self._simple = self._simple and not alone
        if not depth:
            self._rdf = None
            self._found.end = self._found.end if alone else closes
        elif depth == 1:
            self._found.descriptions[-1].end = end
        elif depth == 2:
            self._note_element(name, slice(opened, closes), slice(start, end))

    def _characters(self, text: str) -> None:
        self._text += text

    def _depth(self) -> int:
        """Elements open from rdf:RDF on; 0 outside of it."""
        return 0 if self._rdf is None else len(self._path) - self._rdf

    def _tag_end(self, at: int) -> int:
        found = _TAG.match(self._packet, at)
        assert found, "expat has read it"
        return found.end()

    def _note_attributes(self, at: int, attributes: dict[str, str]) -> None:
        places = {found[1].decode(): found for found in _ATTRIBUTE.finditer(self._packet, at, self._tag_end(at))}
        description = self._found.descriptions[-1]
        for key, value in attributes.items():
            name, prefix = _split(key)
            if name in ((RDF, "about"), ("", "about")):
                description.about = value
                continue
            found = places[f"{prefix}:{name[1]}" if prefix else name[1]]
            inner = slice(found.start(2) + 1, found.end(2) - 1)
            description.properties.append(_Property(name, value, inner, slice(*found.span())))

    def _note_element(self, name: tuple[str, str], inner: slice, outer: slice) -> None:
        description = self._found.descriptions[-1]
        if self._simple:
            description.properties.append(_Property(name, self._text, inner, outer))
        elif name in RATINGS:
            raise XmpError("has a rating of an unknown kind and is left untouched")
        else:
            description.holds_more = True


def _split(name: str) -> tuple[tuple[str, str], str]:
    """Namespace and local name, and the prefix, of a name as expat gives it."""
    if _APART not in name:
        return ("", name), ""
    uri, local, *prefix = name.split(_APART)
    return (uri, local), prefix[0] if prefix else ""
