"""The part of `awcu train --dry-run` about photographs: are they there, prepared, readable, enough?"""

import shlex
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from omegaconf import DictConfig, OmegaConf

from awcu.commands.findings import Findings, room
from awcu.config.hydra import page
from awcu.datasets.prepared import Prepared, prepare
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import SPLITS
from awcu.text import counted, duration, size, some_of
from awcu.training.build import prepared_photographs
from awcu.training.datamodule import MANY
from awcu.training.rehearsal import Readings

LOOKED_AT = 1_000  # photographs, drawn at random
BEARABLE = 0.01  # share of the photographs of a split that may be missing


def photographs(
    cfg: DictConfig, words: Sequence[str], readings: Readings, found: Findings
) -> tuple[Ratings, Prepared | None, bool]:
    """The ratings, what is prepared, and whether runs can start; prints what is missing."""
    ratings, _ = readings.of(cfg)
    for note in ratings.notes:
        found.say("note", note)
    prepared = None
    with found.part("prepared"):
        prepared = prepared_photographs(cfg)
    problems = found.problems
    with found.part("data"):
        kept = _readable(ratings, prepared)
        _count(ratings, kept, cfg.data.on_unreadable == "exclude", found)
        if prepared is not None:
            prepared.check_size(cfg.images.size)
            _look_into(prepared, kept, found)
        elif len(ratings) > MANY:
            _preparation(cfg, kept, words, found)
        ratings = kept
    ready = found.problems == problems and (prepared is not None or len(ratings) <= MANY)
    return ratings, prepared, ready


def _readable(ratings: Ratings, prepared: Prepared | None) -> Ratings:
    """Those that are prepared; without, those whose files are there."""
    if prepared is not None:
        return prepared.readable(ratings)[0]
    there = np.array([Path(path).is_file() for path in ratings.image_paths.tolist()])
    return ratings.select(there)


def _count(ratings: Ratings, kept: Ratings, exclude: bool, found: Findings) -> None:
    counts = ", ".join(f"{(kept.split == split).sum():,} {split}" for split in SPLITS)
    found.say("data", f"{ratings.name}: {counted(len(kept), 'photograph')} ({counts})")
    gone = ratings.image_ids[~np.isin(ratings.image_ids, kept.image_ids)]
    if not len(gone):
        return
    text = f"{len(gone):,} of {len(ratings):,} are missing or cannot be read ({some_of(gone)})"
    share = max(1 - (kept.split == split).sum() / (ratings.split == split).sum() for split in SPLITS)
    if share > BEARABLE:
        found.refuse("photographs", f"{text}; results on fewer cannot be compared with others': complete the folder")
    elif not exclude:
        found.refuse("photographs", f"{text}; repair them, or leave them out by data.on_unreadable=exclude")
    else:
        found.say("photographs", f"{text}; left out")


def _drawn(ratings: Ratings) -> Ratings:
    rows = np.random.default_rng(0).permutation(len(ratings))[:LOOKED_AT]
    return ratings.select(np.sort(rows))


def _look_into(prepared: Prepared, ratings: Ratings, found: Findings) -> None:
    """Decode some of the prepared photographs."""
    drawn = prepared.of(_drawn(ratings))
    for row in range(len(drawn)):
        drawn[row]
    found.say("prepared", f"{prepared.folder}, {prepared.short_side} px; {len(drawn):,} drawn at random decode")


def _preparation(cfg: DictConfig, ratings: Ratings, words: Sequence[str], found: Findings) -> None:
    """What `awcu prepare` would take, by some of the photographs."""
    defaults, named, ends = page("prepare"), cfg.data.get("prepared"), []
    with tempfile.TemporaryDirectory() as folder:
        drawn = _drawn(ratings)
        some = prepare(
            drawn, folder, defaults.short_side, defaults.quality, None, lambda n: ends.append((time.monotonic(), n))
        )
        kept = sum(path.stat().st_size for path in Path(folder).glob("*/*.jpg"))
    # The first ones waited for processes to start.
    seconds, many = ends[-1][0] - ends[1][0], sum(n for _, n in ends[2:])
    share = len(ratings) / len(drawn)
    lasts = f", about {duration(len(ratings) * seconds / many)}" if many else ""
    faulty = len(drawn) - len(some.readable(drawn)[0])
    command = ["awcu", "prepare", f"data={OmegaConf.select(cfg, 'hydra.runtime.choices.data')}"]
    command += [word for word in words if word.startswith("data.") and not word.startswith("data.prepared=")]
    command.append(f"data.prepared={named or '…'}")
    found.say("prepared", f"not yet; {faulty} of {len(drawn):,} drawn at random cannot be read. First:")
    found.say("", f"{shlex.join(command)}   # {size(int(kept * share))}{lasts}")
    room("prepared", int(kept * share), Path(str(named or ".")).expanduser(), "data.prepared", found)
