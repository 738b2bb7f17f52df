"""The features of photographs under a frozen backbone, computed once and cached on disk as memory-mapped arrays."""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from math import prod
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import platformdirs
import torch
from filelock import FileLock
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from torch.utils.data import DataLoader

from awcu.datasets.prepared import Prepared
from awcu.errors import FeatureError, ImageError
from awcu.files import write_atomically
from awcu.images.decoding import unreadable
from awcu.images.transforms import Preparation
from awcu.models.frozen import FrozenPart
from awcu.models.network import AestheticNet
from awcu.ratings.ratings import Ratings
from awcu.text import some_of
from awcu.training.datamodule import RatingDataset, frames_of
from awcu.training.sampling import batches_by_frame

FORMAT = 2  # part of the key: raise it whenever the same photographs would give other files
PACKAGES = ("timm", "albumentations", "pillow")  # another version may give other features
PRECISIONS = ("32-true", "bf16-mixed")
SECONDS_BETWEEN_SAVES = 20.0  # of work that a killed extraction loses
DTYPES: dict[str, np.dtype[Any]] = {"pooled": np.dtype(np.float32), "maps": np.dtype(np.float16)}
Arrays = dict[str, np.memmap[Any, Any]]


def key_of(made_of: Mapping[str, Any]) -> str:
    """Sixteen hex digits that stand for all that a cache is made of."""
    canonical = json.dumps(made_of, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


@dataclass
class Manifest:
    """What the arrays beside it hold, and how many of their rows are there."""

    key: str
    made_of: dict[str, Any]
    image_ids: list[str]
    unreadable: dict[str, str]
    shapes: dict[str, list[int]]
    rows_done: int = 0

    def check(self, key: str, finished: bool) -> None:
        """Refuse a manifest that contradicts itself, the key, or the progress that is expected.

        Raises:
            ValueError: With the reason alone, since only the reader knows the file.
        """
        if not self.key == key == key_of(self.made_of):
            raise ValueError(f"it was made of something else than {key} stands for")
        if set(self.shapes) != ({"pooled", "maps"} if self.made_of["maps"] else {"pooled"}):
            raise ValueError(f"it lists the arrays {', '.join(self.shapes)}")
        rows = self.shapes["pooled"][0]
        if not len(self.image_ids) == len(set(self.image_ids)) == rows:
            raise ValueError(f"it names {len(set(self.image_ids))} photographs for {rows} rows")
        if not (rows if finished else 0) <= self.rows_done <= rows:
            raise ValueError(f"{self.rows_done} of {rows} rows are done")


def open_files(folder: Path, key: str, mode: Literal["r", "r+"]) -> tuple[Manifest, Arrays]:
    """A folder's contents, to read when finished ("r") or to go on with ("r+"), once found to belong together.

    Raises:
        FeatureError: A file is missing, cut short, of another shape, or of another cache.
    """
    path, arrays = folder / "manifest.json", {}
    try:
        manifest = Manifest(**json.loads(path.read_text(encoding="utf-8")))
        manifest.check(key, finished=mode == "r")
        for name, shape in manifest.shapes.items():
            path = folder / f"{name}.npy"
            np.lib.format.open_memmap(path, "r")  # "r+" alone would fill up with zeros a file that was cut short
            array = arrays[name] = np.lib.format.open_memmap(path, mode)
            if (array.dtype, array.shape) != (DTYPES[name], tuple(shape)):
                raise ValueError(f"{array.dtype} {array.shape} instead of {DTYPES[name]} {tuple(shape)}")
    except Exception as error:  # a damaged file fails in many ways
        raise FeatureError(f"{path} cannot be used ({error}); delete {folder} and run again") from error
    return manifest, arrays


def save_files(folder: Path, manifest: Manifest, arrays: Arrays) -> None:
    """Put the rows that are done on the disk, then say so."""
    for array in arrays.values():
        array.flush()
    # Last, or a loss of power could leave rows counted that were never written.
    write_atomically(folder / "manifest.json", json.dumps(vars(manifest)))


def blank_array(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """A new array on the disk.

    Raises:
        FeatureError: It does not fit, or cannot be written.
    """
    needed, free = prod(shape) * DTYPES[path.stem].itemsize, shutil.disk_usage(path.parent).free
    if free < needed:  # writing to a mapped file on a full disk would kill the process without a message
        raise FeatureError(f"{path} needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; choose another folder")
    try:
        array = np.lib.format.open_memmap(path, "w+", DTYPES[path.stem], shape)
        if hasattr(os, "posix_fallocate"):  # macOS has none
            # Or another program could take the room meanwhile.
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        raise FeatureError(
            f"{path} cannot be written ({error.strerror}); make room, or choose another folder"
        ) from error
    return array


@dataclass(frozen=True, eq=False)
class Features:
    """The features of the readable photographs of one data set under one backbone.

    Attributes:
        image_ids: `(N,)` ids in the order of the rows.
        pooled: `(N, V, C)` float32, memory-mapped and read-only: the last feature map, averaged over its cells.
            View 0 is the photograph; view 1, where asked for, its mirror image.
        maps: `(N, V, C, h, w)` float16, memory-mapped and read-only: the last feature map of each view; or None.
        unreadable: Id → reason for every photograph that has no row.
        key: Sixteen hex digits; other weights, preparation or photographs have another key.
    """

    image_ids: NDArray[np.str_]
    pooled: NDArray[np.float32]
    maps: NDArray[np.float16] | None
    unreadable: dict[str, str]
    key: str

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {image_id: row for row, image_id in enumerate(self.image_ids.tolist())}

    def of(self, image_ids: NDArray[np.str_]) -> NDArray[np.float32]:
        """The pooled features `(M, V, C)` of M ids, in their order, copied into memory.

        Raises:
            FeatureError: An id without features, or features that are not finite; the photographs are named.
        """
        missing = [image_id for image_id in image_ids.tolist() if image_id not in self._rows]
        if missing:
            raise FeatureError(
                f"features {self.key} have no row for {some_of(missing)}; leave out the unreadable photographs, and "
                f"extract the features of ratings that hold the others"
            )
        values = np.asarray(self.pooled[[self._rows[image_id] for image_id in image_ids.tolist()]])
        finite = np.isfinite(values).all(axis=(1, 2))
        if not finite.all():
            raise FeatureError(
                f"features {self.key} of {some_of(image_ids[~finite])} are not finite, so the file was "
                f"damaged; delete its folder and run again"
            )
        return values


def side_by_side(features: Sequence[Features]) -> Features:
    """The features of several backbones as those of one, channel behind channel, of the photographs that all have read.

    Not scaled: total variances are of one order, 192 for tf_efficientnet_lite0 and 563 for mobilenetv2_100 on 200
    photographs of BIQ2021.

    Args:
        features: `(N, V, C)` each, with one V; a single one comes back as it is.
    """
    if len(features) == 1:
        return features[0]
    unreadable = {image_id: reason for one in reversed(features) for image_id, reason in one.unreadable.items()}
    first = features[0].image_ids
    common = first[~np.isin(first, list(unreadable))]
    pooled = np.concatenate([one.of(common) for one in features], axis=-1)
    return Features(common, pooled, None, unreadable, key_of({"side by side": [one.key for one in features]}))


def extract(
    ratings: Ratings,
    network: AestheticNet | FrozenPart,
    description: Mapping[str, Any],
    preparation: Preparation,
    *,
    flip: bool = False,
    maps: bool = False,
    batch_size: int = 32,
    workers: int | None = None,
    precision: str | None = None,
    folder: Path | None = None,
    prepared: Prepared | None = None,
    missing: bool = True,
) -> Features:
    """The features of every readable photograph; computed on first use, read from disk afterwards.

    The network comes back in the mode and on the device it was given in. A killed extraction, called again, goes
    on where it was; a second process that wants the same features waits for the first.

    Args:
        ratings: Any order and any split; they change no feature.
        network: Its heads are not used. Of the frozen part of one, the features are its outputs.
        description: Backbone and preparation, for JSON; part of the key.
        preparation: Without augmentation.
        flip: Compute the features of the mirror images too.
        maps: Keep the feature maps too: h·w/2 times the disk space of the pooled features.
        batch_size: Photographs a step.
        workers: Loader processes; None for one a core but one, at most 8.
        precision: "32-true" or "bf16-mixed"; None for the latter on a GPU that has it, else the former.
        folder: Holds one folder a key; the user's cache folder when None.
        prepared: Holds the photographs, whose files are then not opened.
        missing: Go on without the photographs whose files are not there, as without other unreadable ones.

    Raises:
        FeatureError: Unknown precision, no readable photograph, maps of frames that differ, features that are not
            finite or do not fit on the disk, or a cache whose files were changed afterwards.
        ImageError: A photograph that became unreadable during the extraction, or is missing where none may be.
        PreparedError: Photographs that were not prepared, changed afterwards, or were prepared too small.
    """
    precision = _precision(precision)
    if maps and preparation.aspect == "keep":
        raise FeatureError("images.aspect=keep gives maps of many shapes, which one array cannot hold; leave out maps")
    if prepared is not None:
        prepared.check_size(preparation.size)
        prepared.readable(ratings)  # refuses what has changed, even where its features are in the cache
    ratings = ratings.select(np.argsort(ratings.image_ids))  # or the same table, sorted anew, would miss its cache
    asked = {
        "description": dict(description),
        "size": preparation.size,
        "flip": flip,
        "maps": maps,
        "precision": precision,
    }
    made_of = {"format": FORMAT} | asked | _provenance(ratings, network, prepared)
    key = key_of(made_of)
    home = folder if folder is not None else Path(platformdirs.user_cache_dir("awcu")) / "features"
    cache = home.expanduser().resolve() / f"{_slug(ratings.name)}-{key}"
    if not cache.exists():
        if not missing and prepared is None:
            _refuse_missing(ratings)
        cache.parent.mkdir(parents=True, exist_ok=True)
        workers = min((os.cpu_count() or 1) - 1, 8) if workers is None else workers
        with FileLock(f"{cache}.lock"):
            if not cache.exists():
                work = cache.with_name(f"{cache.name}.partial")
                _Extraction(work, made_of, ratings, network, preparation, batch_size, workers, prepared).run()
                work.rename(cache)
    manifest, arrays = open_files(cache, key, "r")
    return Features(np.array(manifest.image_ids), arrays["pooled"], arrays.get("maps"), manifest.unreadable, key)


def _precision(asked: str | None) -> str:
    if asked is None:
        return "bf16-mixed" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "32-true"
    if asked not in PRECISIONS:
        raise FeatureError(f"precision={asked!r} must be one of {', '.join(PRECISIONS)}")
    return asked


def _provenance(ratings: Ratings, network: AestheticNet | FrozenPart, prepared: Prepared | None) -> dict[str, Any]:
    weights = hashlib.sha256()
    for name, tensor in network.backbone.state_dict().items():
        weights.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # As bytes, since numpy has no bfloat16; flat, since a scalar has no view as bytes.
        weights.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return {
        "weights": weights.hexdigest(),
        "photographs": _photographs(ratings) if prepared is None else f"prepared {prepared.fingerprint}",
        "ratings": ratings.fingerprint,
        # OpenCV itself, whichever of its four packages brought it.
        "packages": {package: metadata.version(package) for package in PACKAGES} | {"opencv": cv2.__version__},
    }


def _photographs(ratings: Ratings) -> str:
    digest = hashlib.sha256()
    for image_id, path in zip(ratings.image_ids, ratings.image_paths, strict=True):
        digest.update(f"{image_id} {_version(path)}\n".encode())
    return digest.hexdigest()


def _version(path: str) -> str:
    try:
        status = Path(path).stat()
    except OSError:
        return "-1 -1"
    return f"{status.st_size} {status.st_mtime_ns}"


def _refuse_missing(ratings: Ratings) -> None:
    gone = [path for path in ratings.image_paths.tolist() if not Path(path).is_file()]
    if gone:
        raise ImageError(
            f"{ratings.name}: {len(gone)} of {len(ratings)} photographs are missing: {some_of(gone)}; put them there, "
            f"or go without them by data.on_unreadable=exclude (the record counts them)"
        )


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-") or "ratings"


@dataclass(frozen=True, eq=False)
class _Extraction:
    """One computation, in a folder of its own until it is whole."""

    work: Path
    made_of: dict[str, Any]
    ratings: Ratings  # in the order of the rows
    network: AestheticNet | FrozenPart
    preparation: Preparation
    batch_size: int
    workers: int
    prepared: Prepared | None

    def run(self) -> None:
        with _serving(self.network) as device:
            try:
                manifest, arrays = open_files(self.work, key_of(self.made_of), "r+")
            except FeatureError:  # nothing is there, or nothing to go on from
                manifest, arrays = self._begin(device)
            try:
                self._fill(manifest, arrays, device)
            finally:
                save_files(self.work, manifest, arrays)

    def _begin(self, device: torch.device) -> tuple[Manifest, Arrays]:
        ids = self.ratings.image_ids.tolist()
        if self.prepared is None:
            faults = {ids[row]: fault for row, fault in unreadable(self.ratings.image_paths).items()}
        else:
            _, faults = self.prepared.readable(self.ratings)
        frames, refused = frames_of(self.ratings, self.preparation, self.prepared)
        faults = {ids[row]: fault for row, fault in refused.items()} | faults
        # By frame, so that the rows of a batch follow one another.
        order = np.lexsort((np.arange(len(ids)), frames[:, 1], frames[:, 0]))
        readable = [ids[row] for row in order if ids[row] not in faults]
        if not readable:
            first = next(iter(faults.values()), "it has none; give ratings with photographs")
            raise FeatureError(f"{self.ratings.name}: none of its {len(ids)} photographs can be read: {first}")
        shapes = {"pooled": [len(readable), 1 + self.made_of["flip"], self.network.channels]}
        if self.made_of["maps"]:
            black = torch.zeros(1, 3, self.made_of["size"], self.made_of["size"], device=device)
            with torch.inference_mode():
                shapes["maps"] = [*shapes["pooled"][:2], *self.network.features(black).shape[1:]]
        if self.work.exists():
            shutil.rmtree(self.work)
        self.work.mkdir()
        arrays = {name: blank_array(self.work / f"{name}.npy", tuple(shape)) for name, shape in shapes.items()}
        manifest = Manifest(key_of(self.made_of), self.made_of, readable, faults, shapes)
        save_files(self.work, manifest, arrays)
        return manifest, arrays

    def _fill(self, manifest: Manifest, arrays: Arrays, device: torch.device) -> None:
        ids, saved = manifest.image_ids, time.monotonic()
        places = {image_id: row for row, image_id in enumerate(self.ratings.image_ids.tolist())}
        waiting = self.ratings.select(np.array([places[image_id] for image_id in ids[manifest.rows_done :]], int))
        frames, _ = frames_of(waiting, self.preparation, self.prepared)
        loader = DataLoader(
            RatingDataset(waiting, self.preparation, prepared=self.prepared),
            batch_sampler=batches_by_frame(frames, self.batch_size),
            num_workers=self.workers,
            pin_memory=device.type == "cuda",
            # Its own, or the caller's random numbers would depend on whether the features were in the cache.
            generator=torch.Generator(),
        )
        console = Console(stderr=True)
        console.print(
            f"Features of {len(waiting)} photographs, computed once, into {self.work.with_suffix('')}", markup=False
        )
        with Progress(console=console) as progress:
            bar = progress.add_task("photographs", total=len(ids), completed=manifest.rows_done)
            for batch in loader:
                rows = slice(manifest.rows_done, manifest.rows_done + len(batch["image"]))
                for name, values in self._seen(batch["image"].to(device), ids[rows]).items():
                    arrays[name][rows] = values
                manifest.rows_done = rows.stop
                progress.update(bar, completed=rows.stop)
                if time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
                    save_files(self.work, manifest, arrays)
                    saved = time.monotonic()

    def _seen(self, images: Tensor, image_ids: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The rows of one batch `(B, 3, S, S)`, all finite."""
        images = images.to(memory_format=torch.channels_last)
        views = [images, images.flip(-1)] if self.made_of["flip"] else [images]
        bf16 = self.made_of["precision"] == "bf16-mixed"
        with torch.inference_mode(), torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
            maps = [self.network.features(view).float() for view in views]
            seen = {"pooled": torch.stack([view.mean((2, 3)) for view in maps], 1)}
            if self.made_of["maps"]:
                seen["maps"] = torch.stack(maps, 1).half()
        for name, values in seen.items():
            finite = values.isfinite().flatten(1).all(1).tolist()
            if not all(finite):
                faulty = [image_id for image_id, fine in zip(image_ids, finite, strict=True) if not fine]
                without = "extract without maps, or train with loader.frozen_outputs=false"
                step = "check the backbone's weights" if name == "pooled" else without
                raise FeatureError(f"the {name} features of {some_of(faulty)} are not finite as {values.dtype}; {step}")
        return {name: values.cpu().numpy() for name, values in seen.items()}


@contextmanager
def _serving(network: AestheticNet | FrozenPart) -> Iterator[torch.device]:
    """The network in evaluation mode on the fastest device; afterwards as it was."""
    modes = {module: module.training for module in network.backbone.modules()}
    home = next(network.backbone.parameters()).device
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        network.backbone.eval()
        network.to(device).to(memory_format=torch.channels_last)
        yield device
    finally:
        network.to(home)
        for module, mode in modes.items():
            module.training = mode
