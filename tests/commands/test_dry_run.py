from collections import namedtuple

import pandas as pd
import pytest
from omegaconf import OmegaConf
from published_layouts import ava

from awcu.config.hydra import instantiated, sweep_of
from awcu.datasets.prepared import prepare
from awcu.datasets.readers import ava as ava_reader
from awcu.training.rehearsal import Clock, checkpoint_bytes

pytestmark = pytest.mark.usefixtures("one_thread")
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def dry_run(ends_with, small, tmp_path, monkeypatch, capsys):
    """Exit status and what is printed, one line a finding."""
    monkeypatch.chdir(tmp_path)

    def run(*words, all_of=None):
        status = ends_with("train", "--dry-run", *(small if all_of is None else all_of), *words)
        return status, [line for line in capsys.readouterr().out.splitlines() if line.strip()]

    return run


def line_of(lines, what):
    return next(line for line in lines if line.startswith(what))


def test_all_that_a_run_needs_is_said_and_nothing_is_left_behind(dry_run, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    status, lines = dry_run()
    assert status is None
    assert line_of(lines, "runs").split()[1:] == ["1", "run"]
    assert "24 photographs" in line_of(lines, "data")
    assert "photographs/s on cpu (32-true" in line_of(lines, "steps")
    assert "are free" in line_of(lines, "disk")
    assert lines[-1].startswith("No problem was found")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_sweep_is_counted_and_each_of_its_weightings_weighed(dry_run):
    status, lines = dry_run("-m", "weighting=uniform,at_half/drop", "seed=0,1,2")
    assert status is None
    assert "6 runs (weighting 2 × seed 3)" in line_of(lines, "runs")
    weighed = [line for line in lines if line.startswith("weighting")]
    assert len(weighed) == 2
    assert "weighting=uniform" in weighed[0]
    assert weighed[0].endswith("effective share 1.00")
    assert sum(line.startswith("steps") for line in lines) == 1, "weights do not change how long a step takes"


def test_a_weighting_that_leaves_nothing_does_not_hide_the_others(dry_run):
    status, lines = dry_run("-m", "weighting=drop,step", "weighting.delta=9")
    assert status == 1
    one, other = (line for line in lines if line.startswith("weighting"))
    assert "PROBLEM: Drop(delta=9) zeroes all" in one
    assert "weighting.delta=9 weighting=step" in other


def test_an_epoch_of_one_step_is_timed_by_it(dry_run):
    status, lines = dry_run("loader.batch_size=24")
    assert status is None, lines
    assert "1 step," in line_of(lines, "steps")


def test_frozen_blocks_whose_outputs_are_kept(dry_run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    status, lines = dry_run("task.freeze=[conv1,bn1,act1,maxpool,layer1]", "loader.frozen_outputs=true")
    assert status is None, lines
    assert "photographs/s" in line_of(lines, "steps")


def test_a_folder_that_is_not_there(dry_run, tmp_path):
    status, lines = dry_run(f"data.root={tmp_path}/none")
    assert status == 1
    assert "PROBLEM" in line_of(lines, "data")
    assert f"{tmp_path}/none" in line_of(lines, "data")


def test_weights_that_are_not_there_do_not_keep_the_steps_from_being_timed(dry_run, tmp_path):
    status, lines = dry_run(f"network.weights_file={tmp_path}/none.pth")
    assert status == 1
    assert "none.pth' does not exist" in line_of(lines, "backbone")
    assert "photographs/s" in line_of(lines, "steps")


def test_a_disk_that_is_too_small(dry_run, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10_000, 9_000, 1_000))
    status, lines = dry_run()
    assert status == 1
    assert "PROBLEM" in line_of(lines, "disk")
    assert "1.0 kB free in runs; make room, or give another hydra.run.dir" in line_of(lines, "disk")


def test_photographs_prepared_too_small(dry_run, ratings, tmp_path):
    prepare(ratings, tmp_path / "store", short_side=32, workers=1)
    status, lines = dry_run(f"data.prepared={tmp_path}/store", "data.ratings.name=tiny")
    assert status == 1
    assert any("images.size=64 is more than the 32 pixels" in line for line in lines)


def test_photographs_that_are_missing_are_counted_and_named(dry_run, rated_folder):
    (rated_folder / "images" / "picture_03.jpg").unlink()
    status, lines = dry_run("data.on_unreadable=exclude")
    assert status == 1
    assert "PROBLEM: 1 of 24 are missing or cannot be read (picture_03" in line_of(lines, "photographs")


def test_an_objective_that_the_ratings_do_not_allow_is_found_without_a_step(dry_run, rated_folder):
    """Kinds of run that differ in the objective alone are timed once, but each is built."""
    names = [f"picture_{i:02d}.jpg" for i in range(24)]
    scores = pd.DataFrame({"image": names, "score": [2 + 1.5 * (i % 2) + i / 100 for i in range(24)]})
    scores.to_csv(rated_folder / "scores.csv", index=False)
    words = ["data.ratings.file=scores.csv", "data.ratings.score_column=score", "data.ratings.vote_columns=[]"]
    words += ["data.ratings.attribute_columns=[]"]
    status, lines = dry_run("-m", *words, "task.objective=binary,distribution,score")
    assert status == 1
    assert "distribution needs votes" in line_of(lines, "network")
    assert sum("photographs/s" in line for line in lines if line.startswith("steps")) == 1


class TestAva:
    WORDS = ("network.backbone=test_resnet", "network.pretrained=false", "images.size=64", "loader.workers=0")
    WORDS += ("loader.batch_size=6", "trainer.accelerator=cpu", "trainer.max_epochs=1")

    @pytest.fixture
    def words(self, tmp_path):
        root = tmp_path / "AVA"
        root.mkdir()
        more = ava.write(root)
        return ["experiment=ava", f"data.root={root}", *self.WORDS, *more]

    def test_the_grid_is_150_runs_of_three_kinds(self, dry_run, words):
        status, lines = dry_run(all_of=words)
        assert "150 runs (seed 5 × task.objective 3 × weighting 10)" in line_of(lines, "runs")
        kinds = [line.split(":")[0].split()[-1] for line in lines if line.startswith("steps")]
        assert kinds == [f"task.objective={name}" for name in ("binary", "distribution", "score")]
        assert status is None, lines

    @pytest.mark.parametrize(("swept", "times"), [("images.flip=true,false", 1), ("data.ratings.split_seed=0,1", 2)])
    def test_the_lists_of_a_split_are_read_once(self, dry_run, words, monkeypatch, swept, times):
        read, read_rated = [], ava_reader.read_rated
        monkeypatch.setattr(ava_reader, "read_rated", lambda *given: read.append(given) or read_rated(*given))
        status, lines = dry_run("-m", swept, all_of=["data=ava", *words[1:]])
        assert status is None, lines
        assert sum("photographs/s" in line for line in lines if line.startswith("steps")) == 2
        assert len(read) == times

    def test_too_few_lines(self, dry_run, words):
        status, lines = dry_run(all_of=[*words[:-2], "data.ratings.val=0.3"])
        assert status == 1
        assert "AVA.txt has 61 lines, expected 255,530" in line_of(lines, "data")

    def test_a_large_set_is_to_be_prepared_first(self, dry_run, words, monkeypatch):
        monkeypatch.setattr("awcu.commands.dry_run_photographs.MANY", 10)
        _, lines = dry_run(all_of=words)
        assert any(line.split()[:3] == ["awcu", "prepare", "data=ava"] for line in lines)
        assert not any(line.startswith("steps") for line in lines)

    @pytest.mark.filterwarnings(r"ignore:\s*'hydra/launcher/\w+' is validated against ConfigStore schema")
    def test_slurm_jobs_without_a_gpu_or_the_memory(self, dry_run, words):
        pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
        status, lines = dry_run("hydra/launcher=submitit_slurm", "hydra.launcher.mem_gb=0", all_of=words)
        assert status == 1
        said = "\n".join(line for line in lines if line.startswith("slurm"))
        assert "150 jobs" in said
        assert "give more than hydra.launcher.mem_gb=0" in said
        assert "hydra.launcher.gpus_per_node=1" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cfg", "job"], "^awcu: --dry-run takes overrides and -m, not --cfg"),
        (["seed=0,1"], "a sweep of several values needs -m"),
        (["fit=false"], "^awcu: fit=false trains nothing"),
    ],
)
def test_what_cannot_be_rehearsed(dry_run, words, message):
    status, _ = dry_run(*words)
    with pytest.raises(SystemExit, match=message):
        raise SystemExit(status)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [([0.1, 0.2, 0.3, 1.3, 2.3, 3.3], 1.0), ([4.0, 6.0], 2.0), ([4.0], 4.0)],
)
def test_steps_served_from_the_loaders_head_start_are_not_timed(ends, expected):
    """A single step has nothing before it but the start, which makes it slower than the rest."""
    clock = Clock(waiting=2)
    clock.started, clock.ends = 0.0, ends
    assert clock.step_seconds == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ends", "on_gpu", "on_cpu"),
    [([25.0], False, True), ([5.0], False, False), ([9.0, 21.0], False, True), ([9.0, 30.0], True, True)],
)
def test_a_cpu_whose_first_step_is_long_takes_no_second(ends, on_gpu, on_cpu):
    """A GPU's first step waits for the loader and for the GPU to start, and says nothing of the others."""
    clock = Clock(waiting=2)
    clock.ends = ends
    assert clock.enough == on_gpu
    clock.slow = True
    assert clock.enough == on_cpu


def test_the_disk_that_checkpoints_take_is_known_before_a_step(trained_run):
    """Against what a run left; what a checkpoint holds besides the weights is some kilobytes."""
    cfg = OmegaConf.load(trained_run / ".hydra" / "config.yaml")
    left = sum(path.stat().st_size for path in (trained_run / "checkpoints").glob("*.ckpt"))
    assert checkpoint_bytes(cfg, instantiated(cfg.data.ratings)) == pytest.approx(left, rel=0.05)


def test_the_runs_of_a_sweep():
    assert sweep_of("train", ["weighting=uniform"]) == [["weighting=uniform"]]
    assert sweep_of("train", ["seed=0,1", "weighting=step"], multirun=True) == [
        ["seed=0", "weighting=step"],
        ["seed=1", "weighting=step"],
    ]
    assert len(sweep_of("train", ["experiment=ava"])) == 150
    assert len(sweep_of("train", ["experiment=ava", "seed=0", "task.objective=binary"])) == 10
    assert len(sweep_of("train", ["experiment=ava", "hydra.mode=RUN"])) == 1
    assert len(sweep_of("train", ["experiment=ava_style_joint"])) == 30
