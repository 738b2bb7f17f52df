"""Hydra configurations: their folder, their keys, and the names of their variants."""

import difflib
import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
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
    folders = [Path(conf_folder(command)) / "experiment", Path(conf_folder()) / "experiment"]
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
