"""Repositories of the Hugging Face Hub as a source of rows; only `download` uses the network."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import platformdirs

from awcu.datasets.huggingface.unpacking import BATCH, Part, State, reason
from awcu.errors import SourceError


@dataclass(frozen=True)
class Repository:
    """A data set of the Hub.

    Attributes:
        name: `user/name`.
        revision: Commit, tag or branch; None for the newest that was fetched.
        root: Where its photographs are unpacked; None for the user's cache folder.
    """

    name: str
    revision: str | None = None
    root: Path | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name

    @property
    def title(self) -> str:
        """What to call the data set."""
        return self.name

    @property
    def home(self) -> Path:
        """Where its photographs are unpacked."""
        home = self.root if self.root is not None else Path(platformdirs.user_cache_dir("awcu")) / "huggingface"
        return home.expanduser().resolve()

    def snapshot(self) -> Path | None:
        """The folder of its files in the Hub client's cache; None unless all of them are known to be there."""
        if find_spec("datasets") is None:
            return None  # an older client of the Hub keeps no lists of files
        from huggingface_hub import get_cached_repo_tree, snapshot_download
        from huggingface_hub.errors import CachedRepoTreeNotFoundError, HFValidationError, LocalEntryNotFoundError

        try:
            get_cached_repo_tree(self.name, repo_type="dataset", revision=self.revision)
            return Path(
                snapshot_download(self.name, repo_type="dataset", revision=self.revision, local_files_only=True)
            )
        except (CachedRepoTreeNotFoundError, LocalEntryNotFoundError):
            return None
        except HFValidationError as error:
            raise SourceError(f"{self.name!r} is no name of a repository on the Hub; write it as user/name") from error

    def state(self) -> State:
        """The commit that is in the Hub client's cache."""
        snapshot = self.snapshot()
        return {} if snapshot is None else {"commit": snapshot.name}

    def parts(self) -> list[Part]:
        """A part for each Parquet file, or for each split of another format.

        Raises:
            SourceError: The repository was not fetched, has rows elsewhere, or is in no form that `datasets` reads.
        """
        load_dataset_builder = library(str(self)).load_dataset_builder
        snapshot = self.snapshot()
        if snapshot is None:
            raise SourceError(f"{self} is not on this machine; fetch it by awcu prepare --download data=…")
        with self._opening(), TemporaryDirectory() as scratch:  # for a lock that the builder leaves behind
            found = load_dataset_builder(str(snapshot), cache_dir=scratch).config.data_files
            files = {str(split): list(map(Path, paths)) for split, paths in found.items()}
        self._check_inside(files, snapshot)
        if all(path.suffix == ".parquet" for paths in files.values() for path in paths):
            return [
                parquet(path, split, f"{self}: {path.relative_to(snapshot)}")
                for split, paths in files.items()
                for path in paths
            ]
        return [Part(split, f"{self}: {split}", partial(self._open, snapshot, split), snapshot) for split in files]

    def notes(self, state: State) -> list[str]:
        """Which commit was read."""
        return [f"read from {self} at commit {state.get('commit', 'unknown')}"]

    @contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            yield
        # What is raised depends on what the repository holds.
        except Exception as error:
            raise SourceError(
                f"{self} cannot be opened ({reason(error)}); fetch its Parquet files yourself and name them by "
                f"data.root and data.ratings.files"
            ) from error

    def _check_inside(self, files: dict[str, list[Path]], snapshot: Path) -> None:
        outside = [path for paths in files.values() for path in paths if not path.is_relative_to(snapshot)]
        if outside:
            raise SourceError(
                f"{self} has rows that are not in the repository, such as {outside[0]}; fetch them yourself and name "
                f"them by data.root and data.ratings.files"
            )

    def _open(self, snapshot: Path, split: str, scratch: Path) -> Any:
        with self._opening():
            return library(str(self)).load_dataset(str(snapshot), split=split, cache_dir=str(scratch))


def library(who: str) -> Any:
    """The package `datasets`.

    Raises:
        SourceError: It is not installed.
    """
    if find_spec("datasets") is None:
        raise SourceError(f"{who} needs the package datasets; install it by pip install 'awcu[hub-data]'")
    return import_module("datasets")


def parquet(path: Path, split: str, place: str) -> Part:
    """The rows of a Parquet file."""
    return Part(split, place, partial(_open_parquet, path, place))


def _open_parquet(path: Path, place: str, scratch: Path) -> Any:
    load_dataset = library(place).load_dataset
    try:
        return load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(scratch), batch_size=BATCH)
    # What is raised depends on the damage.
    except Exception as error:
        why = reason(error.__cause__ if isinstance(error.__cause__, Exception) else error)
        raise SourceError(f"{place} is no whole Parquet file ({why}); fetch it again") from error


def download(repository: str | None, revision: str | None = None) -> Path:
    """Fetch a repository whole into the Hub client's own cache; what an interrupted run has fetched is kept.

    Args:
        repository: `user/name`.
        revision: Commit, tag or branch; None for the newest.

    Returns:
        The folder of its files.

    Raises:
        SourceError: No repository is named, the package `datasets` is missing, or the Hub refuses or is out of reach.
    """
    if repository is None:
        raise SourceError(
            "nothing to download: name a repository by data.ratings.repository=user/name; Parquet files on this "
            "machine need no download"
        )
    wanted = Repository(repository, revision)
    library(repository)
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(repository, repo_type="dataset", revision=revision)
    # Of which library the client's errors are depends on its version.
    except Exception as error:
        raise SourceError(_why_not(wanted, error)) from error
    snapshot = wanted.snapshot()
    if snapshot is None:  # the client gives what it has where it cannot ask
        raise SourceError(_why_not(wanted, ConnectionError()))
    return snapshot


def _why_not(wanted: Repository, error: Exception) -> str:
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    address = f"https://huggingface.co/datasets/{wanted.name}"
    if isinstance(error, GatedRepoError):
        return f"{wanted} asks for its terms to be accepted; do so on {address}, then log in (hf auth login)"
    if isinstance(error, RepositoryNotFoundError):
        return f"{wanted} is no data set on the Hub, or a private one; check the name, or log in (hf auth login)"
    if isinstance(error, RevisionNotFoundError):
        return f"{wanted}: there is no such revision; choose one of {address}/commits"
    if isinstance(error, HFValidationError):
        return f"{wanted.name!r} is no name of a repository on the Hub; write it as user/name"
    return (
        f"{wanted} cannot be fetched from the Hugging Face Hub ({type(error).__name__}); check connection and disk "
        f"space and run again, what has come is kept"
    )
