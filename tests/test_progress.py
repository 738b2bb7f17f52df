import pytest
from omegaconf import OmegaConf

from awcu.progress import SweepProgress, number_of_runs


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


def test_sweep_says_how_long_it_takes_and_how_long_still(capsys, monkeypatch):
    clock = iter([100.0, 190.0, 200.0, 230.0, 300.0, 300.1])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    progress = SweepProgress(minutes=9, measured_on="two cores")
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
        "6 runs, about 9 min on two cores",
        "run 1 of 6: seed=0",
        "  90 s",
        "run 2 of 6: seed=0",
        "  30 s, about 2 min left",
        "run 3 of 6: seed=0",
        "  0 s",
    ]


def test_a_single_run_is_not_announced_as_a_sweep(capsys):
    progress = SweepProgress(minutes=9, measured_on="two cores")
    config = OmegaConf.create({"hydra": {"job": {"override_dirname": ""}}})
    progress.on_job_start(config)
    progress.on_job_end(config, job_return=None)
    assert capsys.readouterr().out == ""
