"""Commands that are killed, or find the disk full or closed: nothing half-written is read, and the next start ends.

pytest -n 0 -m slow tests/commands/test_killed.py   # prints how often each was stopped
"""

import csv
import hashlib
import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest
import torch
from conftest import TINY_RUN
from factories import leave_run, scored
from killing import Started
from PIL import Image

from awcu.datasets.prepared import Prepared
from awcu.models.pretrained import load
from awcu.runs.record import RunRecord, read_results_csv
from awcu.training.features import open_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MOMENTS = 20
PAGE = 4096  # what a small file takes of a disk in memory
GROWING = ("last.ckpt", "best.ckpt", "facts")
COMMANDS = ("train", "prepare", "features", "probe", "table", "export", "report")
YAML = "title: Made\nbaseline: w=uniform\ncolumns: {test/auroc: AUROC}\nforest: {metrics: [test/auroc]}\n"


def digest(content):
    return hashlib.sha256(content).hexdigest()


def weights(path):
    saved = torch.load(path, weights_only=True)["state_dict"]
    return {name: digest(tensor.numpy().tobytes()) for name, tensor in saved.items()}


def trained(out):
    """Of the files of a run that are there, what is to be the same however often it was killed."""
    found = {path.name: weights(path) for path in out.glob("checkpoints/*.ckpt")}
    if (out / "record.json").exists():
        record = RunRecord.load(out / "record.json")
        found |= {"metrics": json.dumps(record.metrics), "predictions": (out / "predictions.csv").read_text()}
    return found


def prepared(out):
    pictures = sorted(out.glob("*/*.jpg"))
    for path in pictures:
        Image.open(path).load()
    found = {path.name: digest(path.read_bytes()) for path in pictures}
    if list(out.glob("*.parquet")):
        found["facts"] = Prepared.open(out).fingerprint
    manifest = out / "manifest.csv"
    return found | ({"manifest": manifest.read_text()} if manifest.exists() else {})


def featured(out):
    found = {}
    for folder in out.glob("*-*"):
        if folder.is_dir() and folder.suffix != ".partial":
            _, arrays = open_files(folder, folder.name.rpartition("-")[2], "r")
            found[folder.name] = digest(np.asarray(arrays["pooled"]).tobytes())
    return found


def probed(out):
    found = {}
    if (out / "results.csv").exists():
        records = read_results_csv(out / "results.csv")
        alike = {"wall_time_s": 0.0, "created": "", "git_commit": "", "git_dirty": False}
        found = {str(record.identity): repr(replace(record, **alike)) for record in records}
    for path in out.glob("heads/*/record.json"):
        record = RunRecord.load(path)
        found[path.parent.name] = weights(record.checkpoint), (path.parent / "predictions.csv").read_text()
    return found


def tabled(out):
    for path in out.glob("*.csv"):
        assert len({len(row) for row in csv.reader(path.read_text().splitlines())}) == 1
    for path in out.glob("*.png"):
        Image.open(path).load()
    return {path.name: digest(path.read_bytes()) for path in out.glob("[!.]*")}


def exported(out):
    if not out.exists():
        return {}
    load(out)
    return {path.name: digest(path.read_bytes()) for path in out.glob("[!.]*")}


def reported(out):
    if not (out / "report.html").exists():
        return {}
    page = (out / "report.html").read_text()
    assert page.rstrip().endswith("</html>")
    return {"title": re.findall("<h1.*?</h1>", page)}


READ = dict(zip(COMMANDS, (trained, prepared, featured, probed, tabled, exported, reported), strict=True))


@dataclass
class Job:
    """A command, the folder that it fills, what it takes, and what it ends in when nothing stops it."""

    words: list[str]
    folder: Path
    log: Path
    read: object
    seconds: float = 0
    changes: int = 0
    taken: int = 0
    whole: object = None

    def start(self, kill_at=0):
        self.folder.mkdir(exist_ok=True)
        return Started(self.words, self.folder, self.log, kill_at)

    def measured(self):
        first = self.start()
        assert first.ended() == 0, first.said
        self.seconds, self.changes, self.whole = first.seconds, first.changes.value, self.outcome()
        assert self.whole
        self.taken = shutil.disk_usage(self.folder).used
        self.empty()
        return self

    def outcome(self):
        """What is there, read as the next command would."""
        return self.read(self.folder / "out")

    def is_part(self, found):
        """Whether what is there, except what is written again as the work goes on, is as it will be at the end."""
        return all(self.whole[name] == value for name, value in found.items() if name not in GROWING)

    def ends(self):
        """Started once more, it ends as if nothing had happened."""
        last = self.start()
        assert last.ended() == 0, last.said
        assert self.outcome() == self.whole
        if self.words[0] == "export":
            assert [path.name for path in self.folder.iterdir()] == ["out"]

    def empty(self):
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def job(request, rated_folder, tmp_path):
    """One of the commands on small data."""
    command, folder = request.param, tmp_path / "folder"
    out = folder / "out"
    small = [word for word in TINY_RUN if word.startswith(("data", "network", "images"))] + [
        f"data.root={rated_folder}"
    ]
    still = ["features.workers=0", "features.batch_size=4", "features.precision=32-true"]
    words = {
        "train": [*TINY_RUN, f"data.root={rated_folder}", f"hydra.run.dir={out}"],
        "prepare": [*small[:-3], small[-1], f"data.prepared={out}", "short_side=32", "workers=1"],
        "features": [*small, *still, f"features.folder={out}", f"hydra.run.dir={tmp_path}/job"],
        "probe": [
            *small, *still, f"features.folder={tmp_path}/features", f"hydra.run.dir={out}", "probe.folds=2",
            "probe.seeds=[0,1,2]", "probe.penalties=[0.1,0.01]",
            "probe.weightings=['weighting=uniform','weighting=power weighting.gamma=1']",
            "probe.save=['weighting=uniform']",
        ],
        "table": [str(tmp_path), "--runs", f"{tmp_path}/runs", "--out", str(out)],
        "report": ["experiment=smoke", "--runs", f"{tmp_path}/runs", "--n", "1", "--out", f"{out}/report.html"],
    }  # fmt: skip
    if command == "export":
        source = request.getfixturevalue("trained_run")
        words["export"] = [str(source), "--out", str(out), "--overwrite"]
    if command in ("table", "report"):
        (tmp_path / "table.yaml").write_text(YAML)
        for place, variant in enumerate(("w=uniform", "w=step")):
            for seed in (0, 1):
                leave_run(tmp_path / "runs", variant, seed, scored(5 * place + seed))
    return Job([command, *words[command]], folder, tmp_path / "log", READ[command])


