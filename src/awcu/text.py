"""How numbers, shares, counts and names are printed, everywhere."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from awcu.errors import AwcuError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


def counted(number: int, noun: str) -> str:
    """As in 1 photograph, 2,000 photographs."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def size(count: int) -> str:
    """Bytes to read; 1 kB is 1,000 bytes."""
    for unit, one in (("GB", 1e9), ("MB", 1e6)):
        if count >= one:
            return f"{count / one:,.1f} {unit}"
    return f"{count / 1e3:,.1f} kB"


def duration(seconds: float) -> str:
    """As in 40 s, 31 min, 4.2 h, 3.1 days."""
    for unit, one, least in (("days", 86_400, 3), ("h", 3_600, 2)):
        if seconds >= least * one:
            return f"{seconds / one:,.1f} {unit}"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def label(name: str) -> str:
    """An attribute's name as printed."""
    return name.replace("_", " ")


def share(value: float) -> str:
    """A share or probability to a hundredth, never rounded to certainty."""
    return "<.01" if value < 0.005 else ">.99" if value >= 0.995 else number(value, decimals=2)


def percent(value: float) -> str:
    """A share in whole per cent, neither none nor all unless it is; "–" for nan."""
    if np.isnan(value):
        return "–"
    text = "<1" if 0 < value < 0.005 else ">99" if 0.995 <= value < 1 else f"{100 * value:.0f}"
    return f"{text}\N{NO-BREAK SPACE}%"


def number(value: float, signed: bool = False, decimals: int = 3) -> str:
    """Fixed decimals, no zero before the point, a true minus sign; what rounds to zero has no sign."""
    text = f"{abs(value):.{decimals}f}".removeprefix("0")
    sign = "" if text == "nan" or not text.strip(".0") else "−" if value < 0 else "+" if signed else ""
    return sign + text


def rating(value: float) -> str:
    """A rating to a hundredth; unlike a share, with its zero before the point."""
    return f"{value:.2f}".replace("-", "−")


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    """A table as GitHub Markdown, without a line break at its end.

    Args:
        header: `(C,)`.
        rows: Of C cells each.
        align: "l" or "r" a column.
    """
    marks = [{"l": ":--", "r": "--:"}[side] for side in align]
    # A bar would end the cell.
    lines = [[cell.replace("|", "\\|") for cell in line] for line in (header, marks, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def some_of(names: Sequence[str] | NDArray[np.str_]) -> str:
    """The first five names and how many more there are, for a message."""
    rest = len(names) - 5
    return ", ".join(map(str, names[:5])) + (f" and {rest:,} more" if rest > 0 else "")


def faults(error: "ValidationError") -> str:
    """What pydantic found wrong, the first three of it in one line, each with its key."""
    return "; ".join(_fault(one) for one in error.errors()[:3])


def _fault(one: "ErrorDetails") -> str:
    own = one.get("ctx", {}).get("error")
    if isinstance(own, AwcuError):
        return str(own)
    key = ": ".join(map(_key, one["loc"])) or "the document"
    named = one["type"] in ("missing", "extra_forbidden", "unexpected_keyword_argument")
    return f"{key}: {one['msg']}" if named else f"{key} is {shown(one['input'])}: {one['msg']}"


def _key(part: str | int) -> str:
    # A file may have a key of any length, and with line breaks.
    text = str(part)
    return text if text.isprintable() and len(text) <= 60 else shown(text)


def shown(value: object, longest: int = 60) -> str:
    """A value as code would write it, cut short."""
    text = repr(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
