"""`awcu train --dry-run`: check all that a run or a sweep needs, time a few steps, and train nothing."""

import io
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import numpy as np
from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from awcu.config.hydra import check_keys, composing, instantiated, page, plain, sweep_of
from awcu.datasets.prepared import Prepared, prepare
from awcu.errors import MENDABLE, BackboneError, ConfigurationError, WeightingError
from awcu.ratings.ratings import Ratings
from awcu.ratings.splits import SPLITS
from awcu.ratings.weighting import SampleWeights, effective_share
from awcu.text import counted, duration, number, size, some_of
from awcu.training.build import prepared_photographs
from awcu.training.datamodule import MANY
from awcu.training.rehearsal import Rehearsal, rehearse

DRY_RUN = "--dry-run"
LOOKED_AT = 1_000  # photographs, drawn at random
BEARABLE = 0.01  # share of the photographs of a split that may be missing
OF_WEIGHTS = ("weighting", "sample_weights", "seed")
"""What differs between runs that take as long as one another."""


class Findings:
    """Printed as they come, so that the reader sees what is waited for; what has to be mended is counted."""

    def __init__(self) -> None:
        self.problems = 0

    def say(self, what: str, text: str) -> None:
        """A line."""
        print(f"{what:<12} {text}", flush=True)

    def refuse(self, what: str, text: str) -> None:
        """A line on what would stop or spoil the runs."""
        self.problems += 1
        self.say(what, f"PROBLEM: {text}")

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """One check, whose error does not keep the others from being made."""
        try:
            yield
        except MENDABLE as error:
            self.refuse(what, str(error))


def dry_run(words: Sequence[str]) -> int:
    """Check what `awcu train` with these words would need, and print it; how many problems were found.

    Args:
        words: Behind `awcu train`, without `--dry-run`.

    Raises:
        ConfigurationError: An option other than -m, or overrides that Hydra does not take.
    """
    jobs, cfg = _asked(words)
    found = Findings()
    found.say("runs", _of_keys(jobs))
    with found.part("data"):
        ratings, prepared, ready = _photographs(cfg, words, found)
        _weightings(jobs, ratings.of_split("train"), found)
        if ready:
            _needs(jobs, _rehearsed(jobs, found), cfg, found)
        elif prepared is None:
            found.say("time, disk", "not measured: prepare the photographs, then type the same command again")
    if found.problems:
        print(f"{counted(found.problems, 'problem')}; nothing was trained")
    else:
        print("No problem was found, and nothing was trained. Without --dry-run the same command trains.")
    return found.problems


def _asked(words: Sequence[str]) -> tuple[list[list[str]], DictConfig]:
    """The overrides of each run, and the configuration of the first, Hydra's own settings included."""
    options = [word for word in words if word.startswith("-")]
    for word in options:
        if word not in ("-m", "--multirun"):
            raise ConfigurationError(f"{DRY_RUN} takes overrides and -m, not {word}; leave it out")
    try:
        jobs = sweep_of("train", [word for word in words if word not in options], bool(options))
        cfg = _composed(jobs[0], return_hydra_config=True)
    except HydraException as error:
        raise ConfigurationError(f"{str(error).splitlines()[0]}; a sweep of several values needs -m") from error
    check_keys(cfg, "train")
    if not cfg.fit:
        raise ConfigurationError(f"fit=false trains nothing; {DRY_RUN} is for trainings")
    return jobs, cfg


def _composed(overrides: list[str], return_hydra_config: bool = False) -> DictConfig:
    with composing():
        return compose("train", overrides, return_hydra_config=return_hydra_config)


def _of_keys(jobs: list[list[str]]) -> str:
    """As in 30 runs (seed 5 × weighting 6)."""
    values: dict[str, set[str]] = {}
    for override in (override for job in jobs for override in job):
        key, _, value = override.partition("=")
        values.setdefault(key.lstrip("+"), set()).add(value)
    swept = [f"{key} {len(several)}" for key, several in values.items() if len(several) > 1]
    return counted(len(jobs), "run") + (f" ({' × '.join(swept)})" if swept else "")


def _photographs(cfg: DictConfig, words: Sequence[str], found: Findings) -> tuple[Ratings, Prepared | None, bool]:
    """The ratings, what is prepared, and whether runs can start; prints what is missing."""
    ratings = instantiated(cfg.data.ratings)
    for note in ratings.notes:
        found.say("note", note)
    prepared = None
    with found.part("prepared"):
        prepared = prepared_photographs(cfg)
    problems = found.problems
    with found.part("data"):
        kept = _readable(ratings, prepared)
        _count(ratings, kept, cfg.data.on_unreadable == "exclude", found)
        if prepared is not None:
            prepared.check_size(cfg.images.size)
            _look_into(prepared, kept, found)
        elif len(ratings) > MANY:
            _preparation(cfg, kept, words, found)
        ratings = kept
    ready = found.problems == problems and (prepared is not None or len(ratings) <= MANY)
    return ratings, prepared, ready


