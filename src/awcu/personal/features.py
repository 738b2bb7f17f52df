"""The pooled features of a person's photographs under a model, kept in the user's cache folder."""

import hashlib
import io
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from torch import Tensor

from awcu.errors import FeatureError, ImageError
from awcu.files import write_atomically
from awcu.images.discovery import read_ahead
from awcu.inference.predictor import AestheticModel

FORMAT = 1  # part of the model's fingerprint: raise it whenever the same photograph would have other features
PACKAGES = ("timm", "albumentations", "pillow")  # another version may give other features
SECONDS_BETWEEN_SAVES = 10.0  # of work that a kill loses

Row = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PooledFeatures:
    """The features of the readable photographs of a folder under one model.

    Attributes:
        paths: N photographs in the order of the rows.
        pooled: `(N, d)` float32, the last feature map averaged over its cells: what the model's heads see.
        unreadable: Path → reason for every photograph that has no row.
    """

    paths: tuple[Path, ...]
    pooled: NDArray[np.float32]
    unreadable: dict[Path, str]


def pooled_features(
    model: AestheticModel,
    photographs: Sequence[Path],
    folder: Path | None = None,
    batch_size: int = 32,
    seen: Callable[[int, int], None] = lambda done, of: None,
) -> PooledFeatures:
    """The features of every readable photograph; computed on first sight, read from disk afterwards.

    A photograph is known by its path, size and time of change, so that new ones cost only themselves. A computation
    that was killed goes on where it was; two at once do no harm to each other.

    Args:
        model: Its heads are not used.
        photographs: Paths.
        folder: Holds a folder a model; the user's cache folder when None.
        batch_size: Photographs a step.
        seen: Called with how many are done, of how many.

    Raises:
        FeatureError: No photograph can be read, or the features are not finite.
    """
    home = folder if folder is not None else Path(platformdirs.user_cache_dir("awcu")) / "personal"
    cache = home.expanduser().resolve() / fingerprint(model)
    identities = {path: _identity(path) for path in photographs}
    rows = _read(cache)
    waiting = [path for path, identity in identities.items() if identity not in rows]
    done = len(identities) - len(waiting)
    seen(done, len(identities))
    unreadable: dict[Path, str] = {}
    fresh: dict[str, Row] = {}
    saved = time.monotonic()
    try:
        for path, row in _computed(model, waiting, batch_size):
            if isinstance(row, ImageError):
                unreadable[path] = str(row)
            else:
                fresh[identities[path]] = row
            done += 1
            seen(done, len(identities))
            if time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
                _save(cache, fresh)
                rows, fresh, saved = rows | fresh, {}, time.monotonic()
    finally:
        _save(cache, fresh)
    rows |= fresh
    paths = tuple(path for path in identities if path not in unreadable)
    if not paths:
        first = next(iter(unreadable.values()), "there is none; name a folder that holds some")
        raise FeatureError(f"none of {len(identities)} photographs can be read: {first}")
    return PooledFeatures(paths, np.stack([rows[identities[path]] for path in paths]), unreadable)


def fingerprint(model: AestheticModel) -> str:
    """Sixteen hex digits of a hash of all that a model's features are made of: weights, preparation, packages."""
    versions = {name: metadata.version(name) for name in PACKAGES} | {"opencv": cv2.__version__}
    made_of = [FORMAT, dict(model.config.network), dict(model.config.preparation), versions]
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode())
    for name, tensor in model.net.backbone.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # As bytes, since numpy has no bfloat16; flat, since a scalar has no view as bytes.
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def _identity(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:  # reading it will say why
        return f"{path.resolve()} gone"
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"


def _computed(
    model: AestheticModel, photographs: Sequence[Path], batch_size: int
) -> Iterator[tuple[Path, Row | ImageError]]:
    """Rows as they are ready, photographs of one shape together."""
    waiting: dict[torch.Size, list[tuple[Path, Tensor]]] = {}
    for path, image in read_ahead(photographs, model.prepare, ahead=batch_size):
        if isinstance(image, ImageError):
            yield path, image
            continue
        batch = waiting.setdefault(image.shape, [])
        batch.append((path, image))
        if len(batch) == batch_size:
            yield from _rows(model, waiting.pop(image.shape))
    for batch in waiting.values():
        yield from _rows(model, batch)


@torch.inference_mode()
def _rows(model: AestheticModel, batch: list[tuple[Path, Tensor]]) -> Iterator[tuple[Path, Row]]:
    images = torch.stack([image for _, image in batch]).to(model.device, memory_format=torch.channels_last)
    pooled = model.net.features(images).float().mean((2, 3)).cpu().numpy()
    for (path, _), row in zip(batch, pooled, strict=True):
        if not np.isfinite(row).all():
            raise FeatureError(f"{path}: the model's features are not finite; take another model")
        yield path, row


def _read(cache: Path) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for part in sorted(cache.glob("*.npz")):
        try:
            # Opened here, since numpy leaves a damaged file open.
            with part.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                rows |= zip(stored["identities"].tolist(), stored["pooled"], strict=True)
        # A part that is damaged is computed again.
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            part.unlink(missing_ok=True)
    return rows


def _save(cache: Path, rows: Mapping[str, Row]) -> None:
    if not rows:
        return
    content = io.BytesIO()
    np.savez(content, identities=np.array(list(rows)), pooled=np.stack(list(rows.values())))
    # A name of its own, so that two processes do not overwrite each other's.
    write_atomically(cache / f"{uuid.uuid4().hex}.npz", content.getvalue())
