"""`awcu probe` and `awcu features`, from what is typed to what is printed."""

import sys

import numpy as np
import pytest
from sweeping import ROWS, SIDE_BY_SIDE, configured, overrides, write_pictures

from awcu.commands import main as cli
from awcu.commands.probe import label
from awcu.probing import sweep
from awcu.runs.record import find_records, read_results_csv

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Rated pictures, and their features once computed."""
    return write_pictures(tmp_path_factory.mktemp("pictures"))


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["awcu", *map(str, arguments)])
    cli.main()


def test_a_sweep_ends_in_its_table(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call(monkeypatch, "probe", *overrides(pictures, "probe.seeds=[0,1]", "probe.sizes=[null,20]", "name=made"))
    out = capsys.readouterr().out
    assert "16 records in " in out
    assert "Drop(delta=0.25)" in out
    assert "AUROC" in out
    assert "trivial predictor" in out
    records = read_results_csv(tmp_path / "runs" / "made" / "results.csv")
    assert len(records) == 16
    at_end = sum(record.metrics["probe/penalty"] in (0.1, 0.001) for record in records)
    assert at_end > 0
    assert f"{at_end} of 16 picked the weakest or strongest penalty; widen probe.penalties if many" in out
    assert "data=table" in records[0].overrides


def test_without_a_row_of_all_photographs_there_is_no_table(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call(monkeypatch, "probe", *overrides(pictures, "probe.sizes=[20]"))
    out = capsys.readouterr().out
    assert "4 records in " in out
    assert "trivial predictor" not in out


def test_jobs_of_a_multirun_lie_beside_each_other(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = "variant='votes=${probe.votes}'"
    call(monkeypatch, "probe", "-m", *overrides(pictures, "probe.votes=1,2", words, "name=made"))
    files = sorted((tmp_path / "runs" / "made").rglob("results.csv"))
    assert len(files) == 2
    names = {record.variant for record in find_records(tmp_path / "runs" / "made")}
    assert names == {" ".join(sorted([f"votes={v}", *row.split()])) for v in (1, 2) for row in ROWS}


def test_features_alone_are_those_of_the_sweep(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fresh = write_pictures(tmp_path / "fresh")
    call(monkeypatch, "features", *overrides(fresh))
    out = capsys.readouterr().out
    (cache,) = [path for path in (fresh / "features").iterdir() if path.is_dir()]
    channels = np.load(cache / "pooled.npy", mmap_mode="r").shape[2]
    assert f"80 photographs × 1 × {channels} features, key {cache.name.rpartition('-')[2]}" in out
    call(monkeypatch, "probe", *overrides(fresh))
    assert "computed once" not in capsys.readouterr().err


def test_features_are_told_one_by_one(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call(monkeypatch, "features", *overrides(pictures, *SIDE_BY_SIDE))
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("test_resnet: 80 photographs × 1 × ")
    assert second.startswith("test_efficientnet: 80 photographs × 1 × ")


def test_weights_stay_out_of_the_folders_of_a_multirun(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    more = ("probe.votes=1,2", "network.weights_file=[null,null]", "variant='votes=${probe.votes}'")
    call(monkeypatch, "probe", "-m", *overrides(pictures, *SIDE_BY_SIDE, *more, "name=made"))
    files = sorted((tmp_path / "runs" / "made").rglob("results.csv"))
    assert len(files) == 2
    assert "weights_file" not in str(files)


@pytest.mark.parametrize("command", ["probe", "features"])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("data.ratings.image_column=img", r"awcu: .*has no column 'img'"),
        ("features.precision=16-mixed", r"awcu: precision='16-mixed' must be one of"),
        ("+features.flips=true", r"awcu: features\.flips is no setting"),
    ],
)
def test_faults_end_in_one_line(pictures, tmp_path, monkeypatch, command, fault, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        call(monkeypatch, command, *overrides(pictures, fault))


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [
        ("weighting=uniform", "Uniform()"),
        ("weighting=step sample_weights.class_balance=true", "Step(delta=1.0, ratio=4.0), balanced"),
        ("weighting=drop sample_weights.permuted=true weighting.delta=0.25", "Drop(delta=0.25), permuted"),
    ],
)
def test_a_label_leaves_defaults_out(pictures, tmp_path, weighting, expected):
    (record,) = sweep.run(configured(pictures, grid=[weighting]), tmp_path)
    assert record.variant == " ".join(sorted(weighting.replace("true", "True").split()))
    assert label(record) == expected