def _readable(ratings: Ratings, prepared: Prepared | None) -> Ratings:
    """Those that are prepared; without, those whose files are there."""
    if prepared is not None:
        return prepared.readable(ratings)[0]
    there = np.array([Path(path).is_file() for path in ratings.image_paths.tolist()])
    return ratings.select(there)


def _count(ratings: Ratings, kept: Ratings, exclude: bool, found: Findings) -> None:
    counts = ", ".join(f"{(kept.split == split).sum():,} {split}" for split in SPLITS)
    found.say("data", f"{ratings.name}: {counted(len(kept), 'photograph')} ({counts})")
    gone = ratings.image_ids[~np.isin(ratings.image_ids, kept.image_ids)]
    if not len(gone):
        return
    text = f"{len(gone):,} of {len(ratings):,} are missing or cannot be read ({some_of(gone)})"
    share = max(1 - (kept.split == split).sum() / (ratings.split == split).sum() for split in SPLITS)
    if share > BEARABLE:
        found.refuse("photographs", f"{text}; results on fewer cannot be compared with others': complete the folder")
    elif not exclude:
        found.refuse("photographs", f"{text}; repair them, or leave them out by data.on_unreadable=exclude")
    else:
        found.say("photographs", f"{text}; left out")


def _drawn(ratings: Ratings) -> Ratings:
    rows = np.random.default_rng(0).permutation(len(ratings))[:LOOKED_AT]
    return ratings.select(np.sort(rows))


def _look_into(prepared: Prepared, ratings: Ratings, found: Findings) -> None:
    """Decode some of the prepared photographs."""
    drawn = prepared.of(_drawn(ratings))
    for row in range(len(drawn)):
        drawn[row]
    found.say("prepared", f"{prepared.folder}, {prepared.short_side} px; {len(drawn):,} drawn at random decode")


def _preparation(cfg: DictConfig, ratings: Ratings, words: Sequence[str], found: Findings) -> None:
    """What `awcu prepare` would take, by some of the photographs."""
    defaults, named, ends = page("prepare"), cfg.data.get("prepared"), []
    with tempfile.TemporaryDirectory() as folder:
        drawn = _drawn(ratings)
        some = prepare(
            drawn, folder, defaults.short_side, defaults.quality, None, lambda n: ends.append((time.monotonic(), n))
        )
        kept = sum(path.stat().st_size for path in Path(folder).glob("*/*.jpg"))
    # The first ones waited for processes to start.
    seconds, many = ends[-1][0] - ends[1][0], sum(n for _, n in ends[2:])
    share = len(ratings) / len(drawn)
    lasts = f", about {duration(len(ratings) * seconds / many)}" if many else ""
    faulty = len(drawn) - len(some.readable(drawn)[0])
    command = ["awcu", "prepare", f"data={OmegaConf.select(cfg, 'hydra.runtime.choices.data')}"]
    command += [word for word in words if word.startswith("data.") and not word.startswith("data.prepared=")]
    command.append(f"data.prepared={named or '…'}")
    found.say("prepared", f"not yet; {faulty} of {len(drawn):,} drawn at random cannot be read. First:")
    found.say("", f"{shlex.join(command)}   # {size(int(kept * share))}{lasts}")
    _room("prepared", int(kept * share), Path(str(named or ".")).expanduser(), "data.prepared", found)


def _weightings(jobs: list[list[str]], train: Ratings, found: Findings) -> None:
    """How many photographs each weighting leaves, and how unequal it makes them."""
    asked = {tuple(one for one in job if one.split(".")[0].split("=")[0] in OF_WEIGHTS[:2]): job for job in jobs}
    for tokens, job in asked.items():
        cfg = _composed(job)
        name = " ".join(sorted(tokens)) or "weighting"
        try:
            weights = SampleWeights(instantiated(cfg.weighting), **plain(cfg.sample_weights)).at(train)
        except (WeightingError, ConfigurationError) as error:
            found.refuse("weighting", str(error))
            continue
        left = f"{(weights > 0).sum():,} of {counted(len(train), 'photograph')}"
        found.say("weighting", f"{name}: {left}, effective share {number(effective_share(weights), decimals=2)}")


