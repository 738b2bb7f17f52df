"""A trained model as a folder that travels, here or on the Hugging Face Hub. Nothing here unpickles."""

import hashlib
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor

from awcu.bounds import MAX_CONFIG_BYTES, MAX_HEADER_BYTES
from awcu.errors import BackboneError, ModelError
from awcu.files import write_atomically
from awcu.models.config import ModelConfig, from_json, of_task
from awcu.models.reference import Reference
from awcu.runs.record import RunRecord
from awcu.text import counted, shown, size

CONFIG, WEIGHTS, CARD, ONNX = "config.json", "model.safetensors", "README.md", "model.onnx"
FILES = (CONFIG, WEIGHTS, CARD, ONNX)
"""The only files an exported folder may contain."""

_NAME = r"[A-Za-z0-9][\w.-]*"
REPOSITORY = re.compile(rf"(?P<id>{_NAME}/{_NAME})(@(?P<revision>[\w./-]+))?")
"""`user/name`, with `@` and a branch, tag or commit where it is not the newest."""

BUNDLED = Path(__file__).parent / "bundled" / "biq2021"
"""The model that comes with the package: `experiments/bundled`."""

State = dict[str, Tensor]


def load(source: str | Path) -> tuple[ModelConfig, State]:
    """Configuration and weights, on the CPU, of a model wherever it is.

    Args:
        source: An exported folder, a run's folder, a training checkpoint (.ckpt), or `user/name[@revision]` on the
            Hugging Face Hub.

    Raises:
        ModelError: It is none of these, cannot be fetched, is damaged or larger than it need be, or its weights are not
            those of its configuration or not finite.
        RecordError: A run's record.json is damaged.
    """
    path = Path(source)
    if (path / CONFIG).is_file() or (path / WEIGHTS).is_file():
        return _of_folder(path)
    if (path / "record.json").is_file():
        return _of_checkpoint(checkpoint_of(path))
    if path.is_file() and path.suffix == ".ckpt":
        return _of_checkpoint(path)
    # A folder named like the first part exists here: a mistyped path, which is nothing to ask the Hub about.
    local = path.exists() or (path.parent.is_dir() and path.parent != Path())
    if not local and REPOSITORY.fullmatch(str(source)):
        return _of_folder(fetch(str(source), (CONFIG, WEIGHTS)))
    raise ModelError(
        f"{source} is no model; give an exported folder ({CONFIG} and {WEIGHTS}), the folder of a finished run "
        f"(record.json), a .ckpt or user/name on the Hugging Face Hub"
    )


def checkpoint_of(run: Path) -> Path:
    """The checkpoint of a finished run.

    The one in its folder comes first: a run that was copied or brought from another machine may record a path that
    is gone, or one where another run has trained since.

    Raises:
        ModelError: There is none, or several and the record names none of them.
        RecordError: record.json is damaged.
    """
    recorded = Path(RunRecord.load(run / "record.json").checkpoint)
    inside = sorted(run.rglob("*.ckpt"))
    named = [path for path in inside if path.name == recorded.name]
    for found in (named, [recorded] if recorded.is_file() else [], inside):
        if len(found) == 1:
            return found[0]
    raise ModelError(
        f"{run}: the checkpoint {str(recorded)!r} of record.json is not there, and the folder holds {len(inside)} "
        f"others; copy it into the folder, or give the .ckpt itself"
    )


def write(folder: Path, config: ModelConfig, state: Mapping[str, Tensor], card: str) -> None:
    """Weights, configuration and card into a folder, best one of `new_folder`.

    Raises:
        ModelError: A number of the configuration is not finite.
    """
    # safetensors takes neither channels-last tensors nor two that share memory.
    plain = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in state.items()}
    content = safetensors.save(plain, {"format": "pt"})
    write_atomically(folder / CONFIG, config.to_json(hashlib.sha256(content).hexdigest()))
    write_atomically(folder / WEIGHTS, content)
    write_atomically(folder / CARD, card)


