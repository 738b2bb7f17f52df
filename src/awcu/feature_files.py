"""The files of a feature cache: arrays that are mapped into memory, and a manifest that says what they hold."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from awcu.atomic_files import write_atomically

DTYPES: dict[str, np.dtype[Any]] = {"pooled": np.dtype(np.float32), "maps": np.dtype(np.float16)}
Arrays = dict[str, np.memmap[Any, Any]]


class FeatureError(ValueError):
    """A feature cache that cannot be used, or features that cannot be computed."""


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
        """Complain of a manifest that contradicts itself, the key, or what is expected of its progress.

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
        FeatureError: It does not fit.
    """
    needed, free = prod(shape) * DTYPES[path.stem].itemsize, shutil.disk_usage(path.parent).free
    if free < needed:  # writing to a mapped file on a full disk would kill the process without a message
        raise FeatureError(f"{path} needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; choose another folder")
    return np.lib.format.open_memmap(path, "w+", DTYPES[path.stem], shape)
