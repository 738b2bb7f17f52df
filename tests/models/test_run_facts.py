"""What a run's folder says, from the folder alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from awcu.errors import RecordError
from awcu.metrics.bootstrap import point_and_interval
from awcu.models.card import RunFacts
from awcu.runs.record import RunRecord

RNG = np.random.default_rng(0)
MEAN = RNG.uniform(1, 5, 60)
SCORE = MEAN - 3 + RNG.normal(0, 1, 60)
HIGH = MEAN > 3
TEST = np.arange(60) >= 20
CONFIG = """
seed: 3
data:
  root: /home/me/tiny
  ratings: {root: "${data.root}", split_column: null, split_seed: "${seed}", val: 0.25, test: 0.25, midpoint: 3}
"""


@pytest.fixture
def finished_run(tmp_path):
    """A run's folder, and its record: 20 photographs of val and 40 of test."""
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text(CONFIG)
    rows = [
        f"p{i},{'test' if TEST[i] else 'val'},{MEAN[i].item()!r},{int(HIGH[i])},{SCORE[i].item()!r},0.5"
        for i in range(60)
    ]
    header = "image_id,split,mean_score,high,score,indoors"
    (tmp_path / "predictions.csv").write_text("\n".join([header, *rows, ""]))
    high, score = HIGH[TEST], SCORE[TEST]
    metrics = {
        "test/accuracy": accuracy_score(high, score > 0),
        "test/balanced_accuracy": balanced_accuracy_score(high, score > 0),
        "test/auroc": roc_auc_score(high, score),
        "test/srcc": stats.spearmanr(score, MEAN[TEST]).statistic,
    }
    record = RunRecord(
        *("e", "v", "Uniform()", 3, ("data=table",), "tiny", "d", "s", {"val": 20, "test": 40}, metrics, "c", False),
        *({}, 1.0, "best.ckpt", "2026-01-01T00:00:00+00:00"),
    )
    record.save(tmp_path / "record.json")
    return tmp_path, record


def test_all_of_it(finished_run):
    folder, record = finished_run
    facts = RunFacts.read(folder)
    assert facts.record == record
    assert facts.split == "split_seed 3, val 0.25, test 0.25"
    assert (facts.page, facts.trained) == ("train", True)
    low, high = facts.intervals["auroc"]
    assert low < record.metrics["test/auroc"] < high
    assert facts.intervals.keys() == {"accuracy", "balanced_accuracy", "auroc", "srcc"}


def test_the_intervals_are_of_the_test_photographs(finished_run):
    expected = point_and_interval(SCORE[TEST], HIGH[TEST], MEAN[TEST])
    assert RunFacts.read(finished_run[0]).intervals == {name: ends[1:] for name, ends in expected.items()}


def test_the_command_names_no_folder_of_the_machine(finished_run):
    folder, record = finished_run
    overrides = (
        "data=oasis", "data.root=../shared/oasis", "network.weights_file='/home/me/my weights.pth'",
        "+extra=~/notes", "start_from=runs/one/best.ckpt", "weighting=step", "data.ratings.scale=[1,2]",
    )  # fmt: skip
    replace(record, overrides=overrides).save(folder / "record.json")
    assert RunFacts.read(folder).command == (
        "awcu train data=oasis 'data.root=…/oasis' 'network.weights_file=…/my weights.pth' '+extra=…/notes' "
        "'start_from=…/best.ckpt' weighting=step 'data.ratings.scale=[1,2]'"
    )


def test_what_is_missing_is_not_made_up(finished_run):
    folder, _ = finished_run
    (folder / "predictions.csv").unlink()
    (folder / ".hydra" / "config.yaml").unlink()
    facts = RunFacts.read(folder)
    assert (facts.split, facts.intervals) == ("how is not known", {})


@pytest.mark.parametrize(
    ("added", "page", "trained"), [("fit: false", "train", False), ("probe: {seeds: [0]}", "probe", True)]
)
def test_who_trained_it(finished_run, added, page, trained):
    folder, _ = finished_run
    config = folder / ".hydra" / "config.yaml"
    config.write_text(f"{config.read_text()}\n{added}\n")
    facts = RunFacts.read(folder)
    assert (facts.page, facts.trained) == (page, trained)


@pytest.mark.parametrize(
    ("old", "new"), [("split", "part"), ("score", "points"), (",0,", ",no,"), ("test", "test,0.3\n")]
)
def test_damaged_predictions_are_named(finished_run, old, new):
    folder, _ = finished_run
    path = folder / "predictions.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RecordError, match=r"predictions\.csv is no list of predictions"):
        RunFacts.read(folder)


def test_predictions_of_another_run_are_refused(finished_run):
    folder, record = finished_run
    replace(record, metrics=record.metrics | {"test/auroc": 0.123}).save(folder / "record.json")
    with pytest.raises(RecordError, match=r"gives test/auroc 0\.\d+, record\.json 0\.123000: they are not of one run"):
        RunFacts.read(folder)


def test_a_damaged_record_is_named(finished_run):
    folder, _ = finished_run
    (folder / "record.json").write_text("{")
    with pytest.raises(RecordError, match="is not JSON"):
        RunFacts.read(folder)
