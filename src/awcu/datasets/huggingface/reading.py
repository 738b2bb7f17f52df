"""From a source of rows to `Ratings`, by way of an unpacked folder."""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from glob import glob
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awcu.datasets.huggingface.hub import Repository, parquet
from awcu.datasets.huggingface.unpacking import (
    FILE,
    ID,
    SCORE,
    SPLIT,
    TABLE,
    Columns,
    Part,
    State,
    unpack,
    unpacked,
    vote_columns,
)
from awcu.datasets.parsing import folder_of, lines_of, names_of
from awcu.datasets.readers import table
from awcu.errors import SourceError
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import SPLITS, hash_split
from awcu.text import shown, some_of

FORMAT = 1  # part of the folder's name: raise it whenever a file would come out differently
HUB_SPLITS = {"train": "train", "validation": "val", "test": "test"}

Texts = NDArray[np.str_]

_WORD = re.compile(r"(?<![A-Za-z])(train(ing)?|val(id(ation)?)?|dev|test(ing)?|eval(uation)?)(?![A-Za-z])")
_SPLITS = {"tr": "train", "va": "validation", "de": "validation", "te": "test", "ev": "test"}


@dataclass(frozen=True)
class ParquetFiles:
    """Parquet files below a folder.

    Attributes:
        root: The folder, which also takes the photographs.
        patterns: Relative to it.
    """

    root: Path
    patterns: tuple[str, ...]

    @classmethod
    def below(cls, root: str | Path | None, patterns: Sequence[str]) -> "ParquetFiles":
        """Files below the folder that a user names.

        Raises:
            SourceError: There is no such folder.
        """
        return cls(folder_of(root, "Parquet files", "").resolve(), tuple(patterns))

    def __str__(self) -> str:
        return f"{self.root} ({', '.join(self.patterns)})"

    @property
    def title(self) -> str:
        """What to call the data set."""
        return self.root.name

    @property
    def home(self) -> Path:
        """Where its photographs are unpacked."""
        return self.root

    def state(self) -> State:
        """The size of each file that is there."""
        return {file: (self.root / file).stat().st_size for file in self._found()}

    def parts(self) -> list[Part]:
        """A part for each file; the split is the last word for one in its path, as on the Hub.

        Raises:
            SourceError: No files.
        """
        found = self._found()
        if not found:
            raise SourceError(f"{self}: no file there matches; check data.root and data.ratings.files")
        return [parquet(self.root / file, _split_of(file), str(self.root / file)) for file in found]

    def notes(self, state: State) -> list[str]:
        """Nothing to say."""
        return []

    def _found(self) -> list[str]:
        found = {file for pattern in self.patterns for file in glob(pattern, root_dir=self.root, recursive=True)}  # noqa: PTH207 (a Path takes no absolute pattern)
        return sorted(file for file in found if not _is_unpacked(self.root / file))


def _is_unpacked(path: Path) -> bool:
    return not path.is_file() or (path.name == TABLE and (path.parent / "images").is_dir())


def _split_of(file: str) -> str:
    words = [found[0] for found in _WORD.finditer(Path(file).as_posix())]
    return _SPLITS[words[-1][:2]] if words else "train"


def read(
    root: str | Path | None = None,
    *,
    scale: Sequence[float],
    midpoint: float,
    name: str | None = None,
    repository: str | None = None,
    revision: str | None = None,
    files: Sequence[str] = (),
    image_column: str = "image",
    id_column: str = "image_id",
    vote_column: str | None = None,
    score_column: str | None = None,
    attribute_columns: Sequence[str] = (),
    splits: Mapping[str, str] = HUB_SPLITS,
    split_seed: int = 0,
    val: float = 0.1,
    test: float = 0.2,
    test_list: str | Path | None = None,
    origin: str = "",
) -> Ratings:
    """Read a repository that `download` has fetched, or Parquet files; nothing is fetched here.

    Args:
        root: The folder of the Parquet files, which also takes the photographs; of a repository's photographs, the
            user's cache folder when None.
        scale: The K rating values, or the two ends of the score.
        midpoint: In rating points; a photograph is high iff its mean score is greater.
        name: What to call the data set; by default the repository's name or the folder's.
        repository: `user/name` on the Hub.
        revision: Its commit, tag or branch; None for the newest that was fetched.
        files: Instead of a repository, patterns of Parquet files relative to `root`, as data/train-*.parquet. A
            file's split is in its name or folder, as on the Hub; without a word for it, it is "train".
        image_column: Photographs.
        id_column: Names, text or whole numbers.
        vote_column: Lists of K counts, in the order of `scale`.
        score_column: Mean score, where there are no counts.
        attribute_columns: Numbers 0, 1 or empty; a column of text or labels becomes one attribute per value.
        splits: Which of train, val and test each of the source's splits is.
        split_seed: Which training photographs make up a part that is missing.
        val: Their share for validation, where no split is for it.
        test: Their share for the test, likewise.
        test_list: A file of ids, one a line: these are the test photographs and all others are for training, a share
            `val` of them for validation, whatever the source says.
        origin: Whose ids these are, where another set calls the same photographs by the same ids.

    Raises:
        SourceError: The set is not here, a row or a setting is at fault, or the source has changed since unpacking.
        RatingsError: From `Ratings`.
    """
    source = _source(root, repository, revision, files)
    columns = _columns(image_column, id_column, vote_column, score_column, scale, attribute_columns)
    folder = source.home / _folder_name(source, columns)
    state = source.state()
    if not folder.is_dir():
        unpack(folder, source.parts(), columns, state)
    photographs, unpacked_from = unpacked(folder)
    if not state.items() <= unpacked_from.items():
        raise SourceError(f"{folder} was unpacked before {source} changed; delete that folder and read again")
    ratings = table.read(
        name=name or source.title,
        root=folder,
        file=TABLE,
        image_column=ID,
        image_folder="",  # nothing to list: the unpacked table knows the files
        scale=columns.scale,
        midpoint=midpoint,
        vote_columns=vote_columns(columns),
        score_column=None if columns.votes else SCORE,
        attribute_columns=columns.attributes,
        origin=origin,
    )
    split, notes = _split(ratings, names_of(photographs[SPLIT].to_pylist()), splits, test_list)
    images = f"{folder / 'images'}{os.sep}"
    return replace(
        ratings,
        image_paths=names_of(images + file for file in photographs[FILE].to_pylist()),
        split=_completed(split, ratings.image_ids, split_seed, val, test),
        notes=(*source.notes(unpacked_from), *notes),
    )


