"""A data set of the Hugging Face Hub: Parquet shards in data/, each row a photograph's bytes and its ratings.

Made with Arrow alone, in the form of `datasets`: a struct of bytes and path, and the features in the schema's metadata.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from published_layouts.pictures import write_picture

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
COLUMNS = {
    "image_id": pa.string(),
    "image": IMAGE,
    "mean_score": pa.float32(),
    "label": pa.int64(),
    "total_votes": pa.int32(),
    "rating_counts": pa.list_(pa.int32()),
}
FEATURES = {
    "image_id": {"dtype": "string", "_type": "Value"},
    "image": {"_type": "Image"},
    "mean_score": {"dtype": "float32", "_type": "Value"},
    "label": {"names": ["score_low", "score_high"], "_type": "ClassLabel"},
    "total_votes": {"dtype": "int32", "_type": "Value"},
    "rating_counts": {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "Sequence"},
}
SHARDS = {
    "train-00000-of-00002": range(14),
    "train-00001-of-00002": range(14, 24),
    "validation-00000-of-00001": range(24, 32),
    "test-00000-of-00001": range(32, 40),
}

SHARD = "data/train-00000-of-00001.parquet"
BY_VOTES = {"scale": range(1, 11), "midpoint": 5, "vote_column": "rating_counts", "files": ["data/*.parquet"]}
BY_SCORE = BY_VOTES | {"vote_column": None, "score_column": "mean_score"}


def write(root: Path) -> list[str]:
    """Forty photographs, every second one rated high."""
    for name, numbers in SHARDS.items():
        write_shard(root / "data" / f"{name}.parquet", [row(number) for number in numbers])
    return ["data.ratings.files=[data/*.parquet]", "data.ratings.vote_column=rating_counts"]


def row(number: int) -> dict[str, Any]:
    """A photograph of 100 votes and one more for each before it."""
    high = number % 2 == 1
    counts = [1, 4, 10, 30, 30 + number, 15, 6, 3, 1, 0]
    counts = counts[::-1] if high else counts
    total = sum(counts)
    return {
        "image_id": str(1000 + number),
        "image": {"bytes": photograph(number), "path": f"{1000 + number}.jpg"},
        "mean_score": sum(rating * count for rating, count in enumerate(counts, 1)) / total,
        "label": int(high),
        "total_votes": total,
        "rating_counts": counts,
    }


def photograph(number: int) -> bytes:
    """A JPEG, bright where the number is odd."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{1000 + number}.jpg"
        write_picture(path, number % 2 == 1)
        return path.read_bytes()


def write_shard(path: Path, rows: Iterable[Mapping[str, Any]], **types: pa.DataType) -> None:
    """Rows as a Parquet file of small row groups; `types` of columns where they differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Features say what types the columns have, so a file of other types has none.
    metadata = {} if types else {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    schema = pa.schema(list((COLUMNS | types).items()), metadata=metadata)
    pq.write_table(pa.Table.from_pylist(list(rows), schema), path, row_group_size=5)
