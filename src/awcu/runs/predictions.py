"""What runs predicted for each photograph, checked against their records when it is read.

A training run leaves predictions.csv. A head-only sweep has thousands of heads and leaves one compressed file for each
split and training size, with the test scores of all of its rows.
"""

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from awcu.errors import RecordError
from awcu.files import write_atomically
from awcu.metrics.bootstrap import METRICS, Bools, Floats, sample_metrics
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import Split
from awcu.runs.record import RESULTS, RunRecord, read_results_csv

if TYPE_CHECKING:  # it brings torch, which a table is made without
    from awcu.metrics.rating import Predictions


def predictions_csv(said: Mapping[Split, tuple[Ratings, "Predictions"]], attribute_names: Sequence[str]) -> str:
    """The text of predictions.csv: one row for each photograph the model was evaluated on.

    Args:
        said: Ratings and predictions of each split.
        attribute_names: `(A,)` of the predictions' attribute columns.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image_id", "split", "mean_score", "high", "score", *attribute_names])
    for split, (part, predictions) in said.items():
        rows = zip(part.image_ids, part.mean_score, part.high, predictions.score, predictions.attributes, strict=True)
        for image_id, mean, high, score, attributes in rows:
            writer.writerow([image_id, split, float(mean), int(high), score.item(), *attributes.tolist()])
    return text.getvalue()


CELLS = "predictions"  # a sweep's folder of the files that `save_cell` writes


def save_cell(path: Path, test: Ratings, records: Sequence[RunRecord], scores: Floats) -> None:
    """Write the test scores of the heads that a sweep solved on one split.

    Args:
        path: A file ending in .npz, in a folder `CELLS` beside the sweep's results.csv.
        test: N photographs.
        records: R records of one seed.
        scores: `(R, N)`, > 0 is high.
    """
    file = io.BytesIO()
    np.savez_compressed(
        file,
        image_ids=test.image_ids,
        high=test.high,
        mean_score=test.mean_score,
        variants=np.array([record.variant for record in records]),
        seed=records[0].seed,
        score=scores,
    )
    write_atomically(path, file.getvalue())


Reader = Callable[[RunRecord], "ScoredPhotographs"]


def find_predictions(folder: Path) -> Iterator[tuple[RunRecord, Reader]]:
    """The record of every run below a folder that left predictions, and what reads these for a record of its metrics.

    Raises:
        RecordError: A record is damaged, or a file holds no predictions.
    """
    for path in sorted(folder.rglob("predictions.csv")):
        yield RunRecord.load(path.with_name("record.json")), partial(ScoredPhotographs.read, path)
    for cells in sorted(folder.rglob(CELLS)):
        results = cells.with_name(RESULTS)
        records = {one.identity[1:]: one for one in (read_results_csv(results) if results.exists() else [])}
        for path in sorted(cells.glob("*.npz")):
            # A sweep that was killed may have left scores that it has no records of yet.
            for run, said in _read_cell(path).items():
                if run in records:
                    yield records[run], partial(said.checked, path)


def _read_cell(path: Path) -> dict[tuple[str, int], "ScoredPhotographs"]:
    """Variant and seed → test photographs, of a file that `save_cell` wrote."""
    try:
        with np.load(path, allow_pickle=False) as file:
            ids, high, rated, seed = (file[name] for name in ("image_ids", "high", "mean_score", "seed"))
            each = zip(file["variants"], file["score"], strict=True)
            return {(str(name), int(seed)): ScoredPhotographs(ids, score, high, rated) for name, score in each}
    except (BadZipFile, EOFError, KeyError, OSError, ValueError) as error:
        raise RecordError(f"{path} is no file of predictions ({error}); restore it, or remove it") from error


TOLERANCE = 1e-5
"""Between a metric of a record, which has passed through single precision, and the same from its predictions."""


@dataclass(frozen=True, eq=False)
class ScoredPhotographs:
    """N test photographs with their scores and ratings.

    Attributes:
        image_ids: `(N,)`, each once.
        score: `(N,)`, > 0 is high.
        high: `(N,)` labels.
        mean_score: `(N,)` ratings.
    """

    image_ids: NDArray[np.str_]
    score: Floats
    high: Bools
    mean_score: Floats

    @classmethod
    def read(cls, path: Path, record: RunRecord) -> "ScoredPhotographs":
        """The test photographs of a predictions.csv.

        Raises:
            RecordError: A missing column, a cell that is no number or no 0 or 1, a photograph that is there twice,
                or a metric that differs from the record's.
        """
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
            score, mean_score = (np.array([float(row[name]) for row in rows]) for name in ("score", "mean_score"))
            high = np.array([{"0": False, "1": True}[row["high"]] for row in rows], dtype=np.bool_)
            image_ids = np.array([row["image_id"] for row in rows], dtype=np.str_)
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(f"{path} is no list of predictions ({error}); restore it, or remove it") from error
        return cls(image_ids, score, high, mean_score).checked(path, record)

    def metrics(self, times: Floats) -> dict[str, Floats]:
        """The metrics of samples `(B,)` in which photograph i stands `times[b, i]` times."""
        return sample_metrics(self.score, self.high, self.mean_score, times)

    def checked(self, path: Path, record: RunRecord) -> "ScoredPhotographs":
        """The same, if they are those of the record.

        Raises:
            RecordError: A photograph that is there twice, or a metric that differs from the record's.
        """
        ids, times = np.unique(self.image_ids, return_counts=True)
        if times.size and times.max() > 1:
            raise RecordError(f"{path} has photograph {ids[times.argmax()]} {times.max()} times; measure it again")
        if not ids.size:
            return self
        points = self.metrics(np.ones((1, len(ids))))
        for name in METRICS:
            point, recorded = float(points[name][0]), record.metrics.get(f"test/{name}", math.nan)
            if not (math.isnan(point) and math.isnan(recorded)) and not math.isclose(
                point, recorded, abs_tol=TOLERANCE
            ):
                raise RecordError(
                    f"{path} gives test/{name} {point:.6f}, the record {recorded:.6f}: they are not of one run; "
                    f"measure it again (fit=false)"
                )
        return self
