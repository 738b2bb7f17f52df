"""Which run a folder holds: the settings that decide its numbers, and nothing that a machine decides."""

import hashlib
import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from awcu.errors import IdentityError
from awcu.files import write_atomically

FOLDERS = ("data.root", "data.prepared", "features.folder")
MACHINE = (*FOLDERS, "loader.workers", "features.workers", "trainer.accelerator", "trainer.devices", "wandb")
"""Settings that depend on the machine or only on looks: variants, folder names and identities leave them out."""

FILES = ("network.weights_file", "ckpt_path", "start_from")
"""The contents of these files identify the run, not their paths."""

_PLACES = (*FOLDERS, *FILES, "hydra.run.dir", "hydra.sweep.dir")

_MOVED = {
    "awcu.sources.gallery.": "awcu.datasets.gallery.",
    "awcu.sources.huggingface.": "awcu.datasets.huggingface.",
    "awcu.sources.": "awcu.datasets.readers.",
    "awcu.weighting.": "awcu.ratings.weighting.",
}
"""Old → new location of `_target_`s, for runs from before the package was split; the first match counts."""

Settings = dict[str, Any]  # "section.key" → value, as JSON knows it


def settings(cfg: DictConfig) -> Settings:
    """The settings that identify a run: every resolved setting except the machine's.

    The whole configuration, not the overrides: a default that changes makes another run of the same overrides.

    Args:
        cfg: `conf/train.yaml` or `conf/probe.yaml` with overrides; not changed.
    """
    cfg = cfg.copy()
    with open_dict(cfg):
        for key in (one for one in MACHINE if one.split(".")[0] in cfg):
            OmegaConf.update(cfg, key, None, merge=False)
        for key in (one for one in FILES if one.split(".")[0] in cfg):
            OmegaConf.update(cfg, key, _content(OmegaConf.select(cfg, key)), merge=False)
    resolved = OmegaConf.to_container(cfg, resolve=True)
    # Through JSON and back, so that what was read from a file compares equal to what was composed.
    found: Settings = json.loads(json.dumps(_flat(resolved, "")))
    return found


def identity(settings: Settings) -> str:
    """Twelve hexadecimal digits that two runs share when all their settings are equal."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def claim(folder: Path, wanted: Settings) -> str:
    """Claim a folder for this run, or confirm that it is this run's; return the run's identity.

    A folder belongs to a run once it holds a checkpoint or records: one that failed earlier has nothing to lose.

    Raises:
        IdentityError: It belongs to another.
    """
    path, found = folder / "identity.json", identity(wanted)
    if any((folder / name).exists() for name in ("record.json", "checkpoints", "results.csv")):
        held = _held(path)
        if held != wanted:
            raise IdentityError(
                f"{folder} holds another run ({_differences(held, wanted)}); remove the folder to run this one in "
                f"its place, or give another by hydra.run.dir or name"
            )
    else:
        document = {"identity": found, "settings": wanted}
        write_atomically(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return found


def current_target(target: str) -> str:
    """The `_target_` of a configuration, also of one that an older version wrote."""
    moved = ((old, new) for old, new in _MOVED.items() if target.startswith(old))
    old, new = next(moved, ("", ""))
    return new + target.removeprefix(old)


def _held(path: Path) -> Settings:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))["settings"]
        held: Settings = {
            key: current_target(value) if key.endswith("_target_") and isinstance(value, str) else value
            for key, value in stored.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IdentityError(
            f"{path.parent} holds a run, but not with which settings it was made (identity.json: {error}); remove the "
            f"folder to run this one in its place, or give another by hydra.run.dir or name"
        ) from error
    return held


def _differences(held: Settings, wanted: Settings) -> str:
    keys = [key for key in sorted({*held, *wanted}) if held.get(key) != wanted.get(key)]
    shown = [f"{key} {held.get(key)!r}, not {wanted.get(key)!r}" for key in keys[:5]]
    return "; ".join([*shown, *([f"and {len(keys) - 5} more"] if len(keys) > 5 else [])])


def _content(path: Any) -> Any:
    if OmegaConf.is_list(path):
        return [_content(one) for one in path]
    if path is None or not Path(path).is_file():
        return path
    with Path(path).open("rb") as file:
        return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def _flat(node: Any, place: str) -> Settings:
    if not isinstance(node, dict) or (place and not node):
        return {place: node}
    return {
        name: value
        for key, child in node.items()
        for name, value in _flat(child, f"{place}.{key}" if place else str(key)).items()
    }


def without_place(override: str) -> str:
    """An override without the folder that a file lies in on this machine; of a list, each file's."""
    key, equals, value = override.partition("=")
    if value.startswith("[") and value.endswith("]") and key.lstrip("+") in FILES:
        each = (one.strip() for one in value[1:-1].split(","))
        named = (one if one == "null" else without_place(f"{key}={one}").partition("=")[2] for one in each)
        return f"{key}=[{','.join(named)}]"
    bare = value.strip("'\"")
    if key.lstrip("+") in _PLACES or bare.startswith(("/", "~", "..")):
        return f"{key}{equals}…/{Path(bare).name}"
    return override