def _rehearsed(jobs: list[list[str]], found: Findings) -> list[tuple[int, Rehearsal]]:
    """Each kind of run once, with how many there are of it."""
    kinds: dict[tuple[str, ...], list[list[str]]] = {}
    for job in jobs:
        kind = tuple(one for one in job if one.split("=")[0].lstrip("+").split(".")[0] not in OF_WEIGHTS)
        kinds.setdefault(kind, []).append(job)
    common = set.intersection(*map(set, kinds))
    untrained: set[str] = set()
    done = []
    for kind, runs in kinds.items():
        with found.part("steps"):
            shown = _steps(_composed(runs[0]), untrained, found)
            done.append((len(runs), shown))
            found.say("steps", " ".join([*(f"{one}:" for one in kind if one not in common), _words(shown)]))
    return done


def _words(shown: Rehearsal) -> str:
    where = f"{shown.device} ({shown.precision}, {counted(shown.steps, 'step')}, {counted(shown.workers, 'worker')})"
    gpu = "" if shown.gpu_memory is None else f", {size(shown.gpu_memory)} of GPU memory"
    rate = f"{shown.photographs_per_second:,.1f} photographs/s on {where}{gpu}"
    return f"{rate}; a run takes at most {duration(shown.seconds)}"


def _steps(cfg: DictConfig, untrained: set[str], found: Findings) -> Rehearsal:
    """Rehearse, without weights where they are not to be had, so that the rest is known all the same.

    Args:
        cfg: Of the run.
        untrained: Backbones whose weights are known to be missing; one more may be added.
        found: Takes the problem.
    """
    without = OmegaConf.merge(cfg, {"network": {"pretrained": False, "weights_file": None}})
    assert isinstance(without, DictConfig)
    if cfg.network.backbone not in untrained:
        try:
            return _rehearsal(cfg)
        except BackboneError as error:
            if not cfg.network.pretrained and cfg.network.weights_file is None:
                raise
            found.refuse("backbone", str(error))
            untrained.add(cfg.network.backbone)
    return _rehearsal(without)


def _rehearsal(cfg: DictConfig) -> Rehearsal:
    with tempfile.TemporaryDirectory(prefix="awcu-dry-run-") as folder, redirect_stdout(io.StringIO()):
        return rehearse(cfg, Path(folder))


def _needs(jobs: list[list[str]], done: list[tuple[int, Rehearsal]], cfg: DictConfig, found: Findings) -> None:
    """Time, memory and disk of all runs."""
    if not done:
        return
    of_one = max(shown.seconds for _, shown in done)
    mine, worker = done[-1][1].memory
    memory = mine + done[-1][1].workers * worker
    found.say("time", f"at most {duration(sum(n * shown.seconds for n, shown in done))} for all, one after another")
    found.say("memory", f"at most {size(memory)}: {size(mine)}, and {size(worker)} for each worker, some of it shared")
    single = len(jobs) == 1
    folder = Path("runs" if single else str(OmegaConf.select(cfg, "hydra.sweep.dir")))
    _room(
        "disk",
        sum(n * shown.disk for n, shown in done),
        folder,
        "hydra.run.dir" if single else "hydra.sweep.dir",
        found,
    )
    launcher = cfg.hydra.launcher
    if str(launcher.get("_target_")).endswith("SlurmLauncher"):
        _slurm(launcher, len(jobs), of_one, memory, found)


def _room(what: str, needed: int, folder: Path, key: str, found: Findings) -> None:
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if needed > free:
        found.refuse(what, f"{size(needed)} needed and {size(free)} free in {folder}; make room, or give another {key}")
    else:
        found.say(what, f"{size(needed)} in {folder}, where {size(free)} are free")


def _slurm(launcher: DictConfig, runs: int, seconds: float, memory: int, found: Findings) -> None:
    """Whether the jobs of an array are asked for what a run needs."""
    at_once, limit = launcher.array_parallelism, 60 * launcher.timeout_min
    lasts = duration(-(-runs // at_once) * seconds)
    found.say(
        "slurm",
        f"{counted(runs, 'job')} of at most {duration(limit)} a turn; with {at_once} machines like this one, {lasts}",
    )
    if seconds > limit * (1 + launcher.max_num_timeout):
        found.refuse("slurm", "a run takes longer than all of its turns; give more by hydra.launcher.timeout_min")
    if launcher.mem_gb is not None and memory > 1e9 * launcher.mem_gb:
        found.refuse("slurm", f"a run may need {size(memory)}; give more than hydra.launcher.mem_gb={launcher.mem_gb}")
    if not launcher.gpus_per_node:
        found.say("slurm", "the jobs get no GPU; where there are some: hydra.launcher.gpus_per_node=1")