@contextmanager
def new_folder(target: Path, overwrite: bool = False) -> Iterator[Path]:
    """An empty folder to fill, which becomes the target when the block ends well and vanishes when it does not.

    A second process that wants the same target waits for the first. What a killed one left is removed, and a model
    that it had moved aside is put back.

    Args:
        target: Its folder is made where it is missing.
        overwrite: Take the place of an exported folder that is there.

    Raises:
        ModelError: There is a file, a folder without `overwrite`, or a folder that holds anything else.
    """
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, since a rename is atomic only within one file system; of one name, so that what a killed
    # process left there is found.
    work, lock = (target.with_name(f".{target.name}.{what}") for what in ("partial", "lock"))
    with FileLock(lock):
        try:
            _clear(work, target)
            check_free(target, overwrite)
            new = work / "new"
            new.mkdir(parents=True)
            yield new
            # Again: it may have come while the block ran.
            check_free(target, overwrite)
            if target.exists():
                target.rename(work / "old")
            new.rename(target)
        finally:
            _clear(work, target)
            lock.unlink(missing_ok=True)


def _clear(work: Path, target: Path) -> None:
    """Remove what an export worked in; the model that it was about to replace comes back."""
    old = work / "old"
    if old.exists() and not target.exists():
        old.rename(target)
    shutil.rmtree(work, ignore_errors=True)


