"""Two processes train and measure as one would."""

import csv
import os
import subprocess
import sys

import pytest
import torch

from awcu.commands.train import run
from awcu.errors import TaskError
from awcu.runs.history import FILE, read_history
from awcu.runs.record import RunRecord
from awcu.training.module import load_task

# Frozen, since batch norm in training sees the batch of its process alone.
FROZEN = ("task.backbone_rate=0", "weighting=step", "weighting.delta=0.8", "trainer.max_epochs=3", "images.flip=true")


def test_several_devices_need_their_processes(configured, tmp_path):
    with pytest.raises(TaskError, match=r"trainer\.devices=2 asks for 2 processes; start them by torchrun --nproc"):
        run(configured("trainer.devices=2"), tmp_path / "run")


@pytest.mark.slow
def test_two_processes_do_what_one_does(small, configured, tmp_path, one_thread):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "awcu", "train"]
    command = [*torchrun, *small, *FROZEN, "trainer.devices=2", f"hydra.run.dir={tmp_path}/two"]
    done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    two = RunRecord.load(tmp_path / "two" / "record.json")
    one = run(configured(*FROZEN), tmp_path / "one")
    for place in ("aesthetic_head.weight", "attribute_head.weight"):
        heads = [load_task(record.checkpoint).net.get_parameter(place) for record in (one, two)]
        torch.testing.assert_close(*heads, rtol=1e-4, atol=1e-6)

    histories = [read_history(tmp_path / name / FILE) for name in ("two", "one")]
    losses = [[epoch["train/loss"] for epoch in history] for history in histories]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)

    measured = run(configured("fit=false", f"ckpt_path={two.checkpoint}"), tmp_path / "measured")
    assert two.n["val"] % 2 == 1, "of an odd number one process has a photograph that the other has had"
    assert two.n == measured.n
    assert two.metrics == pytest.approx(measured.metrics, rel=1e-5, abs=1e-6, nan_ok=True)
    rows, expected = (
        list(csv.DictReader((tmp_path / name / "predictions.csv").read_text().splitlines()))
        for name in ("two", "measured")
    )
    assert [row["image_id"] for row in rows] == [row["image_id"] for row in expected]
    scores = [[float(row["score"]) for row in some] for some in (rows, expected)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-4, abs=1e-6)
