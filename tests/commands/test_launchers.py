import os
import subprocess
import sys
from pathlib import Path

import joblib
import pytest

from awcu.runs.record import RunRecord

pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="awcu[launchers] is not installed")


@pytest.mark.slow
def test_jobs_at_a_time_share_the_cores_and_one_that_fails_is_said(small, tmp_path, monkeypatch):
    """Two jobs: each has half of the cores."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    command = [sys.executable, "-m", "awcu", "train", "-m", *small, "trainer.max_epochs=1", "name=both"]
    command += ["hydra/launcher=joblib", "seed=0,1,2", "start_from=null,gone.ckpt"]
    command += ["+hydra.callbacks.threads._target_=threads_of_job.ThreadsOfJob"]
    environment = {"PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}{os.pathsep}{Path(__file__).parents[1]}"}
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.count("awcu: gone.ckpt is no checkpoint file") == 3
    assert "awcu: 3 runs failed" in done.stderr
    assert "Warning" not in done.stderr
    assert done.stdout.count(f"{max(joblib.cpu_count() // 2, 1)} threads") == 6
    seeds = [RunRecord.load(path).seed for path in tmp_path.glob("runs/both/*/record.json")]
    assert sorted(seeds) == [0, 1, 2]