def check_free(target: Path, overwrite: bool) -> None:
    """Check that `new_folder` may become the target.

    Raises:
        ModelError: As for `new_folder`.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise ModelError(f"{target} is a file; name a folder")
    if not overwrite:
        raise ModelError(f"{target} exists; name another folder, or overwrite it (--overwrite, overwrite=True)")
    others = sorted({path.name for path in target.iterdir()} - set(FILES))
    if others:
        raise ModelError(f"{target} holds {others[0]!r}, which no export wrote; name another folder")


def fetch(source: str, files: Sequence[str]) -> Path:
    """The folder of these files of a repository `user/name[@revision]`, kept in the Hub client's own cache.

    Raises:
        ModelError: No such repository or revision, or no connection and nothing in the cache.
    """
    from huggingface_hub import snapshot_download

    found = REPOSITORY.fullmatch(source)
    if found is None:
        raise ModelError(f"{source!r} is no repository on the Hub; write it as user/name or user/name@revision")
    try:
        return Path(snapshot_download(found["id"], revision=found["revision"], allow_patterns=list(files)))
    # Which library raises the client's errors depends on its version.
    except Exception as error:
        raise ModelError(
            f"{source} is no file or folder here and cannot be fetched from the Hugging Face Hub "
            f"({type(error).__name__}); check name and connection, or give a local path"
        ) from error


def upload(folder: Path, repository: str, private: bool = False) -> str:
    """Put a folder's files into a repository, which is made if there is none; the address of the commit.

    Args:
        folder: Of an exported model.
        repository: `user/name`.
        private: Make a new repository private.

    Raises:
        ModelError: No such name, not logged in, or no connection.
    """
    from huggingface_hub import HfApi

    found = REPOSITORY.fullmatch(repository)
    if found is None or found["revision"]:
        raise ModelError(f"{repository!r} is no name of a repository on the Hub; write it as user/name")
    try:
        api = HfApi()
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Export from awcu")
    except Exception as error:
        raise ModelError(
            f"{folder} cannot be uploaded as {repository} ({type(error).__name__}); log in with a token that may write "
            f"(hf auth login) and check name and connection"
        ) from error
    return str(commit.commit_url)


def _of_folder(folder: Path) -> tuple[ModelConfig, State]:
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} has no {name}; export the model again, or fetch the whole folder")
    config, sha256 = from_json(_text(folder / CONFIG), str(folder / CONFIG))
    path = folder / WEIGHTS
    own = _own_tensors(config, path)
    _check_size(own, path)
    content = path.read_bytes()
    try:
        state = safetensors.load(content)
    except SafetensorError as error:
        raise ModelError(f"{path} is no whole safetensors file ({error}); fetch it again") from error
    _check_fit(config, own, state, path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(f"{path} is not what {CONFIG} was written with (SHA-256); fetch both again")
    _check_finite(state, path)
    return config, state


def _text(path: Path) -> str:
    held = path.stat().st_size
    if held > MAX_CONFIG_BYTES:
        raise ModelError(f"{path} has {size(held)}, more than {size(MAX_CONFIG_BYTES)}; export the model again")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is no text ({error}); export the model again") from error


def _own_tensors(config: ModelConfig, where: Path) -> Mapping[str, Tensor]:
    """The tensors of the configured network, of which only names, shapes and types are wanted."""
    try:
        # Without memory or initialisation.
        with torch.device("meta"):
            return config.build_network().state_dict()
    except BackboneError:
        # Some backbones cannot be built so.
        try:
            return config.build_network().state_dict()
        except BackboneError as error:
            raise ModelError(f"{where}: {error}") from error


def _check_size(own: Mapping[str, Tensor], path: Path) -> None:
    held, needed = path.stat().st_size, sum(value.nbytes for value in own.values())
    if held > needed + MAX_HEADER_BYTES:
        raise ModelError(
            f"{path} has {size(held)}, but the network in {CONFIG} takes {size(needed)}; fetch both files again"
        )


def _check_fit(config: ModelConfig, own: Mapping[str, Tensor], state: State, where: Path) -> None:
    """Refuse tensors that are not exactly those of the configured network."""
    expected, found = (
        {name: (tuple(value.shape), value.dtype) for name, value in tensors.items()} for tensors in (own, state)
    )
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise ModelError(
            f"{where}: {len(wrong)} tensors are not those of the {config.network['backbone']} in {CONFIG}, first "
            f"{shown(name)} ({found.get(name, 'missing')}, expected {expected.get(name, 'none')}); fetch both files "
            f"again"
        )


def _check_finite(state: State, where: Path) -> None:
    wrong = [name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if wrong:
        raise ModelError(
            f"{where}: {counted(len(wrong), 'tensor')} with numbers that are not finite, first {wrong[0]!r}: training "
            f"diverged, or the file is damaged; train again with a lower task.learning_rate, or fetch it again"
        )


def _of_checkpoint(path: Path) -> tuple[ModelConfig, State]:
    saved = read_checkpoint(path)
    stored = saved.get("reference")
    reference = stored and Reference.from_dict(stored)
    config = of_task(saved["hyper_parameters"], reference, str(path))
    state = {name.removeprefix("net."): value for name, value in saved["state_dict"].items() if name.startswith("net.")}
    _check_fit(config, _own_tensors(config, path), state, path)
    _check_finite(state, path)
    return config, state


def read_checkpoint(path: str | Path | None) -> dict[str, Any]:
    """Read a training checkpoint; nothing in it is executed.

    Raises:
        ModelError: No path, no such file, or a file that is no checkpoint of ours.
    """
    if path is None or not Path(path).is_file():
        raise ModelError(f"{path} is no checkpoint file; give the .ckpt that a run's record.json names")
    try:
        with warnings.catch_warnings():
            # The warning is about a pickle that is refused below.
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            saved = torch.load(path, map_location="cpu", weights_only=True)
        found: dict[str, Any] = {key: saved[key] for key in ("hyper_parameters", "state_dict")} | saved
        found["hyper_parameters"]["network"]["backbone"]
    # Which errors a broken pickle raises depends on how it is broken.
    except Exception as error:
        raise ModelError(
            f"{path} is no checkpoint of this version of awcu ({type(error).__name__}); give the .ckpt that a "
            f"run's record.json names"
        ) from error
    return found
