"""`awcu train --dry-run`: check all that a run or a sweep needs, time a few steps, and train nothing."""

import io
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from awcu.commands.dry_run_photographs import photographs
from awcu.commands.findings import Findings, room
from awcu.config.hydra import check_keys, composing, instantiated, plain, sweep_of
from awcu.errors import BackboneError, ConfigurationError, WeightingError
from awcu.ratings.ratings import Ratings
from awcu.ratings.weighting import SampleWeights, effective_share
from awcu.text import counted, duration, number, size
from awcu.training.rehearsal import Readings, Rehearsal, checkpoint_bytes, rehearse

DRY_RUN = "--dry-run"
OF_WEIGHTS = ("weighting", "sample_weights", "seed")
"""What differs between runs of one kind, which need the same network."""
AS_FAST = "task.objective="  # differs in a handful of outputs
Kinds = dict[tuple[str, ...], list[list[str]]]
"""The overrides that tell a kind of run from others → the overrides of each of its runs."""


def dry_run(words: Sequence[str]) -> int:
    """Check what `awcu train` with these words would need, and print it; how many problems were found.

    Args:
        words: Behind `awcu train`, without `--dry-run`.

    Raises:
        ConfigurationError: An option other than -m, or overrides that Hydra does not take.
    """
    jobs, cfg = _asked(words)
    found, readings = Findings(), Readings()
    found.say("runs", _of_keys(jobs))
    with found.part("data"):
        ratings, prepared, ready = photographs(cfg, words, readings, found)
        _weightings(jobs, ratings.of_split("train"), found)
        kinds = _disk(jobs, ratings, cfg, found)
        if ready:
            _needs(jobs, _rehearsed(kinds, readings, found), cfg, found)
        elif prepared is None:
            found.say("time", "not measured: prepare the photographs, then type the same command again")
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


def _disk(jobs: list[list[str]], ratings: Ratings, cfg: DictConfig, found: Findings) -> Kinds:
    """Whether all checkpoints find room; the kinds of run whose network can be built."""
    kinds: Kinds = {}
    for job in jobs:
        kind = tuple(one for one in job if _section(one) not in OF_WEIGHTS)
        kinds.setdefault(kind, []).append(job)
    sizes = {}
    for kind, runs in kinds.items():
        with found.part("network"):
            sizes[kind] = len(runs) * checkpoint_bytes(_composed(runs[0]), ratings)
    if not sizes:
        return {}
    single = len(jobs) == 1
    folder = Path("runs" if single else str(OmegaConf.select(cfg, "hydra.sweep.dir")))
    room("disk", sum(sizes.values()), folder, "hydra.run.dir" if single else "hydra.sweep.dir", found)
    return {kind: kinds[kind] for kind in sizes}


def _section(override: str) -> str:
    return override.split("=")[0].lstrip("+").split(".")[0]


def _rehearsed(kinds: Kinds, readings: Readings, found: Findings) -> list[tuple[int, Rehearsal]]:
    """Each kind of run that may take its own time once, with how many there are of it."""
    common = set.intersection(*map(set, kinds)) if kinds else set()
    untrained: set[str] = set()
    timed: dict[tuple[str, ...], tuple[str, Rehearsal]] = {}
    done = []
    for kind, runs in kinds.items():
        name = " ".join(one for one in kind if one not in common)
        speed = tuple(one for one in kind if not one.startswith(AS_FAST))
        with found.part("steps"):
            if speed in timed:
                found.say("steps", f"{name}: take as long as {timed[speed][0]}")
            else:
                timed[speed] = name, _steps(_composed(runs[0]), untrained, readings, found)
                found.say("steps", f"{name}: " * bool(name) + _words(timed[speed][1]))
            done.append((len(runs), timed[speed][1]))
    return done


def _words(shown: Rehearsal) -> str:
    where = f"{shown.device} ({shown.precision}, {counted(shown.steps, 'step')}, {counted(shown.workers, 'worker')})"
    gpu = "" if shown.gpu_memory is None else f", {size(shown.gpu_memory)} of GPU memory"
    rate = f"{shown.photographs_per_second:,.1f} photographs/s on {where}{gpu}"
    return f"{rate}; a run takes at most {duration(shown.seconds)}"


def _steps(cfg: DictConfig, untrained: set[str], readings: Readings, found: Findings) -> Rehearsal:
    """Rehearse, without weights where they are not to be had, so that the rest is known all the same.

    Args:
        cfg: Of the run.
        untrained: Backbones whose weights are known to be missing; one more may be added.
        readings: As for `rehearse`.
        found: Takes the problem.
    """
    without = OmegaConf.merge(cfg, {"network": {"pretrained": False, "weights_file": None}})
    assert isinstance(without, DictConfig)
    if cfg.network.backbone not in untrained:
        try:
            return _rehearsal(cfg, readings)
        except BackboneError as error:
            if not cfg.network.pretrained and cfg.network.weights_file is None:
                raise
            found.refuse("backbone", str(error))
            untrained.add(cfg.network.backbone)
    return _rehearsal(without, readings)


def _rehearsal(cfg: DictConfig, readings: Readings) -> Rehearsal:
    with tempfile.TemporaryDirectory(prefix="awcu-dry-run-") as folder, redirect_stdout(io.StringIO()):
        return rehearse(cfg, Path(folder), readings)


def _needs(jobs: list[list[str]], done: list[tuple[int, Rehearsal]], cfg: DictConfig, found: Findings) -> None:
    """Time and memory of all runs."""
    if not done:
        return
    of_one = max(shown.seconds for _, shown in done)
    mine, worker = done[-1][1].memory
    memory = mine + done[-1][1].workers * worker
    found.say("time", f"at most {duration(sum(n * shown.seconds for n, shown in done))} for all, one after another")
    found.say("memory", f"at most {size(memory)}: {size(mine)}, and {size(worker)} for each worker, some of it shared")
    launcher = cfg.hydra.launcher
    if str(launcher.get("_target_")).endswith("SlurmLauncher"):
        _slurm(launcher, len(jobs), of_one, memory, found)


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
