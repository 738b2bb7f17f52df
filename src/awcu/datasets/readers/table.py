"""Any rating data set that consists of a table and a folder of photographs.

Format: a CSV or Parquet file, or one per split, with one row per photograph: an image column; vote counts (one column
per rating value) or a mean score (with vote count and standard deviation if known); optionally attributes and a split.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from awcu.bounds import MAX_NUMBER
from awcu.datasets.parsing import as_spelt, there_of
from awcu.errors import RatingsError
from awcu.ratings.ratings import Floats, Ratings
from awcu.ratings.splits import SPLITS, hash_split, with_validation
from awcu.text import shown


def read(
    name: str,
    root: str | Path,
    file: str | None,
    image_column: str,
    scale: Sequence[float],
    midpoint: float,
    split_files: Mapping[str, str] | None = None,
    image_folder: str = "images",
    image_suffix: str = "",
    vote_columns: Sequence[str] = (),
    score_column: str | None = None,
    vote_count_column: str | None = None,
    vote_sd_column: str | None = None,
    point: float = 1.0,
    attribute_columns: Sequence[str] = (),
    split_column: str | None = None,
    split_seed: int = 0,
    val: float = 0.1,
    test: float = 0.2,
    origin: str = "",
) -> Ratings:
    """Read a table of ratings.

    Args:
        name: What to call the data set.
        root: Its folder.
        file: The table, relative to `root`; .csv or .parquet. None if `split_files` are given.
        image_column: Id of each photograph: its file name, or a part of it (see `image_suffix`).
        scale: The K rating values, or the two ends of the score, in rating points.
        midpoint: In rating points; a photograph is high iff its mean score is greater.
        split_files: One table per split instead of `file`: train, test and, if there is one, val. Without val, a share
            `val` of the training photographs, chosen by a hash of the id, is set aside for validation.
        image_folder: Relative to `root`.
        image_suffix: Appended to the image column's text, for example ".jpg" if the table has bare ids.
        vote_columns: K columns of counts, in the order of `scale`.
        score_column: Mean score, if there are no vote counts.
        vote_count_column: Number of ratings.
        vote_sd_column: Standard deviation of one photograph's ratings, in the unit of the score.
        point: Size of one rating point in the unit of the score, for example 0.2 for a five-point scale stored as
            0..1. Scores and standard deviations are divided by it.
        attribute_columns: Columns of 0, 1 or empty cells; a text column becomes one attribute per value.
        split_column: train, val or test; without it the split is hashed from the id (`hash_split`).
        split_seed: Selects the hashed split.
        val: Validation share, of the hashed split or of the training photographs.
        test: Test share of the hashed split.
        origin: The data set that the ids come from, if another set uses the same ids for the same photographs.

    Raises:
        SourceError: The folder of the photographs cannot be read, or it is not clear which file a name stands for.
        RatingsError: A file or column does not exist, votes and score are both given or both missing, as are `file`
            and `split_files`, a cell is not a number, or `Ratings` refuses the values.
    """
    if point <= 0:
        raise RatingsError(f"{name}: point={point} must be > 0; give the size of one rating point in the score's unit")
    folder = _resolve(name, root)
    tables = _tables(name, folder, file, split_files, split_column)
    columns = [image_column, *vote_columns, *attribute_columns]
    columns += [column for column in (score_column, vote_count_column, vote_sd_column, split_column) if column]
    frame = _read_frames(list(tables), columns)
    if bool(vote_columns) == bool(score_column):
        given = "both" if score_column else "none"
        raise RatingsError(f"{next(iter(tables))}: name either vote_columns or a score_column, not {given}")
    if frame[image_column].isna().any():
        raise RatingsError(f"{_where(frame, frame[image_column].isna())}: column {image_column!r} is empty; fill it in")
    ids = np.array(frame[image_column].astype(str).to_list(), dtype=np.str_)
    images = folder / image_folder
    files = [f"{image_id}{image_suffix}" for image_id in ids.tolist()]
    found, notes = as_spelt(name, images, files, there_of(images, files))
    # Path objects would take seconds for hundreds of thousands of photographs.
    paths = [f"{images}{os.sep}{file}" for file in found]
    attributes, attribute_names = _attributes(frame, attribute_columns)
    return Ratings(
        name=name,
        image_ids=ids,
        image_paths=np.array(paths, dtype=np.str_),
        scale=np.asarray(scale, dtype=np.float64),
        midpoint=float(midpoint),
        votes=np.stack([_numbers(frame, c) for c in vote_columns], axis=1) if vote_columns else None,
        mean_score=np.round(_numbers(frame, score_column) / point, 12) if score_column else np.empty(0),
        vote_count=_numbers(frame, vote_count_column) if vote_count_column else np.empty(0),
        vote_sd=_numbers(frame, vote_sd_column) / point if vote_sd_column else np.empty(0),
        attributes=attributes,
        attribute_names=attribute_names,
        split=_split(frame, tables if split_files else None, split_column, ids, split_seed, val, test),
        origin=origin,
        notes=notes,
    )


def _resolve(name: str, root: str | Path | None) -> Path:
    if root is None:
        raise RatingsError(f"{name}: data.root is not set; give the data set's folder as data.root=…")
    return Path(root)


def _tables(
    name: str, folder: Path, file: str | None, split_files: Mapping[str, str] | None, split_column: str | None
) -> dict[str, str]:
    """Table → its split, or "" for a single table."""
    if not split_files:
        if file is None:
            raise RatingsError(f"{name}: file is null; name one, or split_files for train and test")
        return {str(folder / file): ""}
    if file is not None or split_column is not None:
        given = "file" if file is not None else "split_column"
        raise RatingsError(f"{name}: split_files already define the split; leave {given} null")
    if not {"train", "test"} <= set(split_files) <= set(SPLITS):
        raise RatingsError(
            f"{name}: split_files name {', '.join(split_files)}; train and test are required, and only "
            f"{', '.join(SPLITS)} are allowed"
        )
    tables = {str(folder / table): split for split, table in split_files.items()}
    if len(tables) < len(split_files):
        raise RatingsError(f"{name}: split_files name one file for two splits; give every split its own")
    return tables


def _read_frame(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise RatingsError(f"{path} does not exist; data.root must be the folder that holds {path.name!r}")
    try:
        # Ids such as 00123 or NA are names, so pandas must not guess types; numbers are parsed column by column.
        if path.suffix == ".parquet":
            return pd.read_parquet(path).reset_index(drop=True)
        frame = pd.read_csv(path, dtype=str, na_values=[""], keep_default_na=False, skip_blank_lines=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError, ValueError) as error:
        raise RatingsError(f"{path} cannot be read as a {path.suffix[1:] or 'CSV'} table: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise RatingsError(f"{path}: rows have more cells than the header; remove the cells after the last column")
    return frame.dropna(how="all")


def _read_frames(paths: Sequence[str], columns: list[str]) -> pd.DataFrame:
    """The rows of all tables, indexed by file and row number."""
    frames = {}
    for path in paths:
        frame = _read_frame(Path(path))
        missing = [column for column in columns if column not in frame.columns]
        if missing:
            raise RatingsError(
                f"{path} has no column {', '.join(map(repr, missing))}; its columns are "
                f"{', '.join(map(str, frame.columns))}: name the right one in the data config"
            )
        frames[path] = frame[list(dict.fromkeys(columns))]
    return pd.concat(frames)


def _numbers(frame: pd.DataFrame, column: str) -> Floats:
    numbers = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~(np.abs(numbers) <= MAX_NUMBER) & frame[column].notna().to_numpy()
    if wrong.any():
        value = frame[column].to_numpy()[wrong][0]
        raise RatingsError(
            f"{_where(frame, wrong)}: {shown(str(value))} in column {column!r} is not a number within "
            f"±{MAX_NUMBER:g}; correct it"
        )
    return numbers


def _where(frame: pd.DataFrame, faulty: NDArray[np.bool_] | pd.Series) -> str:
    """The file and line of the first fault; lines count from 1, and the header is the first."""
    path, row = frame.index[int(np.argmax(np.asarray(faulty)))]
    return f"{path}: line {row + 2}"


def _attributes(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[Floats, tuple[str, ...]]:
    names: list[str] = []
    values: list[Floats] = []
    for column in columns:
        present = frame[column].dropna()
        if pd.to_numeric(present, errors="coerce").isna().any():
            unlabelled = frame[column].isna().to_numpy()
            for value in sorted(present.unique()):
                names.append(str(value))
                values.append(
                    np.where(unlabelled, np.nan, (frame[column] == value).to_numpy(dtype=np.float64, na_value=0))
                )
        else:
            names.append(column)
            values.append(_numbers(frame, column))
    return np.stack(values, axis=1) if values else np.empty((0, 0)), tuple(names)


def _split(
    frame: pd.DataFrame,
    tables: Mapping[str, str] | None,
    column: str | None,
    ids: NDArray[np.str_],
    seed: int,
    val: float,
    test: float,
) -> NDArray[np.str_]:
    if tables is not None:
        published = np.array([tables[path] for path, _ in frame.index], dtype=np.str_)
        return with_validation(published, ids, seed, val)
    if column is None:
        return hash_split(ids, seed, val, test)
    return np.array(frame[column].fillna("").astype(str).to_list(), dtype=np.str_)
