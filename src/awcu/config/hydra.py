"""Hydra configurations: their folder, their keys, and the names of their variants."""

import difflib
import hashlib
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from awcu.config.identity import MACHINE, current_target
from awcu.errors import ConfigurationError

COMMANDS = ("train", "probe")  # whose experiments lie in conf/<command>/experiment
NOT_OF_THE_VARIANT = (
    *MACHINE, "network.weights_file", "ckpt_path", "seed", "experiment", "name", "fit", "allow_leak", "hydra",
)  # fmt: skip
"""Override keys that do not make another table row: the seed, and what a machine decides."""


# Of conf/hydra/launcher, whose names Hydra's plugins have as well; at import, since a job of joblib's composes anew.
warnings.filterwarnings("ignore", r"\s*'hydra/launcher/\w+' is validated against ConfigStore schema")


def conf_folder(part: str = "") -> str:
    """The configuration folder, or one inside it: in an installed wheel, or at the top of a source checkout."""
    packaged = Path(__file__).parents[1] / "conf"
    return str((packaged if packaged.is_dir() else Path(__file__).parents[3] / "conf") / part)


def page(name: str) -> DictConfig:
    """`conf/<name>.yaml` as it is written, with the page that it shares with others."""
    written = OmegaConf.load(Path(conf_folder()) / f"{name}.yaml")
    shared = [OmegaConf.load(Path(conf_folder()) / "shared.yaml")] if "shared" in written.defaults else []
    merged = OmegaConf.merge(*shared, written)
    assert isinstance(merged, DictConfig)
    return merged


def experiments(command: str) -> dict[str, Path]:
    """Name → file of the experiments that `awcu train` or `awcu probe` knows."""
    return choices(command, "experiment")


def choices(name: str, group: str) -> dict[str, Path]:
    """Name → file of what may be chosen for a group of the page `conf/<name>.yaml`; none if it is no group of ours."""
    if group.startswith("hydra/"):
        return {}  # its plugins offer more than our files
    folders = [Path(conf_folder(f"{name}/{group}")), Path(conf_folder(group))]
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for folder in folders
        for path in sorted(folder.rglob("*.yaml"))
    }


def folder_name(overrides: str) -> str:
    """The overrides as the name of one folder: no slashes, and a hash in place of what is too long for a name."""
    name = overrides.replace("/", "_")
    return name if len(name) <= 120 else f"{name[:100]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def machine_keys(*more: str, _root_: DictConfig) -> list[str]:
    """The override keys that name no folder of a run, one by one, in the form Hydra expects."""
    sections = {key: OmegaConf.select(_root_, key) for key in (*MACHINE, "network.weights_file", *more)}
    return [
        name
        for key, section in sections.items()
        for name in ([f"{key}.{one}" for one in map(str, section)] if isinstance(section, DictConfig) else [key])
    ]


for _resolver in (conf_folder, folder_name, machine_keys):
    OmegaConf.register_new_resolver(_resolver.__name__, _resolver, replace=True)


def variant(overrides: tuple[str, ...]) -> str:
    """The overrides that make a table row: sorted, space-joined, without seed and machine keys."""
    named = [text for text in overrides if not _excluded(text.split("=")[0].lstrip("+~"))]
    return " ".join(sorted(named)) or "default"


def _excluded(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in NOT_OF_THE_VARIANT)


