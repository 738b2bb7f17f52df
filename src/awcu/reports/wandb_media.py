"""What W&B shows of a finished run: its metrics, weights, photographs with their maps, and files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import wandb
from numpy.typing import NDArray

from awcu.inference.explanation import Explanation
from awcu.inference.predictor import AestheticModel, Photograph
from awcu.models.cam import spread
from awcu.ratings.ratings import Floats, Ratings
from awcu.reports.panels import panels
from awcu.runs.record import RunRecord
from awcu.text import number

BINS = 50
LONGEST = 256  # px of a photograph's longer side: enough to see where a map is strong, 10 kB as JPEG
PHOTOGRAPH, AESAM, ATTAM = PICTURES = ("photographs/photograph", "photographs/AesAM", "photographs/AttAM")
BY_RATING, MISTAKE = "evenly spaced by rating", "among its surest mistakes"

Pictures = dict[str, list[wandb.Image]]


def log_result(run: wandb.Run, record: RunRecord, folder: Path, weights: Floats | None, pictures: Pictures) -> None:
    """Log a finished run's results to W&B.

    Args:
        run: The W&B run, still open.
        record: Its metrics become the summary, under the table's keys and at full precision; undefined ones stay empty.
        folder: Folder with record.json and predictions.csv, which become an artifact.
        weights: `(N_train,)` at full strength; None if nothing was trained.
        pictures: The result of `photographs`.
    """
    histogram = {} if weights is None else {"weights": wandb.Histogram(weights.tolist(), num_bins=BINS)}
    run.log(histogram | pictures)
    run.summary.update(record.metrics)
    artifact = wandb.Artifact(f"run-{run.id}", type="run", metadata={"variant": record.variant, "seed": record.seed})
    for name in ("record.json", "predictions.csv"):
        # Without a copy: neither file changes any more, and W&B's copy would be outside the run's folder.
        artifact.add_file(str(folder / name), policy="immutable")
    run.log_artifact(artifact)


def photographs(
    model: AestheticModel, test: Ratings, photograph: Callable[[int], Photograph], score: NDArray[Any], n: int
) -> Pictures:
    """Test photographs, their AesAM and the AttAM of the attribute with the largest effect, as one list each.

    They are lists and not a W&B table, whose pictures would be outside the run's folder until they are uploaded.

    Args:
        model: The model that was measured.
        test: The test split.
        photograph: Returns the photograph of a row of `test`.
        score: `(N_test,)` the model's scores; > 0 is high.
        n: Most photographs to show.
    """
    found: Pictures = {}
    for row, why in chosen(test, score, n):
        rated = f"rated {test.mean_score[row]:.2f} ({'high' if test.high[row] else 'low'})"
        caption = f"{test.image_ids[row]}: {rated}, score {number(score[row], signed=True, decimals=2)}; {why}"
        for key, image in _pictures(model.explain(photograph(row)), caption).items():
            found.setdefault(key, []).append(image)
    return found


def chosen(test: Ratings, score: NDArray[Any], n: int) -> list[tuple[int, str]]:
    """Choose rows of the test split, and say why each is shown.

    Half are evenly spaced in rating, the same under every weighting; the other half are the model's most confident
    mistakes, if it makes that many.
    """
    steps = spread(test, n - n // 2).tolist()
    surely_wrong = np.where(test.high, -score, score)
    order = np.argsort(-surely_wrong, kind="stable").tolist()
    mistakes = [row for row in order if surely_wrong[row] > 0 and row not in steps]
    return [(row, BY_RATING) for row in steps] + [(row, MISTAKE) for row in mistakes[: n // 2]]


def _pictures(explanation: Explanation, caption: str) -> dict[str, wandb.Image]:
    shown = panels(explanation, attributes=1, crop=None, longest=LONGEST)
    found = {
        PHOTOGRAPH: _image(shown.photograph.picture, caption),
        AESAM: _image(shown.evidence.picture, shown.evidence.note),
    }
    for attribute in shown.attributes:
        found[ATTAM] = _image(attribute.picture, f"{attribute.title}: {attribute.note}")
    return found


def _image(picture: NDArray[np.uint8], caption: str) -> wandb.Image:
    """Put the picture on a white square, since W&B shows all pictures of a list at the size of the first."""
    square = np.full((LONGEST, LONGEST, 3), 255, dtype=np.uint8)
    height, width = picture.shape[:2]
    top, left = (LONGEST - height) // 2, (LONGEST - width) // 2
    square[top : top + height, left : left + width] = picture
    return wandb.Image(square, caption=caption, file_type="jpg")
