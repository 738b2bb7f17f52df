"""A report on photographs in words, alike on the terminal and on the page."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from awcu.photograph_report import DELTAS, Alike, PhotographReport, Spread, spread
from awcu.ratings import Ratings
from awcu.sources.text import some_of

NAMED = 5


class Finding(NamedTuple):
    """Something of a set that whoever uses it should know.

    Attributes:
        photographs: That it is true of; several files of one photograph count once.
        what: Is true of them.
        named: Lines that name some of them.
        more: How many are not named because their lines were too many.
        warns: Whether results may mislead because of it.
    """

    photographs: int
    what: str
    named: tuple[str, ...]
    more: int
    warns: bool

    @property
    def text(self) -> str:
        """Its first line."""
        return f"{'Warning: ' if self.warns else ''}{counted(self.photographs, 'photograph')} {self.what}"


def lead(report: PhotographReport) -> str:
    """The set in two sentences."""
    ratings, everything = report.ratings, report.counts[-1]
    first, *others = ((share(part), f"{delta:g}") for delta, part in zip(DELTAS, everything.dropped, strict=True))
    near = f"{first[0]} lie within {first[1]} rating points of it"
    near += "".join(f", {part} within {delta}" for part, delta in others)
    return (
        f"{counted(len(ratings), 'photograph')} rated from {ratings.scale[0]:g} to {ratings.scale[-1]:g}. "
        f"{share(everything.high / everything.photographs)} are high, their mean score above the midpoint "
        f"{ratings.midpoint:g}; {near}."
    )


def table_notes(report: PhotographReport) -> list[str]:
    """What the columns of the table mean."""
    said = ["dropped: nearer to the midpoint than δ rating points, which weighting=drop leaves out of training"]
    return said + ["left out: rated, but missing or unreadable"] * (report.counts[-1].left_out > 0)


def findings(report: PhotographReport) -> list[Finding]:
    """What is wrong, the gravest last, where a reader of the terminal looks first."""
    found = [
        Finding(len(report.missing), "missing", (some_of(report.missing),), 0, False),
        _unreadable(report.unreadable),
        _alike(report.repeated, "more than once within a split", False),
        _alike(report.leaks, "in more than one split, byte for byte the same", True),
    ]
    return [one for one in found if one.photographs]


def particulars(report: PhotographReport, kept: int, short_side: int, quality: int) -> dict[str, str]:
    """Name and value of what else is known.

    Args:
        report: Of the photographs.
        kept: Bytes of the small ones.
        short_side: Pixels of theirs.
        quality: Of their JPEGs.
    """
    ratings, files = report.ratings, report.total - len(report.missing)
    side = f"{_spread(report.short_side)} pixels"
    if report.smaller:
        side += f"; {report.smaller:,} below {short_side} keep their size"
    prepared = f"{size(kept)} as JPEG of quality {quality}, short side {short_side} pixels"
    if kept > report.bytes:
        prepared += "; more than the originals, which are small already"
    return {
        "mean score": f"{ratings.mean_score.mean():.2f} on average, standard deviation {ratings.mean_score.std():.2f}",
        **_votes(ratings),
        "short side": side,
        "originals": f"{size(report.bytes)} in {counted(files, 'file')}",
        "prepared": prepared,
    }


def part_of(count: int, whole: int) -> str:
    """A number, and its share where there is something to share."""
    return f"{count:,} ({share(count / whole)})" if whole else f"{count:,}"


def share(part: float) -> str:
    """As whole per cent; what is not quite nothing or everything never reads as if it were."""
    if np.isnan(part):
        return "–"
    # A line that breaks before the sign would part it from its number.
    if 0 < part < 0.01:
        return "< 1\u00a0%"
    return "> 99\u00a0%" if 0.99 < part < 1 else f"{100 * part:.0f}\u00a0%"


def counted(number: int, noun: str) -> str:
    """As in 1 photograph, 2,000 photographs."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def size(count: int) -> str:
    """Bytes to read; 1 kB is 1,000 bytes."""
    for unit, one in (("GB", 1e9), ("MB", 1e6)):
        if count >= one:
            return f"{count / one:,.1f} {unit}"
    return f"{count / 1e3:,.1f} kB"


def _unreadable(faults: dict[str, str]) -> Finding:
    """The commonest reasons, each with some photographs."""
    ids: dict[str, list[str]] = {}
    for image_id, reason in faults.items():
        ids.setdefault(reason, []).append(image_id)
    reasons = sorted(ids, key=lambda reason: -len(ids[reason]))
    lines = tuple(f"{some_of(ids[reason])}: {reason}" for reason in reasons[:NAMED])
    return Finding(len(faults), "unreadable", lines, sum(len(ids[reason]) for reason in reasons[NAMED:]), False)


def _alike(groups: Sequence[Alike], what: str, warns: bool) -> Finding:
    return Finding(len(groups), what, tuple(map(_same, groups[:NAMED])), max(len(groups) - NAMED, 0), warns)


def _same(alike: Alike) -> str:
    if len(set(alike.splits)) == 1:
        names, where = alike.image_ids, f" ({alike.splits[0]})"
    else:
        names, where = tuple(f"{image_id} ({split})" for image_id, split in zip(*alike, strict=True)), ""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{' = '.join(names[:NAMED])}{more}{where}"


def _votes(ratings: Ratings) -> dict[str, str]:
    known = ratings.vote_count[~np.isnan(ratings.vote_count)]
    return {"ratings each": _spread(spread(known))} if len(known) else {}


def _spread(values: Spread) -> str:
    if values.least == values.most:
        return f"{values.median:,g}"
    return f"{values.least:,.0f} to {values.most:,.0f}, median {values.median:,.0f}"