def instantiated(cfg: DictConfig) -> Any:
    """Instantiate a `_target_`; an `AwcuError` raised inside is raised as itself, not wrapped by Hydra.

    Raises:
        ConfigurationError: It takes no such values.
    """
    target = current_target(str(cfg.get("_target_")))
    try:
        return instantiate(OmegaConf.merge(cfg, {"_target_": target}), _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if type(cause).__module__.startswith("awcu."):
            raise cause from None  # type: ignore[misc]
        if isinstance(cause, TypeError | ValueError | OSError):
            raise ConfigurationError(f"{target} cannot be built: {cause}; correct its values") from error
        raise


def plain(cfg: Any) -> Any:
    """A configuration node as plain lists and dicts."""
    return OmegaConf.to_container(cfg, resolve=True)


def check_experiment(overrides: list[str], commands: Sequence[str] = COMMANDS) -> None:
    """Refuse an experiment that these commands do not have, by the names nearest to it; Hydra would list them all.

    Args:
        overrides: As typed.
        commands: Those of "train" and "probe" that they may be for.

    Raises:
        ConfigurationError: There is no such experiment, or it is another command's.
    """
    names = sorted({name for command in commands for name in experiments(command)})
    for override in overrides:
        key, _, value = override.partition("=")
        for asked in value.split(",") if key.lstrip("+") == "experiment" else []:
            if asked in [*names, "null"]:
                continue
            for other in COMMANDS:
                if asked in experiments(other):
                    raise ConfigurationError(f"experiment={asked} is for awcu {other}; type awcu {other} {override}")
            near = difflib.get_close_matches(asked, names, n=3, cutoff=0.4) or names
            raise ConfigurationError(f"experiment={asked} does not exist; nearest: {', '.join(near)}")


def composing() -> AbstractContextManager[None]:
    """Where `compose` finds our pages, inside a Hydra job and outside."""
    # Within a Hydra job the search path is set already, and setting it twice is an error.
    running = GlobalHydra.instance().is_initialized()
    return nullcontext() if running else initialize_config_dir(conf_folder(), version_base="1.3")


def misspelt(name: str, overrides: Sequence[str]) -> str | None:
    """The first key or choice that Hydra would refuse and has names like it, with these; Hydra names none for a key.

    Args:
        name: "train", "probe" or "prepare", the page in `conf/` that the overrides are for.
        overrides: As typed; of a sweep one job is composed.

    Returns:
        None if they compose, or if something else is wrong, which Hydra says itself.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        for one in parsed:
            _values(one)
    except HydraException:  # no overrides, or a sweep whose values Hydra alone knows
        return None
    with composing():
        parsed += _swept_by_experiment(name, parsed)
        if _composed(name, [_suspect(name, one) for one in parsed]) is not None:
            return None
        return _wrong_choice(name, parsed) or _wrong_key(name, parsed)


def _swept_by_experiment(name: str, overrides: Sequence[Override]) -> list[Override]:
    """What an experiment's own sweep sets beside the overrides: `weighting=step` makes room for `weighting.ratio`."""
    cfg = _composed(name, [str(one.input_line) for one in overrides if one.key_or_group == "experiment"])
    swept = OmegaConf.select(cfg, "hydra.sweeper.params") if cfg is not None else None
    typed = {one.key_or_group for one in overrides}
    lines = [f"{key}={value}" for key, value in (swept or {}).items() if str(key) not in typed]
    return OverridesParser.create().parse_overrides(lines)


def sweep_of(name: str, overrides: Sequence[str], multirun: bool = False) -> list[list[str]]:
    """The overrides of each run that these make; one run, unless they or their experiment ask for several.

    Args:
        name: "train", whose pages the overrides are for.
        overrides: As typed.
        multirun: Whether -m was typed.

    Raises:
        HydraException: Overrides that Hydra cannot read.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    with composing():
        if not _sweeps(name, parsed, multirun):
            return [[str(one.input_line) for one in parsed]]
        every = [*_swept_by_experiment(name, parsed), *parsed]
    return [list(one) for one in itertools.product(*map(each_choice, every))]


def swept_choices(name: str, overrides: Sequence[str], multirun: bool = False) -> list[str]:
    """What the experiment's own sweep chooses once for all, such as `weighting=step`, unless it is typed.

    Hydra composes what is typed before it reads the sweep, and would refuse `weighting.ratio=4` without it.

    Args:
        name: "train", whose pages the overrides are for.
        overrides: As typed.
        multirun: Whether -m was typed.

    Returns:
        Overrides to add; none where nothing sweeps, or where Hydra cannot read these and will say so.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        with composing():
            swept = _swept_by_experiment(name, parsed) if _sweeps(name, parsed, multirun) else []
    except HydraException:
        return []
    return [str(one.input_line) for one in swept if choices(name, one.key_or_group) and not one.is_sweep_override()]


def _sweeps(name: str, overrides: Sequence[Override], multirun: bool) -> bool:
    """Whether these make several runs, as typed or by their experiment."""
    hydras = [
        str(one.input_line) for one in overrides if re.split("[./]", one.key_or_group)[0] in ("experiment", "hydra")
    ]
    return (
        multirun or OmegaConf.select(compose(name, hydras, return_hydra_config=True), "hydra.mode") == RunMode.MULTIRUN
    )


def each_choice(override: Override) -> list[str]:
    """The override once with each of its values, written as Hydra's own sweeper writes them."""
    if not override.is_sweep_override():
        return [f"{override.get_key_element()}={override.get_value_element_as_str()}"]
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]


