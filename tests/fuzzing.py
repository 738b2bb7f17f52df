"""What the fuzzers share: how long they may take, and how a file is mutated."""

import gzip
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from numpy.random import Generator

SECONDS = 300.0
"""For all fuzzers together; each takes a share, and ends early where the machine is too slow for all its cases."""

Case = TypeVar("Case")
Mutation = Callable[[Generator, bytes], bytes | None]


def within(share: float, cases: Iterable[Case]) -> Iterator[Case]:
    """As many of the cases as a share of the time allows, the first one always."""
    end = time.monotonic() + share * SECONDS
    for number, case in enumerate(cases):
        if number and time.monotonic() > end:
            return
        yield case


def came_to(work: Callable[[], object], named: type[Exception], name: str) -> str:
    """ "read", "named" where it ends in such an error with that name, or the traceback of anything else."""
    try:
        work()
    except named as error:
        return "named" if name in str(error) else traceback.format_exc()
    except BaseException:
        return traceback.format_exc()
    return "read"


def of_bytes() -> list[Mutation]:
    """What any file may suffer; None: it is gone."""
    return [
        _flipped,
        lambda random, content: content[: random.integers(len(content))],
        lambda random, content: content[random.integers(len(content)) :],
        lambda random, content: _at(random, content, random.bytes(random.integers(1, 50))),
        lambda random, content: content * 2,
        lambda random, content: gzip.compress(content),
        lambda random, content: b"",
        lambda random, content: None,
    ]


def of_text() -> list[Mutation]:
    """What a table or list of UTF-8 text may suffer besides."""
    return [
        *(_cell(token.encode()) for token in TOKENS),
        lambda random, content: _lines(content, lambda lines: lines.pop(random.integers(len(lines)))),
        lambda random, content: _lines(content, lambda lines: lines.append(lines[random.integers(len(lines))])),
        lambda random, content: _lines(content, lambda lines: random.shuffle(lines)),
        lambda random, content: _lines(content, lambda lines: lines.insert(random.integers(len(lines)), b"")),
        lambda random, content: content.replace(_delimiter(content), b"|"),
        lambda random, content: content.replace(b"\n", b"\r"),
        lambda random, content: content.replace(b"\n", b"\r\n"),
        lambda random, content: content.upper(),
        lambda random, content: b"\xef\xbb\xbf" + content,
        lambda random, content: content.decode().encode("utf-16"),
        lambda random, content: _at(random, content, "é".encode("latin-1")),
        lambda random, content: _at(random, content, b'"'),
        lambda random, content: _at(random, content, _delimiter(content)),
    ]


TOKENS = (
    *("", " ", "nan", "inf", "-1", "-0.0", "1e400", "1e308", "1e-320", "9" * 400, "1_000", "1,5", "0.5", "0x10"),
    *("٣", "é", "\u202e", "\0", "'", "=1+1", "<b>", "../../x.jpg", "/etc/passwd", "None", "True", "x" * 200_000),
)
"""Cells that are no numbers, names that are no files, and numbers that are none of ours."""


def _flipped(random: Generator, content: bytes) -> bytes:
    changed = bytearray(content)
    for place in random.integers(len(changed), size=random.integers(1, 9)):
        changed[place] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _at(random: Generator, content: bytes, new: bytes) -> bytes:
    place = random.integers(len(content) + 1)
    return content[:place] + new + content[place:]


def _lines(content: bytes, change: Callable[[list[bytes]], object]) -> bytes:
    lines = content.splitlines()
    change(lines)
    return b"\n".join(lines) + b"\n"


def _delimiter(content: bytes) -> bytes:
    return max((b",", b"=", b"\t", b" "), key=content.partition(b"\n")[0].count)


def _cell(token: bytes) -> Mutation:
    def changed(random: Generator, content: bytes) -> bytes:
        def change(lines: list[bytes]) -> None:
            place = random.integers(len(lines))
            cells = lines[place].split(_delimiter(content))
            cells[random.integers(len(cells))] = token
            lines[place] = _delimiter(content).join(cells)

        return _lines(content, change)

    return changed
