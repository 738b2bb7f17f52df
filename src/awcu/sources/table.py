"""Any rating data set that is a table and a folder of photographs.

Format: a CSV or Parquet file with one row a photograph: an image column; vote counts (one column a rating value)
or a mean score (with vote count and standard deviation where known); optionally attributes and a split.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from awcu.ratings import Floats, Ratings, RatingsError, hash_split


def read(
    name: str,
    root: str | Path,
    file: str,
    image_column: str,
    scale: Sequence[float],
    midpoint: float,
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
        file: The table, relative to `root`; .csv or .parquet.
        image_column: Id of each photograph: its file name, or a part of it (see `image_suffix`).
        scale: The K rating values, or the two ends of the score, in rating points.
        midpoint: In rating points; a photograph is high iff its mean score is greater.
        image_folder: Relative to `root`.
        image_suffix: Added to the image column's text, as ".jpg" for tables of bare ids.
        vote_columns: K columns of counts, in the order of `scale`.
        score_column: Mean score, where there are no vote counts.
        vote_count_column: Number of ratings.
        vote_sd_column: Standard deviation of one photograph's ratings, in the unit of the score.
        point: Size of one rating point in the unit of the score, as 0.2 for a five-point scale stored as 0..1.
            Scores and standard deviations are divided by it.
        attribute_columns: Numbers 0, 1 or empty; a column of text becomes one attribute per value.
        split_column: train, val or test; without it the split is hashed from the id (`hash_split`).
        split_seed: Which hashed split.
        val: Share of the hashed split.
        test: Share of the hashed split.
        origin: Whose ids these are, where another set calls the same photographs by the same ids.

    Raises:
        RatingsError: No such file or column, neither votes nor score, a cell that is not a number, and all
            that `Ratings` itself refuses.
    """
    if point <= 0:
        raise RatingsError(f"{name}: point={point} is the size of one rating point in the unit of the score, > 0")
    path = _resolve(name, root) / file
    frame = _read_frame(path)
    _require_columns(
        frame,
        path,
        [image_column, *vote_columns, *attribute_columns],
        score=score_column,
        vote_count=vote_count_column,
        vote_sd=vote_sd_column,
        split=split_column,
    )
    if bool(vote_columns) == bool(score_column):
        raise RatingsError(
            f"{path}: name either vote_columns or a score_column, not {'both' if score_column else 'none'}"
        )
    if frame[image_column].isna().any():
        raise RatingsError(f"{path}: line {_line(frame, frame[image_column].isna())}: column {image_column!r} is empty")
    ids = np.array(frame[image_column].astype(str).to_list(), dtype=np.str_)
    folder = path.parent / image_folder
    attributes, attribute_names = _attributes(frame, path, attribute_columns)
    return Ratings(
        name=name,
        image_ids=ids,
        image_paths=np.array([str(folder / (image_id + image_suffix)) for image_id in ids.tolist()], dtype=np.str_),
        scale=np.asarray(scale, dtype=np.float64),
        midpoint=float(midpoint),
        votes=np.stack([_numbers(frame, path, c) for c in vote_columns], axis=1) if vote_columns else None,
        mean_score=np.round(_numbers(frame, path, score_column) / point, 12) if score_column else np.empty(0),
        vote_count=_numbers(frame, path, vote_count_column) if vote_count_column else np.empty(0),
        vote_sd=_numbers(frame, path, vote_sd_column) / point if vote_sd_column else np.empty(0),
        attributes=attributes,
        attribute_names=attribute_names,
        split=_split(frame, split_column, ids, split_seed, val, test),
        origin=origin,
    )


def _resolve(name: str, root: str | Path | None) -> Path:
    if root is None:
        raise RatingsError(f"{name}: where is it? Give its folder as data.root=…")
    return Path(root)


def _read_frame(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise RatingsError(f"{path} does not exist; data.root must be the folder that holds {path.name!r}")
    try:
        # Ids such as 00123 or NA are names, so nothing is guessed here; numbers are read column by column.
        if path.suffix == ".parquet":
            return pd.read_parquet(path).reset_index(drop=True)
        frame = pd.read_csv(path, dtype=str, na_values=[""], keep_default_na=False, skip_blank_lines=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError, ValueError) as error:
        raise RatingsError(f"{path} cannot be read as a {path.suffix[1:] or 'CSV'} table: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise RatingsError(f"{path}: its rows have more cells than its header; remove the cells after the last column")
    return frame.dropna(how="all")


def _require_columns(frame: pd.DataFrame, path: Path, columns: list[str], **optional: str | None) -> None:
    wanted = columns + [column for column in optional.values() if column]
    missing = [column for column in wanted if column not in frame.columns]
    if missing:
        raise RatingsError(
            f"{path} has no column {', '.join(map(repr, missing))}; its columns are "
            f"{', '.join(map(str, frame.columns))}: name the right one in the data config"
        )


def _numbers(frame: pd.DataFrame, path: Path, column: str) -> Floats:
    numbers = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.isnan(numbers) & frame[column].notna().to_numpy()
    if wrong.any():
        value = frame[column].to_numpy()[wrong][0]
        raise RatingsError(
            f"{path}: line {_line(frame, wrong)}: {value!r} in column {column!r} is not a number; correct it"
        )
    return numbers


def _line(frame: pd.DataFrame, faulty: NDArray[np.bool_] | pd.Series) -> int:
    """The file's line of the first fault: rows are counted from 1 and the header is a line."""
    return int(frame.index[int(np.argmax(np.asarray(faulty)))]) + 2


def _attributes(frame: pd.DataFrame, path: Path, columns: Sequence[str]) -> tuple[Floats, tuple[str, ...]]:
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
            values.append(_numbers(frame, path, column))
    return np.stack(values, axis=1) if values else np.empty((0, 0)), tuple(names)


def _split(
    frame: pd.DataFrame, column: str | None, ids: NDArray[np.str_], seed: int, val: float, test: float
) -> NDArray[np.str_]:
    if column is None:
        return hash_split(ids, seed, val, test)
    return np.array(frame[column].fillna("").astype(str).to_list(), dtype=np.str_)