def _wrong_choice(name: str, overrides: Sequence[Override]) -> str | None:
    for one in overrides:
        known = choices(name, one.key_or_group)
        for value in _values(one) if known else []:
            if value.strip("'\"") not in (*known, "null"):
                return f"{one.key_or_group}={value} does not exist; nearest: {_nearest(value, known)}"
    return None


def _wrong_key(name: str, overrides: Sequence[Override]) -> str | None:
    groups = [one for one in overrides if "/" in one.key_or_group or choices(name, one.key_or_group)]
    cfg = _composed(name, [_suspect(name, one) for one in groups])
    if cfg is None:
        return None
    known = [*_keys(OmegaConf.to_container(cfg)), *(["experiment"] if name in COMMANDS else [])]
    for one in overrides:
        key = one.key_or_group
        if not (one in groups or one.is_add() or one.is_force_add() or key in known):
            alike = [other for other in known if other.startswith("hydra") == key.startswith("hydra")]
            return f"{key} is no setting; nearest: {_nearest(key, [one for one in alike if '_target_' not in one])}"
    return None


def _composed(name: str, overrides: list[str]) -> DictConfig | None:
    try:
        return compose(name, overrides, return_hydra_config=True)
    except Exception:  # Hydra's own errors are not all of one kind, and it will say this one again
        return None


def _values(override: Override) -> list[str]:
    """What a discrete sweep gives a key, as Hydra writes it; else the one value."""
    if override.is_sweep_override():
        return list(override.sweep_string_iterator())
    value = override.value()
    return [value] if isinstance(value, str) else []


def _suspect(name: str, override: Override) -> str:
    """The override of one job of a sweep, with a choice that we do not have if there is one."""
    if not override.is_sweep_override():
        return str(override.input_line)
    values, known = _values(override), choices(name, override.key_or_group)
    value = next((value for value in values if known and value not in known), values[0])
    return f"{override.get_key_element()}={value}"


def _keys(section: Any, place: str = "") -> Iterator[str]:
    """The path of every section and setting."""
    for key, value in section.items():
        yield f"{place}{key}"
        if isinstance(value, dict):
            yield from _keys(value, f"{place}{key}.")


def _nearest(typed: str, names: Iterable[str]) -> str:
    known = sorted(names)
    near = (difflib.get_close_matches(typed, known, n=3, cutoff=cutoff) for cutoff in (0.6, 0.4))
    return ", ".join(next(filter(None, near), known[:10]))


def check_keys(cfg: DictConfig, name: str) -> None:
    """Refuse what only a `+` in an override can bring in: a misspelt key that nothing would ever read.

    Args:
        cfg: As composed.
        name: "train", "probe" or "prepare", the page in `conf/` that it was composed from.

    Raises:
        ConfigurationError: A key that the page does not have.
    """
    known = page(name)
    sections = [
        key for key in map(str, known) if key not in ("hydra", "trainer", "data") and isinstance(known[key], DictConfig)
    ]
    groups = ("data", "weighting") if name == "train" else ("data",)
    for place, mine, theirs in [("", cfg, known), *((f"{key}.", cfg[key], known[key]) for key in sections)]:
        names = [*theirs, *(() if place else groups)]
        for key in mine:
            if key not in names:
                near = difflib.get_close_matches(str(key), map(str, names), n=3, cutoff=0.4) or sorted(map(str, names))
                raise ConfigurationError(
                    f"{place}{key} is no setting; nearest: {', '.join(place + one for one in near)}"
                )


def quoted(value: str) -> str:
    """A path quoted for Hydra, whose grammar allows few characters without quotes."""
    escaped = value.replace("'", r"\'")
    return value if re.fullmatch(r"[\w.-]*/[\w./-]*", value, re.ASCII) else f"'{escaped}'"