def every(test):
    return pytest.mark.parametrize("job", COMMANDS, indirect=True)(test)


@every
def test_killed_at_any_moment(job, capsys):
    """At the n-th change to its folder, or after a time; each start goes on from what the kills before it have left."""
    job.measured()
    random, ends = np.random.default_rng(len(job.words)), Counter()
    for start in range(4 * MOMENTS):
        at_change = int(random.integers(1, job.changes + 1)) if start % 2 else 0
        started = job.start(at_change)
        status = started.ended(None if at_change else random.uniform(0, job.seconds))
        ends[status] += 1
        assert status in (0, -9), started.said
        found = job.outcome()
        assert job.is_part(found)
        if status == 0:
            assert found == job.whole
            # Exported over what is there, as that is another way to write a model.
            if job.words[0] != "export":
                job.empty()
        if ends[-9] == MOMENTS:
            break
    job.ends()
    with capsys.disabled():
        print(f"\n{job.words[0]}: killed {ends[-9]} times of {ends.total()}, and then ended as if unbroken")
    assert ends[-9] == MOMENTS


@pytest.fixture
def disk(job):
    """The job's folder as a disk of its own of 16 MiB."""
    job.folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", job.folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield job.folder
    subprocess.run(["umount", job.folder], check=True)


@every
def test_the_disk_full_at_any_write(job, disk, capsys):
    """Each start has a little more room than the one before, and never enough for all."""
    job.measured()
    random = np.random.default_rng(len(job.words))
    for share in np.sort(random.uniform(0, 1, MOMENTS)):
        room = int(share * job.taken) // PAGE * PAGE
        full = shutil.disk_usage(disk)
        (disk / "filler").write_bytes(bytes(full.free - max(0, room - full.used)))
        started = job.start()
        assert started.ended() == 1, started.said
        assert "Traceback" not in started.said
        assert re.search(r"^awcu: .+", started.said, re.MULTILINE), started.said
        (disk / "filler").unlink()
        assert job.is_part(job.outcome())
    job.ends()
    with capsys.disabled():
        print(f"\n{job.words[0]}: the disk was full {MOMENTS} times; with room it ended as if unbroken")


@every
def test_a_read_only_folder_is_named(job, disk):
    job.measured()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    started = job.start()
    assert started.ended() == 1, started.said
    assert "Traceback" not in started.said
    (line,) = [line for line in started.said.splitlines() if line.startswith("awcu: ")]
    assert "Read-only file system" in line
    assert str(disk) in line


@every
def test_two_in_one_folder(job, tmp_path):
    job.measured()
    first = job.start()
    job.log = tmp_path / "other_log"
    second = job.start()
    for one in (first, second):
        assert one.ended() in (0, 1), one.said
        assert "Traceback" not in one.said
    job.ends()


def test_the_page_killed_at_any_moment(checkpoint, rated_folder, tmp_path, capsys):
    """It keeps nothing on the disk, so nothing can be half there, and its port is free at once."""
    photograph = (rated_folder / "images" / "picture_00.jpg").read_bytes()
    words = ["demo", "--checkpoint", str(checkpoint), "--no-browser", "--device", "cpu", "--port", "0"]

    def judged(page):
        while not (address := re.search(r"http://\S+", page.said)):
            page.process.join(0.05)
            assert page.process.is_alive(), page.said
        words[-1] = address[0].rpartition(":")[2]
        with urlopen(Request(f"{address[0]}/score", photograph), timeout=30) as answer:
            assert answer.status == 200
        return page.ended(0)

    page = Started(words, tmp_path, tmp_path / "log")
    assert judged(page) == -9
    for wait in np.random.default_rng(0).uniform(0, page.seconds, MOMENTS):
        assert Started(words, tmp_path, tmp_path / "log").ended(wait) == -9
    assert judged(Started(words, tmp_path, tmp_path / "log")) == -9
    assert list((tmp_path / "temporary").iterdir()) == []
    with capsys.disabled():
        print(f"\ndemo: killed {MOMENTS} times, the next start answered at the same port and no file was left")
