"""Runs that are stopped at some moment and started again end as if they had not been."""

import os
import signal
import subprocess
import sys
import tempfile

import pandas as pd
import pytest
import torch
from conftest import VOTE_COLUMNS, file_size_limit

from awcu.commands.train import run
from awcu.errors import ResumeError
from awcu.runs.history import FILE, read_history
from awcu.runs.record import RunRecord
from awcu.training.checkpointing import AtomicCheckpoints, checkpoint_to_resume
from awcu.training.module import AestheticTask

# Everything that is drawn or counted while training: order, augmentation, dropout, annealing, warm-up, the best epoch.
DRAWN = (
    "weighting=step",
    "weighting.delta=0.8",
    "sample_weights.anneal=linear",
    "network.drop_rate=0.5",
    "images.random_crop=true",
    "images.color=true",
    "loader.batch_size=2",
    "trainer.max_epochs=4",
    "task.learning_rate=0.01",
)
STEPS = 5  # of an epoch of 10 training photographs

KILLED_AT = """
import os, signal, sys
from awcu.commands import main as cli
from awcu.training.module import AestheticTask
step = int(sys.argv.pop(1))
real = AestheticTask.training_step
def training_step(self, batch):
    if self.global_step == step:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, batch)
AestheticTask.training_step = training_step
cli.main()
"""


@pytest.fixture
def at_step(monkeypatch):
    """Do something in the middle of one training step."""

    real = AestheticTask.training_step

    def at(step, action):

        def training_step(self, batch):
            if self.global_step == step:
                action()
            return real(self, batch)

        monkeypatch.setattr(AestheticTask, "training_step", training_step)

    return at


@pytest.fixture
def unbroken(configured, rated_folder, tmp_path, one_thread):
    """A run whose best epoch is the third of four: it learns what is not there, from votes given to other pictures."""
    frame = pd.read_csv(rated_folder / "ratings.csv")
    votes = list(VOTE_COLUMNS)
    frame[votes] = frame[votes].sample(frac=1, random_state=4).to_numpy()
    frame.to_csv(rated_folder / "ratings.csv", index=False)
    run(configured(*DRAWN), tmp_path / "unbroken")
    assert torch.load(tmp_path / "unbroken" / "checkpoints" / "best.ckpt", weights_only=True)["epoch"] == 2
    return tmp_path / "unbroken"


def outcome(folder):
    record = RunRecord.load(folder / "record.json")
    checkpoints = [torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True) for name in ("best", "last")]
    return record.metrics, record.n, (folder / "predictions.csv").read_text(), checkpoints


def history(folder):
    """All but the seconds."""
    return [
        {name: value for name, value in epoch.items() if name != "seconds"} for epoch in read_history(folder / FILE)
    ]


def assert_same(folder, other):
    assert history(folder) == history(other)
    assert [epoch["epoch"] for epoch in history(folder)] == [1, 2, 3, 4]
    (*facts, saved), (*other_facts, other_saved) = outcome(folder), outcome(other)
    assert facts == other_facts
    for one, two in zip(saved, other_saved, strict=True):
        assert one["epoch"] == two["epoch"]
        assert all(torch.equal(tensor, two["state_dict"][name]) for name, tensor in one["state_dict"].items())


@pytest.mark.slow
def test_a_process_killed_within_an_epoch_goes_on_to_the_same_numbers(small, unbroken, tmp_path):
    command = ["train", *small, *DRAWN, f"hydra.run.dir={tmp_path}/killed"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    step = 3 * STEPS + 3
    killed = subprocess.run([sys.executable, "-c", KILLED_AT, str(step), *command], env=environment)
    assert killed.returncode == -signal.SIGKILL
    folder = tmp_path / "killed"
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 3 * STEPS
    assert not (folder / "record.json").exists()
    again = subprocess.run([sys.executable, "-m", "awcu", *command], env=environment, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert f"going on after step {3 * STEPS} (" in again.stdout
    assert_same(folder, unbroken)


def interrupted(configured, folder):
    with pytest.raises(SystemExit) as ended:
        run(configured(*DRAWN), folder)
    return ended.value.code, torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]


def test_a_signal_waits_for_its_step_and_a_checkpoint(configured, unbroken, at_step, tmp_path):
    """At the first step, in an epoch, behind its last step (where validation comes first), after the best epoch."""
    before = signal.getsignal(signal.SIGTERM)
    for step in (0, 2, STEPS - 1, 3 * STEPS + 3):
        at_step(step, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert interrupted(configured, tmp_path / "run") == (128 + signal.SIGTERM, step + 1)
        assert signal.getsignal(signal.SIGTERM) == before
    at_step(None, None)
    record = run(configured(*DRAWN), tmp_path / "run")
    assert_same(tmp_path / "run", unbroken)
    assert record.wall_time_s > 0


def test_who_listened_to_a_signal_before_hears_it_after_the_checkpoint(configured, at_step, tmp_path, one_thread):
    """As submitit does, which puts the job back into Slurm's queue and exits."""
    saved = []

    def requeue(number, frame):
        saved.append((number, (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file()))
        raise SystemExit(-1)

    before = signal.signal(signal.SIGUSR2, requeue)
    try:
        at_step(2, lambda: os.kill(os.getpid(), signal.SIGUSR2))
        assert interrupted(configured, tmp_path / "run") == (-1, 3)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert saved == [(signal.SIGUSR2, True)]


class TestCheckpointToResume:
    def test_there_may_be_none(self, tmp_path):
        assert checkpoint_to_resume(tmp_path / "last.ckpt", "abc") is None

    def test_one_that_cannot_be_read_is_refused(self, tmp_path):
        (tmp_path / "last.ckpt").write_bytes(b"no checkpoint")
        with pytest.raises(ResumeError, match=r"last\.ckpt cannot be read \(\w+\); remove .* to train from the start"):
            checkpoint_to_resume(tmp_path / "last.ckpt", "abc")

    def test_one_of_other_photographs_is_refused(self, checkpoint):
        with pytest.raises(
            ResumeError, match=r"model\.ckpt was trained on other photographs than the data set has now"
        ):
            checkpoint_to_resume(checkpoint, "abc")

    def test_what_a_kill_left_half_written_is_removed(self, tmp_path):
        (tmp_path / ".last.ckpt.123.tmp").touch()
        checkpoint_to_resume(tmp_path / "last.ckpt", "abc")
        assert not list(tmp_path.iterdir())


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    """Nor does it pass through the system's temporary folder, which may lie on another disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    path = tmp_path / "last.ckpt"
    AtomicCheckpoints().save_checkpoint({"global_step": 1}, path)
    with file_size_limit(4000), pytest.raises(OSError, match="File too large"):
        AtomicCheckpoints().save_checkpoint({"weights": torch.zeros(10_000)}, path)
    assert torch.load(path, weights_only=True) == {"global_step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
