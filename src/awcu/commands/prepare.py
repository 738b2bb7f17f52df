"""`awcu prepare`: check every photograph of a set, keep a small copy, and report on the set."""

import hashlib
import re
import shlex
import sys
from pathlib import Path

import hydra
import numpy as np
import platformdirs
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from awcu.config.hydra import check_keys, conf_folder, instantiated, page
from awcu.datasets.audit import PhotographReport, manifest_csv, photograph_report
from awcu.datasets.prepared import Prepared, prepare
from awcu.errors import MENDABLE, ConfigurationError, PreparedError, SourceError
from awcu.files import write_atomically
from awcu.plots.ratings import ratings_png
from awcu.ratings.ratings import Ratings
from awcu.reports.dataset import Kept, print_report, summary_html
from awcu.text import counted


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="prepare")
def main(cfg: DictConfig) -> None:
    """One Hydra job."""
    job = HydraConfig.get()
    try:
        run(cfg, str(job.runtime.choices.get("data")), tuple(job.overrides.task))
    except MENDABLE as error:
        raise SystemExit(f"awcu: {error}") from error
    except KeyboardInterrupt:
        raise SystemExit("awcu: stopped; run the same command again to continue") from None


def run(cfg: DictConfig, data: str, overrides: tuple[str, ...] = ()) -> PhotographReport:
    """Prepare the photographs, write manifest, figure and summary beside them, and print the findings.

    Args:
        cfg: `conf/prepare.yaml` with overrides; not changed.
        data: Name of the file in `conf/data` that it was composed with.
        overrides: Overrides as typed, for the command to type next.

    Raises:
        ConfigurationError: A setting does not exist, or a reader does not accept it.
        SourceError: The set differs from the one distributed, or cannot be downloaded.
        RatingsError: The ratings or the split are invalid.
        PreparedError: None of the photographs can be read, or the folder cannot be used or written.
    """
    check_keys(cfg, "prepare")
    if not (cfg.workers is None or (isinstance(cfg.workers, int) and cfg.workers >= 1)):
        raise ConfigurationError(f"workers={cfg.workers!r} must be a whole number from 1, or null for one per core")
    if cfg.download:
        download(cfg, data)
    ratings = instantiated(cfg.data.ratings)
    named = cfg.data.prepared
    folder = default_folder(ratings, cfg.short_side) if named is None else Path(str(named)).expanduser()
    print(f"{ratings.name}: {counted(len(ratings), 'photograph')}, prepared in {folder}", flush=True)
    prepared = _prepare(cfg, ratings, folder)
    report = photograph_report(ratings, prepared.facts, prepared.short_side)
    size = sum(path.stat().st_size for path in folder.glob("*/*.jpg"))
    kept = Kept(str(folder), size, prepared.short_side, prepared.settings.quality, prepared.fingerprint)
    command = train_command(cfg, overrides, report, prepared)
    _write(folder, manifest_csv(ratings, prepared.facts, cfg.data.get("root")), report, kept, command)
    print_report(report, kept, command)
    return report


def download(cfg: DictConfig, data: str) -> None:
    """Download the set, if its configuration says how.

    Raises:
        SourceError: The configuration does not say how, or the download fails.
    """
    how = cfg.data.get("download")
    if how is None:
        home = cfg.data.get("home") or "its authors' page"
        raise SourceError(f"{data} cannot be downloaded by this command; get it from {home}")
    instantiated(how)


def default_folder(ratings: Ratings, short_side: int) -> Path:
    """The default folder: in the user's cache folder, named after the set, the size and the photographs."""
    order = np.argsort(ratings.image_ids)
    lines = np.stack([ratings.image_ids[order], ratings.image_paths[order]], axis=1).ravel().tolist()
    key = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
    name = re.sub(r"[\W_]+", "-", ratings.name.lower()).strip("-") or "photographs"
    return Path(platformdirs.user_cache_dir("awcu")) / "prepared" / f"{name}-{short_side}px-{key}"


def train_command(cfg: DictConfig, overrides: tuple[str, ...], report: PhotographReport, prepared: Prepared) -> str:
    """The training command to type next: the same set, and the settings that the prepared folder needs."""
    training = page("train")
    of_preparing = {*page("prepare"), "data.prepared"} - {*training}
    words = [word for word in overrides if word.split("=")[0].lstrip("+~") not in of_preparing]
    words.append(f"data.prepared={_quoted(str(prepared.folder))}")
    if report.counts[-1].left_out and cfg.data.get("on_unreadable") != "exclude":
        words.append("data.on_unreadable=exclude")
    if report.leaks or report.look_leaks:
        words.append("leave_out_alike=true")
    if prepared.short_side < training.images.size:
        words.append(f"images.size={prepared.short_side}")
    return shlex.join(["awcu", "train", *words])


def _quoted(value: str) -> str:
    """Quote a path for Hydra, whose grammar allows few characters without quotes."""
    escaped = value.replace("'", r"\'")
    return value if re.fullmatch(r"[\w.-]*/[\w./-]*", value, re.ASCII) else f"'{escaped}'"


def _prepare(cfg: DictConfig, ratings: Ratings, folder: Path) -> Prepared:
    columns = (
        TextColumn("photographs"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # A progress bar is useless in a pipe or a log file.
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("", total=len(ratings))

        def advance(count: int) -> None:
            progress.advance(bar, count)

        return prepare(ratings, folder, cfg.short_side, cfg.quality, cfg.workers, advance)


def _write(folder: Path, manifest: str, report: PhotographReport, kept: Kept, command: str) -> None:
    try:
        write_atomically(folder / "manifest.csv", manifest)
        write_atomically(folder / "ratings.png", ratings_png(report.ratings))
        write_atomically(folder / "summary.html", summary_html(report, kept, command))
    except OSError as error:
        reason = error.strerror or str(error)
        raise PreparedError(f"{folder} cannot be written ({reason}); make room, then run the same command") from error
