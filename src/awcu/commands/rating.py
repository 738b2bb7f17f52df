"""`awcu rate`: one person's ratings of photographs, and the model that learns from them."""

import argparse
import hashlib
import json
import os
import shlex
import socket
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from awcu.commands.serving import address_of, answer, listen, names_answered, server_of
from awcu.config.hydra import quoted
from awcu.demo.rating import create_rating_app, shrunk
from awcu.errors import PersonalError
from awcu.images.discovery import find
from awcu.inference.predictor import AestheticModel
from awcu.models.pretrained import BUNDLED, check_free, load
from awcu.models.purpose import OF_ONE_PERSON
from awcu.personal.features import PooledFeatures, pooled_features
from awcu.personal.model import everyone, personal_model
from awcu.personal.ratings import RatingsFile, open_ratings
from awcu.personal.session import Session
from awcu.reports.rows import text_of
from awcu.text import counted, some_of

HELD = 6  # photographs in memory: what is shown, what comes next, and what an undo may bring back
BUSY = 120.0  # seconds for a request and its answer, which may wait for the head to be solved


def rate(arguments: argparse.Namespace) -> None:
    """Show the photographs, take their ratings, write the model."""
    # What is wrong is said before minutes are spent on the photographs.
    photographs = _photographs(arguments.folder)
    with listen(arguments.host, arguments.port) as listening, open_ratings(arguments.out, arguments.scale) as ratings:
        _require_replaceable(arguments.model)
        model, seen = _look(photographs, arguments)
        session, pictures = _session(model, seen, ratings, arguments.folder)
        _serve(session, pictures, arguments, listening)
        _end(session, model, seen, arguments)


def _photographs(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise PersonalError(f"{folder} is no folder; name the one that holds your photographs")
    found = find([str(folder)])
    # The names go into a file of text.
    garbled = [text_of(path) for path in found if text_of(path) != str(path)]
    _say_passed_over("with a name that is not UTF-8", garbled)
    return [path for path in found if text_of(path) == str(path)]


def _require_replaceable(folder: Path) -> None:
    """Before anything is rated: the model may take the place of an earlier one of its kind, and of nothing else."""
    check_free(folder.resolve(), overwrite=True)
    if folder.is_dir() and any(folder.iterdir()) and load(folder)[0].trained_on != OF_ONE_PERSON:
        raise PersonalError(f"{folder} holds a model that is no person's eye; name another folder as --model")


def _look(photographs: Sequence[Path], arguments: argparse.Namespace) -> tuple[AestheticModel, PooledFeatures]:
    """Load the model, and compute the features of the photographs that it has not seen yet."""
    model = AestheticModel.from_pretrained(arguments.checkpoint or BUNDLED, arguments.device)
    name = arguments.checkpoint or "the package's model"
    print(f"Looking at {counted(len(photographs), 'photograph')} with {name}, once …", flush=True)
    progress = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    bar = progress.add_task("")
    try:
        with progress:
            seen = pooled_features(
                model, photographs, seen=lambda done, of: progress.update(bar, completed=done, total=of)
            )
    except KeyboardInterrupt:
        print("awcu: interrupted; what was looked at is kept", file=sys.stderr)
        raise SystemExit(130) from None
    _say_passed_over("that cannot be read", list(seen.unreadable.values()))
    return model, seen


def _say_passed_over(which: str, faults: Sequence[str]) -> None:
    if faults:
        print(f"awcu: passed over {counted(len(faults), 'photograph')} {which}: {some_of(faults)}", file=sys.stderr)


def _session(
    model: AestheticModel, seen: PooledFeatures, ratings: RatingsFile, folder: Path
) -> tuple[Session, Callable[[str], bytes]]:
    @lru_cache(HELD)
    def picture(image: str) -> bytes:
        return shrunk(folder / image)

    images = [path.relative_to(folder).as_posix() for path in seen.paths]
    prior = everyone(model, seen.pooled, ratings.values[-1] - ratings.values[0])
    return Session(images, seen.pooled, prior, ratings, picture), picture


def _serve(
    session: Session, pictures: Callable[[str], bytes], arguments: argparse.Namespace, listening: socket.socket
) -> None:
    """Take ratings until the person is done, or interrupts."""

    def end() -> dict[str, Any]:
        session.prepare()
        if session.fault:
            words, command = f"No model is written: {session.fault}.", ""
        else:
            words, command = f"The model is being written to {arguments.model}. Then:", _score_command(arguments)
        said = session.accuracy.sentence() if session.accuracy else ""
        server.should_exit = True
        return {"title": session.tally, "words": [said, words], "command": command}

    server = server_of(create_rating_app(session, pictures, end, names_answered(listening, arguments.host)), busy=BUSY)
    print(
        f"Rate on {address_of(listening)} (keys 1 to {arguments.scale}, Z undoes, S skips; Ctrl-C ends it). "
        f"Ratings go to {arguments.out}.",
        flush=True,
    )
    answer(server, listening, arguments)


def _end(session: Session, model: AestheticModel, seen: PooledFeatures, arguments: argparse.Namespace) -> None:
    """Write the model, and say what it is worth and what to type next."""
    session.prepare()
    if session.fault:
        raise PersonalError(f"no model is written: {session.fault}; rate more photographs of {arguments.folder}")
    assert session.head is not None
    assert session.accuracy is not None
    print(f"{session.tally}. {session.accuracy.sentence()}")
    ratings, of = session.ratings, hashlib.sha256("\n".join(session.rated).encode()).hexdigest()[:12]
    personal = personal_model(model, session.head.score, ratings.values, ratings.midpoint, seen, of)
    personal.save_pretrained(arguments.model, overwrite=True)
    print(f"{arguments.model} holds the model: {_score_command(arguments)}")
    print(f"{arguments.out} is a data set as well: {_train_command(ratings, arguments.folder)}")


def _score_command(arguments: argparse.Namespace) -> str:
    return shlex.join(["awcu", "score", str(arguments.folder), "--checkpoint", str(arguments.model)])


def _train_command(ratings: RatingsFile, folder: Path) -> str:
    root, values = ratings.path.parent, list(ratings.values)
    words = [f"data.root={quoted(f'{root}/')}"]
    if ratings.path.name != "ratings.csv":
        words.append(f"data.ratings.file={quoted(ratings.path.name)}")
    columns = json.dumps([str(value) for value in values], separators=(",", ":"))
    words += [
        f"data.ratings.image_folder={quoted(f'{os.path.relpath(folder, root)}/')}",
        f"data.ratings.vote_columns={columns}",
        f"data.ratings.scale={json.dumps(values, separators=(',', ':'))}",
        f"data.ratings.midpoint={ratings.midpoint:g}",
    ]
    return shlex.join(["awcu", "train", "data=table", *words])