def _source(
    root: str | Path | None, repository: str | None, revision: str | None, files: Sequence[str]
) -> Repository | ParquetFiles:
    if bool(repository) == bool(files):
        raise SourceError(
            f"name either data.ratings.repository or data.ratings.files, not {'both' if files else 'none'}"
        )
    if repository:
        return Repository(repository, revision, None if root is None else Path(root))
    return ParquetFiles.below(root, files)


def _columns(
    image: str, name: str, votes: str | None, score: str | None, scale: Sequence[float], attributes: Sequence[str]
) -> Columns:
    if bool(votes) == bool(score):
        given = "both" if votes else "none"
        raise SourceError(f"name either data.ratings.vote_column or data.ratings.score_column, not {given}")
    if len(scale) < 2:
        raise SourceError(f"data.ratings.scale={list(scale)} has fewer than 2 values; give all rating values")
    columns = Columns(image, name, votes, score, tuple(float(value) for value in scale), tuple(attributes))
    taken = [name for name in columns.attributes if name in (ID, FILE, SPLIT, SCORE, *vote_columns(columns))]
    if taken:
        raise SourceError(f"data.ratings.attribute_columns: {taken[0]!r} is no attribute; leave it out")
    return columns


def _folder_name(source: Repository | ParquetFiles, columns: Columns) -> str:
    """What is unpacked, in a form to read and as a hash of all that decides how its files come out."""
    request: dict[str, object] = {"format": FORMAT} | asdict(columns) | {"scale": len(columns.scale)}
    if isinstance(source, Repository):
        request |= {"repository": source.name, "revision": source.revision}
        named = source.name.replace("/", "--")
    else:
        request |= {"files": source.patterns}
        named = "unpacked"  # not the root's name, so that the root can be renamed
    key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:12]
    return f"{named}-{key}"


def _split(
    ratings: Ratings, given: Texts, splits: Mapping[str, str], test_list: str | Path | None
) -> tuple[Texts, list[str]]:
    """The split as published, and what to say about it."""
    if test_list is not None:
        return _listed(ratings, Path(test_list).expanduser())
    wrong = [split for split in splits.values() if split not in SPLITS]
    if wrong:
        raise SourceError(f"data.ratings.splits: {shown(wrong[0])} is none of {', '.join(SPLITS)}; rename it")
    unknown = sorted(set(given.tolist()) - set(splits))
    if unknown:
        raise SourceError(
            f"{ratings.name}: split {unknown[0]!r} is not in data.ratings.splits; say which it is, as "
            f"+data.ratings.splits.{unknown[0]}=val"
        )
    return names_of(splits[split] for split in given.tolist()), []


def _listed(ratings: Ratings, path: Path) -> tuple[Texts, list[str]]:
    wanted = {line for line in lines_of(path) if line}
    there = set(ratings.image_ids.tolist())
    if not wanted & there:
        raise SourceError(
            f"{path}: none of its {len(wanted):,} ids is in {ratings.name}, whose ids are such as "
            f"{shown(str(ratings.image_ids[0]))}; give a list of these"
        )
    absent = sorted(wanted - there)
    notes = [f"{len(absent):,} of {len(wanted):,} ids in {path} are not there: {some_of(absent)}"] if absent else []
    return names_of("test" if image_id in wanted else "train" for image_id in ratings.image_ids.tolist()), notes


def _completed(split: Texts, ids: Texts, seed: int, val: float, test: float) -> Texts:
    """A split whose missing parts are hashed out of its training photographs."""
    there = set(split.tolist())
    hashed = hash_split(ids, seed, 0 if "val" in there else val, 0 if "test" in there else test)
    return np.where(split == "train", hashed, split).astype(np.str_)
