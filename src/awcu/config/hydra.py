"""What a configuration is called and where it lies: its folder, its keys, the names of its variants."""

import difflib
import hashlib
import warnings
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from awcu.errors import ConfigurationError

NOT_OF_THE_VARIANT = (
    "seed", "experiment", "name", "fit", "ckpt_path", "allow_leak", "data.root", "data.prepared",
    "network.weights_file",
    "loader.workers", "trainer.accelerator", "trainer.devices", "wandb", "hydra",
)  # fmt: skip
"""Override keys that do not make another table row: the seed, and what a machine decides."""


# Of conf/hydra/launcher, whose names Hydra's plugins have as well; at import, since a job of joblib's composes anew.
warnings.filterwarnings("ignore", r"\s*'hydra/launcher/\w+' is validated against ConfigStore schema")


def conf_folder() -> str:
    """The configuration folder: inside an installed wheel, or at the top of a source checkout."""
    packaged = Path(__file__).parents[1] / "conf"
    return str(packaged if packaged.is_dir() else Path(__file__).parents[3] / "conf")


def folder_name(overrides: str) -> str:
    """The overrides as the name of one folder: no slashes, and a hash in place of what is too long for a name."""
    name = overrides.replace("/", "_")
    return name if len(name) <= 120 else f"{name[:100]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


OmegaConf.register_new_resolver("folder_name", folder_name, replace=True)


def variant(overrides: tuple[str, ...]) -> str:
    """The overrides that make a table row: sorted, space-joined, without seed and machine keys."""
    named = [text for text in overrides if not _excluded(text.split("=")[0].lstrip("+~"))]
    return " ".join(sorted(named)) or "default"


def _excluded(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in NOT_OF_THE_VARIANT)


def instantiated(cfg: DictConfig) -> Any:
    """What a `_target_` makes; an error of ours inside it comes out as itself, not wrapped by Hydra.

    Raises:
        ConfigurationError: It takes no such values.
    """
    try:
        return instantiate(cfg, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if type(cause).__module__.startswith("awcu."):
            raise cause from None  # type: ignore[misc]
        if isinstance(cause, TypeError | ValueError | OSError):
            raise ConfigurationError(f"{cfg.get('_target_')} cannot be built: {cause}; correct its values") from error
        raise


def plain(cfg: Any) -> Any:
    """A configuration node as plain lists and dicts."""
    return OmegaConf.to_container(cfg, resolve=True)


def check_experiment(overrides: list[str]) -> None:
    """Refuse an experiment that does not exist, by the names nearest to it; Hydra would list them all.

    Args:
        overrides: As typed.

    Raises:
        ConfigurationError: There is no such `conf/experiment/<name>.yaml`.
    """
    folder = Path(conf_folder()) / "experiment"
    names = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))
    for override in overrides:
        key, _, value = override.partition("=")
        for asked in value.split(",") if key.lstrip("+") == "experiment" else []:
            if asked not in [*names, "null"]:
                near = difflib.get_close_matches(asked, names, n=3, cutoff=0.4) or names
                raise ConfigurationError(f"experiment={asked} does not exist; nearest: {', '.join(near)}")


def check_keys(cfg: DictConfig, page: str) -> None:
    """Refuse what only a `+` in an override can bring in: a misspelt key that nothing would ever read.

    Args:
        cfg: As composed.
        page: "train", "probe" or "prepare", the page in `conf/` that it was composed from.

    Raises:
        ConfigurationError: A key that the page does not have.
    """
    known = OmegaConf.load(Path(conf_folder()) / f"{page}.yaml")
    assert isinstance(known, DictConfig)
    sections = [
        key for key in map(str, known) if key not in ("hydra", "trainer", "data") and isinstance(known[key], DictConfig)
    ]
    groups = ("data", "weighting") if page == "train" else ("data",)
    for place, mine, theirs in [("", cfg, known), *((f"{key}.", cfg[key], known[key]) for key in sections)]:
        names = [*theirs, *(() if place else groups)]
        for key in mine:
            if key not in names:
                near = difflib.get_close_matches(str(key), map(str, names), n=3, cutoff=0.4) or sorted(map(str, names))
                raise ConfigurationError(
                    f"{place}{key} is no setting; nearest: {', '.join(place + name for name in near)}"
                )
