"""The test photographs of a predictions.csv and of a sweep; what does not fit its record is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from awcu.errors import RecordError
from awcu.ratings.ratings import Ratings
from awcu.runs.predictions import ScoredPhotographs, find_predictions, save_cell
from awcu.runs.record import RunRecord, write_results_csv

TEXT = """image_id,split,mean_score,high,score,symmetry
a,val,4.5,1,-1.0,0.5
b,test,4.0,1,2.0,0.5
c,test,1.0,0,1.0,0.5
d,test,3.5,1,-1.0,0.5
"""
# By hand: two of three right in no order; of the pairs (b, c) and (d, c) one is ranked right. The covariance is −1/18,
# the variances are 14/9 and 31/18.
METRICS = {"accuracy": 1 / 3, "balanced_accuracy": 0.25, "auroc": 0.5, "srcc": 0.5, "plcc": -1 / 868**0.5}


def record(**changes: float) -> RunRecord:
    values: dict[str, Any] = dict.fromkeys(("experiment", "variant", "weighting", "data", "data_fingerprint"), "")
    values |= dict.fromkeys(("split_fingerprint", "git_commit", "checkpoint", "created"), "")
    values |= {"seed": 0, "overrides": (), "n": {}, "git_dirty": False, "versions": {}, "wall_time_s": 1.0}
    return RunRecord(**values, metrics={f"test/{name}": value for name, value in (METRICS | changes).items()})


def read(folder: Path, text: str = TEXT, **changes: float) -> ScoredPhotographs:
    path = folder / "predictions.csv"
    path.write_text(text)
    return ScoredPhotographs.read(path, record(**changes))


def test_test_photographs_only(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.image_ids.tolist() == ["b", "c", "d"]
    assert (found.score.tolist(), found.mean_score.tolist()) == ([2.0, 1.0, -1.0], [4.0, 1.0, 3.5])
    assert found.high.tolist() == [True, False, True]
    assert {name: value[0] for name, value in found.metrics(np.ones((1, 3))).items()} == pytest.approx(METRICS)


def test_none_at_all(tmp_path: Path) -> None:
    assert read(tmp_path, TEXT.splitlines()[0] + "\n").image_ids.size == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("split", "part", r"predictions.csv is no list of predictions \('split'\); restore it, or remove it"),
        ("2.0", "two", "is no list of predictions .*'two'"),
        ("4.0,1", "4.0,yes", "is no list of predictions .*'yes'"),
        ("d,test", "c,test", "has photograph c 2 times; measure it again"),
        ("2.0", "-2.0", "gives test/accuracy 0.000000, the record 0.333333: they are not of one run; measure"),
    ],
)
def test_refuses(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        read(tmp_path, TEXT.replace(old, new))


class TestSweep:
    """Scores of two rows of one seed, of which `record` describes the first."""

    @pytest.fixture
    def folder(self, tmp_path: Path, make_ratings: Callable[..., Ratings]) -> Path:
        ids = np.array(["b", "c", "d"])
        test = make_ratings(mean_score=[4, 1, 3.5], image_ids=ids, image_paths=ids)
        scores = np.array([[2.0, 1.0, -1.0], [3.0, -1.0, 2.0]])
        records = [replace(record(), variant=name, seed=3) for name in ("w=uniform", "w=step")]
        save_cell(tmp_path / "sweep" / "predictions" / "seed=3.npz", test, records, scores)
        write_results_csv(records[:1], tmp_path / "sweep" / "results.csv")
        return tmp_path

    def test_those_with_a_record_are_found(self, folder: Path) -> None:
        ((found, read),) = find_predictions(folder)
        assert (found.variant, found.seed) == ("w=uniform", 3)
        said = read(found)
        assert said.image_ids.tolist() == ["b", "c", "d"]
        assert (said.score.tolist(), said.mean_score.tolist()) == ([2.0, 1.0, -1.0], [4.0, 1.0, 3.5])
        assert said.high.tolist() == [True, False, True]

    def test_scores_of_another_run_are_refused(self, folder: Path) -> None:
        ((_, read),) = find_predictions(folder)
        with pytest.raises(RecordError, match=r"seed=3\.npz gives test/auroc .*: they are not of one run"):
            read(record(auroc=1.0))

    def test_a_sweep_killed_before_its_first_record_has_none(self, folder: Path) -> None:
        (folder / "sweep" / "results.csv").unlink()
        assert list(find_predictions(folder)) == []

    def test_what_is_no_such_file_is_named(self, folder: Path) -> None:
        (folder / "sweep" / "predictions" / "seed=4.npz").write_bytes(b"PK nothing")
        with pytest.raises(RecordError, match=r"seed=4\.npz is no file of predictions"):
            list(find_predictions(folder))
