import time

import pytest
from omegaconf import OmegaConf

from awcu.runs.failures import FailedRun
from awcu.training.callbacks import FailedRuns, SweepProgress, number_of_runs


@pytest.mark.parametrize(
    ("overrides", "runs"),
    [
        (["seed=0"], 1),
        (["seed=0,1,2"], 3),
        (["seed=range(0,5)", "weighting=uniform,drop"], 10),
        (["seed=0,1,2", "seed=7"], 1),
        (["images.mean=[0.5,0.5,0.5]"], 1),
    ],
)
def test_number_of_runs_is_the_sweepers(overrides, runs):
    assert number_of_runs(overrides) == runs


def test_a_sweep_says_how_many_runs_and_how_long_still(capsys, monkeypatch):
    clock = iter([100.0, 190.0, 200.0, 230.0, 300.0, 300.1])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    progress = SweepProgress()
    config = OmegaConf.create(
        {"hydra": {"sweeper": {"params": {"seed": "0,1,2"}}, "overrides": {"task": ["weighting=uniform,drop"]},
                   "job": {"override_dirname": "seed=0"}}}
    )  # fmt: skip
    progress.on_multirun_start(config)
    for number in range(3):
        config.hydra.job.num = number
        progress.on_job_start(config)
        progress.on_job_end(config, job_return=None)
    assert capsys.readouterr().out.splitlines() == [
        "6 runs",
        "run 1 of 6: seed=0",
        "  90 s",
        "run 2 of 6: seed=0",
        "  30 s, about 2 min left",
        "run 3 of 6: seed=0",
        "  0 s",
    ]


def test_a_single_run_is_not_announced_as_a_sweep(capsys):
    progress = SweepProgress()
    config = OmegaConf.create({"hydra": {"job": {"override_dirname": ""}}})
    progress.on_job_start(config)
    progress.on_job_end(config, job_return=None)
    assert capsys.readouterr().out == ""


def failure(folder, error="no room\nbelow the first line"):
    FailedRun("ladder", "weighting=step", "3", error).save(folder)


class TestFailedRuns:
    @pytest.fixture
    def sweep(self, tmp_path):
        config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}})
        failed = FailedRuns()

        def around(*actions):
            failed.on_multirun_start(config)
            for action in actions:
                action()
            failed.on_multirun_end(config)

        return around

    def test_they_are_listed_and_the_sweep_has_failed(self, sweep, tmp_path):
        with pytest.raises(SystemExit, match=r"^awcu: 2 runs failed; the same command runs them again:\n") as ended:
            sweep(lambda: failure(tmp_path / "b"), lambda: failure(tmp_path / "a"))
        assert str(ended.value).splitlines()[1:] == [f"  {tmp_path / name}: no room" for name in "ab"]

    def test_those_of_an_earlier_sweep_are_not_this_ones(self, sweep, tmp_path):
        failure(tmp_path / "earlier")
        sweep()
        time.sleep(0.002)
        with pytest.raises(SystemExit, match="1 runs failed"):
            sweep(lambda: failure(tmp_path / "earlier"))

    def test_one_that_succeeds_at_last_is_none(self, sweep, tmp_path):
        failure(tmp_path / "run")
        sweep((tmp_path / "run" / "failure.json").unlink)
