"""A run's predictions for each photograph: predictions.csv, checked against the record when it is read."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from awcu.errors import RecordError
from awcu.metrics.bootstrap import METRICS, Bools, Floats, sample_metrics
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import Split
from awcu.runs.record import RunRecord

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
        found = cls(image_ids, score, high, mean_score)
        found._check(path, record)
        return found

    def metrics(self, times: Floats) -> dict[str, Floats]:
        """The metrics of samples `(B,)` in which photograph i stands `times[b, i]` times."""
        return sample_metrics(self.score, self.high, self.mean_score, times)

    def _check(self, path: Path, record: RunRecord) -> None:
        ids, times = np.unique(self.image_ids, return_counts=True)
        if times.size and times.max() > 1:
            raise RecordError(f"{path} has photograph {ids[times.argmax()]} {times.max()} times; measure it again")
        if not ids.size:
            return
        points = self.metrics(np.ones((1, len(ids))))
        for name in METRICS:
            point, recorded = float(points[name][0]), record.metrics.get(f"test/{name}", math.nan)
            if not (math.isnan(point) and math.isnan(recorded)) and not math.isclose(
                point, recorded, abs_tol=TOLERANCE
            ):
                raise RecordError(
                    f"{path} gives test/{name} {point:.6f}, record.json {recorded:.6f}: they are not of one run; "
                    f"measure it again (fit=false)"
                )
