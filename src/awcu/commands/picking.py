"""What `awcu pick` does: photographs in, a contact sheet, a list and links out."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from awcu.commands.judging import check_file, load_model, progress_bar
from awcu.commands.labelling import check_into, link_into
from awcu.errors import ImageError, SeriesError
from awcu.files import write_atomically
from awcu.images.burst import NEEDED, Measures, lacks, measure
from awcu.images.decoding import decode
from awcu.images.discovery import find, read_ahead
from awcu.images.likeness import ALIKE, likeness, outline
from awcu.images.metadata import time_taken
from awcu.inference.series import WITHIN, find_series, neighbours
from awcu.inference.wording import measure as unit
from awcu.reports.contact_sheet import Shown, ShownSeries, contact_sheet_html, is_contact_sheet, thumbnail
from awcu.reports.rows import Row, Rows, text_of, visible
from awcu.text import counted, number, rating, share

if TYPE_CHECKING:
    from awcu.inference.predictor import AestheticModel

COLUMNS = ("path", "series", "of", "place", "score", "taken", "sharpness", "light", "blown", "lacks", "error")
SAID = 40  # series told in the terminal
AHEAD = 8  # photographs decoded at a time


@dataclass(frozen=True, eq=False)
class Judged:
    """Photographs that could be read, a row each.

    Attributes:
        paths: N files.
        times: When each was taken; None where that is not known.
        scores: By the model, higher is better.
        said: The scores as ratings or probabilities, as printed.
    """

    paths: Sequence[Path]
    times: Sequence[datetime | None]
    scores: Sequence[float]
    said: Sequence[str]


class Look(NamedTuple):
    """What one photograph looks like: its outline, what is measured, and a JPEG with its width and height."""

    outline: NDArray[np.float32]
    measures: Measures
    picture: bytes
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Picked:
    """The series that were found.

    Attributes:
        judged: Photographs, a row each.
        series: Rows of each series, the best first.
        looks: Of every photograph of a series.
        faults: Why other photographs could not be read.
    """

    judged: Judged
    series: Sequence[Sequence[int]]
    looks: Mapping[Path, Look]
    faults: Mapping[Path, str]

    def readable(self) -> "Picked":
        """Without the photographs that could not be read after all; they are in no series."""
        judged, kept = self.judged, [row for row, path in enumerate(self.judged.paths) if path not in self.faults]
        left = Judged(
            [judged.paths[row] for row in kept],
            [judged.times[row] for row in kept],
            [judged.scores[row] for row in kept],
            [judged.said[row] for row in kept],
        )
        now = {row: place for place, row in enumerate(kept)}
        return Picked(left, [[now[row] for row in rows] for rows in self.series], self.looks, self.faults)

    def lacks(self, row: int, best: int) -> list[str]:
        """What a photograph has less of than the best of its series."""
        return lacks(*(self.looks[self.judged.paths[one]].measures for one in (row, best)))


def pick(arguments: argparse.Namespace) -> None:
    """Find the series, and say, show and link the best of each."""
    within, like = _limits(arguments)
    photographs = find(arguments.photographs)
    _check_targets(arguments)
    model = load_model(arguments)
    judged, faults = _judged(model, photographs)
    pairs = neighbours(judged.times, judged.paths, within)
    looks = _looks([judged.paths[row] for row in np.unique(pairs)], faults)
    looked = [looks.get(path) for path in judged.paths]
    alike = [_are_alike(looked[one], looked[other], like) for one, other in pairs.tolist()]
    series = find_series(pairs[np.array(alike, np.bool_)], judged.times, judged.paths)
    series = [sorted(rows, key=lambda row: -judged.scores[row]) for rows in series]
    picked = Picked(judged, series, looks, faults).readable()
    _say(picked, unit(model.objective), arguments)
    if faults:
        raise SystemExit(
            f"awcu: {len(faults)} of {len(photographs)} photographs failed, see above; all others are done"
        )


def _limits(arguments: argparse.Namespace) -> tuple[float, float]:
    """Seconds and likeness of two of a series."""
    within = WITHIN if arguments.within is None else arguments.within
    like = ALIKE if arguments.like is None else arguments.like
    if not within >= 0:
        raise SeriesError(f"--within {within:g} seconds: no time is negative; give 0 or more")
    if not -1 <= like <= 1:
        raise SeriesError(f"--like {like:g} is not from -1 to 1; give about {ALIKE:g}")
    return within, like


def _check_targets(arguments: argparse.Namespace) -> None:
    out: Path = arguments.out
    ours = out.is_file() and is_contact_sheet(out)
    check_file(out, arguments.overwrite or ours, (".html",))
    if arguments.list is not None:
        check_file(arguments.list, arguments.overwrite, option="--list")
    check_into(arguments.into)


def _judged(model: "AestheticModel", photographs: Sequence[Path]) -> tuple[Judged, dict[Path, str]]:
    """What is known of each photograph that can be read, and why the others cannot."""
    from awcu.personal.features import pooled_features

    with progress_bar("looking", len(photographs)) as bar:
        found = pooled_features(model, photographs, seen=lambda done, of: bar.update(bar.task_ids[0], completed=done))
    with torch.inference_mode():
        logits = model.net.aesthetic_head(torch.from_numpy(found.pooled).to(model.device))
        scores = model.objective.score(logits).tolist()
        likely = model.objective.probability(logits)
    said = [_said(model, score, None if likely is None else float(likely[row])) for row, score in enumerate(scores)]
    faults = dict(found.unreadable)
    times: list[datetime | None] = []
    for path, time in read_ahead(found.paths, time_taken, AHEAD):
        if isinstance(time, ImageError):
            faults[path] = str(time)
        times.append(None if isinstance(time, ImageError) else time)
    for reason in faults.values():
        _say_fault(reason)
    return Judged(found.paths, times, scores, said), faults


def _said(model: "AestheticModel", score: float, probability: float | None) -> str:
    rated = model.objective.rating(score)
    if rated is not None:
        return rating(rated)
    return number(score, signed=True, decimals=2) if probability is None else share(probability)


def _say_fault(reason: str) -> None:
    print(visible(f"awcu: {text_of(reason)}"), file=sys.stderr)


def _looks(photographs: Sequence[Path], faults: dict[Path, str]) -> dict[Path, Look]:
    """What photographs look like; why some could not be read is added to the faults."""
    looks: dict[Path, Look] = {}
    bar = progress_bar("comparing", len(photographs))
    with bar, closing(read_ahead(photographs, _look, AHEAD)) as found:
        for path, look in found:
            bar.advance(bar.task_ids[0])
            if isinstance(look, ImageError):
                faults[path] = str(look)
                _say_fault(faults[path])
            else:
                looks[path] = look
    return looks


def _look(path: Path) -> Look:
    pixels = decode(path, NEEDED)
    return Look(outline(pixels), measure(pixels), *thumbnail(pixels))


def _are_alike(one: Look | None, other: Look | None, like: float) -> bool:
    return one is not None and other is not None and likeness(one.outline, other.outline) >= like


def _say(picked: Picked, measured: str, arguments: argparse.Namespace) -> None:
    """Print what there is, and write what was asked for."""
    says = _summary(picked)
    for line in (says, *_lines(picked)):
        print(line)
    out: Path = arguments.out
    write_atomically(out, _page(picked, says, measured, out))
    if arguments.list is not None:
        write_atomically(arguments.list, _rows(picked).text(arguments.list.suffix))
    page = visible(text_of(out))
    if arguments.into is None:
        print(f"{page} shows them; --into FOLDER links the best of each, and what is alone.")
        return
    print(f"{page} shows them.")
    left = {row for rows in picked.series for row in rows[1:]}
    link_into(arguments.into, {path: "" for row, path in enumerate(picked.judged.paths) if row not in left})


def _summary(picked: Picked) -> str:
    sizes, total = [len(rows) for rows in picked.series], len(picked.judged.paths)
    if not sizes:
        return f"{counted(total, 'photograph')}, no two of one series."
    spread = f"{min(sizes)} to {max(sizes)}" if min(sizes) < max(sizes) else f"{sizes[0]}"
    return f"{counted(total, 'photograph')}, {len(sizes):,} series of {spread}, {total - sum(sizes):,} alone."


def _lines(picked: Picked) -> list[str]:
    """A line for each series: the best, and the others with what they lack."""
    lines, judged = [], picked.judged
    for best, *rest in picked.series[:SAID]:
        others = (f"{judged.paths[row].stem} {judged.said[row]} {', '.join(picked.lacks(row, best))}" for row in rest)
        first = f"{judged.paths[best].name}  best of {len(rest) + 1} ({judged.said[best]}); "
        lines.append(visible(text_of(first + "; ".join(other.rstrip() for other in others))))
    more = len(picked.series) - SAID
    return [*lines, f"and {more:,} more series"] if more > 0 else lines


def _page(picked: Picked, says: str, measured: str, page: Path) -> str:
    judged, shown = picked.judged, []
    for rows in picked.series:
        photographs = [
            Shown(judged.paths[row], judged.said[row], picked.lacks(row, rows[0]), *picked.looks[judged.paths[row]][2:])
            for row in rows
        ]
        shown.append(ShownSeries(photographs, _when([judged.times[row] for row in rows])))
    within = {row for rows in picked.series for row in rows}
    alone = [(path, judged.said[row]) for row, path in enumerate(judged.paths) if row not in within]
    return contact_sheet_html(shown, alone, says, _notes(judged, measured), page)


def _when(times: Sequence[datetime | None]) -> str:
    known = sorted(time for time in times if time is not None)
    if not known:
        return ""
    return f"{known[0]:%Y-%m-%d %H:%M:%S}, {(known[-1] - known[0]).total_seconds():.0f} s"


def _notes(judged: Judged, measured: str) -> list[str]:
    """What a reader must know."""
    notes = [
        f"The number is the model’s {measured}, and the best has the highest. Softer, darker, brighter and more blown "
        "out are measured over the whole frame, against the best of the series; they are not the model’s reasons. No "
        "photograph was moved or deleted."
    ]
    untimed = sum(time is None for time in judged.times)
    if untimed:
        notes.append(
            f"{counted(untimed, 'photograph')} without a time in EXIF were compared in the order of their names. "
            "The date of a file is not trusted, since copying changes it."
        )
    return notes


def _rows(picked: Picked) -> Rows:
    table, judged = Rows(None, COLUMNS), picked.judged
    place = {
        row: (at, number, len(rows), rows[0])
        for number, rows in enumerate(picked.series, 1)
        for at, row in enumerate(rows, 1)
    }
    for row, path in enumerate(judged.paths):
        taken = judged.times[row]
        line: Row = {"path": text_of(path), "score": round(judged.scores[row], 6)}
        line["taken"] = None if taken is None else taken.isoformat()
        if row in place:
            line["place"], line["series"], line["of"], best = place[row]
            measures = picked.looks[path].measures
            line |= {name: round(value, 3) for name, value in measures._asdict().items()}
            line["lacks"] = ", ".join(picked.lacks(row, best))
        table.add(line)
    for path, reason in picked.faults.items():
        table.add({"path": text_of(path), "error": text_of(reason)})
    return table
