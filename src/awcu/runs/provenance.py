"""The code behind a number: the commit, and the versions of the packages that can change it."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

CORE_PACKAGES = (
    "torch",
    "pytorch-lightning",
    "hydra-core",
    "omegaconf",
    "timm",
    "torchmetrics",
    "wandb",
    "albumentations",
    "numpy",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
)


def git_state(folder: Path) -> tuple[str, bool]:
    """Name the commit's full hash and whether files differ from it; ("unknown", True) without a commit.

    A new file that git does not ignore counts as a difference, since the run may have read it.
    """

    def git(*command: str) -> str:
        # Without optional locks, or parallel runs get in each other's way.
        call = ["git", "--no-optional-locks", "-C", str(folder), *command]
        return subprocess.run(call, capture_output=True, check=True, text=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown", True


def package_versions() -> dict[str, str]:
    """Name the versions of Python and of the packages that can change a number."""
    versions = {"python": platform.python_version()}
    for package in CORE_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions
