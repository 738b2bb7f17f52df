import json
import time

import pytest
from omegaconf import OmegaConf

from awcu.failures import FailedRuns, Failure


def failure(folder, error="no room\nbelow the first line"):
    Failure("ladder", "weighting=step_4", 3, error).save(folder)


def test_a_failure_says_which_run_and_why(tmp_path):
    failure(tmp_path)
    document = json.loads((tmp_path / "failure.json").read_text())
    assert document.pop("created").startswith("20")
    assert document == {
        "experiment": "ladder",
        "variant": "weighting=step_4",
        "seed": 3,
        "error": "no room\nbelow the first line",
    }


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
