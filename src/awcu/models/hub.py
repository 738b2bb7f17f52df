"""The Hugging Face Hub, where exported folders are fetched from and put."""

import re
from collections.abc import Sequence
from pathlib import Path

from awcu.errors import ModelError

_NAME = r"[A-Za-z0-9][\w.-]*"
REPOSITORY = re.compile(rf"(?P<id>{_NAME}/{_NAME})(@(?P<revision>[\w./-]+))?")
"""`user/name`, with `@` and a branch, tag or commit where it is not the newest."""


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
    # Of which library the client's errors are depends on its version.
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
        private: Of a repository that is made.

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
