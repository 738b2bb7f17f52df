"""Strict decoding of photographs: a damaged file raises an error and is never returned in part."""

import io
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from awcu.bounds import MAX_BYTES, MAX_DECODING, MAX_PIXELS, MAX_PROPORTION
from awcu.errors import ImageError
from awcu.text import size

# Garbled EXIF or an odd tag; decoding finds out whether the picture is whole. At import, since workers are processes of
# their own, and last, since what the host process has said of warnings goes first.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.", append=True)

FORMATS = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "WEBP": "WebP",
    "TIFF": "TIFF",
    "GIF": "GIF",
    "BMP": "BMP",
    "HEIF": "HEIC",
    "AVIF": "AVIF",
    "JPEG2000": "JPEG 2000",
}
"""Pillow's names of the formats read, and ours: no others, whose decoders may take minutes or gigabytes."""
BACKGROUND = (255, 255, 255)
"""The colour behind transparent pixels: white, as on paper and in most viewers."""
LARGE = 64_000_000
"""Pixels from which a photograph is shrunk while it is converted, where that is enough: more than data sets have."""
STRIP = 4_000_000
"""Pixels converted at a time."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = {_TURNS[orientation] for orientation in (5, 6, 7, 8)}


JPEG_BLOCK = 512
"""Bytes of a JPEG decoded between two looks at the clock: they hold 16 scans, and one of 60 megapixels takes 0.06 s."""


class Encoded(NamedTuple):
    """An image file held in memory.

    Attributes:
        data: Its bytes.
        name: The name used in messages.
        until: `time.monotonic()` after which nobody waits for it, so that decoding ends.
    """

    data: bytes
    name: str = "photograph"
    until: float = math.inf


class _Timed(io.BufferedReader):
    """A file that cannot be read on once decoding it has taken too long: only between two reads may a decoder stop."""

    def __init__(self, raw: io.RawIOBase, until: float = math.inf) -> None:
        super().__init__(raw)
        self._until, self._enough = until, time.thread_time() + MAX_DECODING

    def read(self, size: int | None = -1, /) -> bytes:
        if time.thread_time() > self._enough:
            raise TimeoutError(f"decoding takes more than {MAX_DECODING} seconds of one core")
        if time.monotonic() > self._until:
            raise TimeoutError("nobody waits for it any more")
        return super().read(size)


@cache
def formats() -> tuple[str, ...]:
    """Pillow's names of those of the `FORMATS` that it reads here: HEIC only if pi_heif is installed."""
    if find_spec("pi_heif"):
        import_module("pi_heif").register_heif_opener()
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@cache
def suffixes() -> frozenset[str]:
    """Lower-case file extensions that `decode` reads."""
    readable = {*formats(), "MPO"}  # which Pillow opens as a JPEG
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in readable)


def decode(path: str | Path, at_least: int | None = None) -> NDArray[np.uint8]:
    """Decode a photograph as `(H, W, 3)` RGB in [0, 255], turned upright by its EXIF orientation.

    Transparent pixels are composited on white, an animation gives its first frame, 16 bits become 8, and a colour
    profile is not applied.

    Args:
        path: A file in one of the `formats`, whatever its name.
        at_least: A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as no side falls below this many
            pixels: the network sees no more, and decoding is several times faster. What is still of more than 64
            megapixels, which takes gigabytes, is averaged in whole blocks of pixels to no less than twice as many.

    Raises:
        ImageError: The file is missing, empty, truncated or not an image, exceeds one of `awcu.bounds` or twice
            `PIL.Image.MAX_IMAGE_PIXELS`, which is the host process's to set, or has floating-point pixels. A truncated
            file is never returned half grey.
    """
    with _refusing(path), _file(path) as file:
        image, _ = _upright(path, file, at_least)
        return _pixels(path, image, at_least)


def read_bytes(path: str | Path) -> bytes:
    """A file's bytes, for `decode_bytes`.

    Raises:
        ImageError: The file is missing, cannot be read, or has more than `MAX_BYTES`.
    """
    with _refusing(path):
        _check_bytes(path, Path(path).stat().st_size)
        return Path(path).read_bytes()


def decode_bytes(
    data: bytes, path: str | Path, at_least: int | None = None, until: float = math.inf
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """As `decode`, but also return the width and height of the upright photograph at full size.

    Args:
        data: The bytes of the file.
        path: The name used in messages.
        at_least: As for `decode`.
        until: As in `Encoded`.

    Raises:
        ImageError: As `decode`.
    """
    with _refusing(path):
        image, full = _upright(path, _memory(data, until), at_least)
        return _pixels(path, image, at_least), full


def upright(photograph: str | Path | Encoded) -> Image.Image:
    """The photograph turned upright, otherwise as in the file: same mode, depth, `format` and `info`.

    Raises:
        ImageError: As `decode`.
    """
    if isinstance(photograph, Encoded):
        with _refusing(photograph.name):
            return _upright(photograph.name, _memory(photograph.data, photograph.until), None)[0]
    with _refusing(photograph), _file(photograph) as file:
        return _upright(photograph, file, None)[0]


def upright_size(path: str | Path) -> tuple[int, int]:
    """Height and width of the upright photograph, from the head of its file.

    Raises:
        ImageError: The file is missing, empty or not an image.
    """
    with head(path) as image:
        width, height = image.size
        return (width, height) if _turn(image) in _QUARTER_TURNS else (height, width)


@contextmanager
def head(path: str | Path) -> Iterator[Image.Image]:
    """The photograph as its file declares it, with `format` and `info`, not decoded; open only inside the block.

    Raises:
        ImageError: The file is missing, empty or not an image, or what is read inside the block is damaged.
    """
    with _refusing(path), _file(path) as file, _opened(path, file) as image:
        yield image


def declared_size(photograph: Encoded) -> tuple[int, int]:
    """Width and height that a file declares, read without decoding and before it is turned upright.

    Raises:
        ImageError: The file is empty or not an image.
    """
    with _refusing(photograph.name), _opened(photograph.name, _memory(photograph.data)) as image:
        return image.size


def declared_format(photograph: Encoded) -> str:
    """Which of the `FORMATS` a file is in.

    Raises:
        ImageError: The file is empty or not an image.
    """
    with _refusing(photograph.name), _opened(photograph.name, _memory(photograph.data)) as image:
        return str(image.format)


@contextmanager
def _refusing(path: str | Path) -> Iterator[None]:
    """Turn any error with the file into an `ImageError` that names it."""
    try:
        yield
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file; check the image folder") from error
    except UnidentifiedImageError as error:
        read = ", ".join(FORMATS[name] for name in formats())
        raise ImageError(
            f"{path}: not an image in a format that is read here ({read}); fetch or save it anew"
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{path}: declares more pixels than Pillow may read here ({error}); shrink it first"
        ) from error
    except Exception as error:
        # Decoders may raise nearly anything on damaged bytes: TypeError, EOFError and RuntimeError have been seen.
        if isinstance(error, OSError) and error.errno:
            raise ImageError(f"{path}: {error.strerror}; check that it is a file you may read") from error
        if isinstance(error, TimeoutError):
            raise ImageError(f"{path}: {error}; save it anew") from error
        reason = str(error) or type(error).__name__
        raise ImageError(f"{path}: damaged or cut short ({reason}); fetch the photograph again") from error


def _upright(path: str | Path, file: _Timed, at_least: int | None) -> tuple[Image.Image, tuple[int, int]]:
    """The image, possibly at reduced scale, and its width and height at full size."""
    with _opened(path, file) as image:
        width, height = image.size
        short, long = sorted(image.size)
        if short * long > MAX_PIXELS:
            raise ImageError(
                f"{path}: declares {image.width}×{image.height} pixels, more than {MAX_PIXELS:,}; shrink it first"
            )
        if long > MAX_PROPORTION * short:
            raise ImageError(
                f"{path}: declares {image.width}×{image.height} pixels, one side more than {MAX_PROPORTION} times the "
                f"other; cut it first"
            )
        if at_least is not None:
            image.draft("RGB", (at_least, at_least))
        if isinstance(image, JpegImageFile):
            image.decodermaxblock = JPEG_BLOCK
        image.load()
        turn = _turn(image)
        if turn is None:
            return image, (width, height)
        turned = image.transpose(turn)
        turned.format = image.format
        return turned, (height, width) if turn in _QUARTER_TURNS else (width, height)


def _file(path: str | Path) -> _Timed:
    return _Timed(Path(path).open("rb", buffering=0))


def _memory(data: bytes, until: float = math.inf) -> _Timed:
    return _Timed(cast(io.RawIOBase, io.BytesIO(data)), until)


def _check_bytes(path: str | Path, held: int) -> None:
    if held > MAX_BYTES:
        raise ImageError(f"{path}: has {size(held)}, more than {size(MAX_BYTES)}; shrink it first")


def _opened(path: str | Path, file: _Timed) -> Image.Image:
    held = file.seek(0, io.SEEK_END)
    if held == 0:
        raise ImageError(f"{path}: zero bytes; fetch the photograph again")
    _check_bytes(path, held)
    file.seek(0)
    # Opened by handle, since by name Pillow 13 maps some TIFFs into memory and garbles those with an orientation.
    return Image.open(file, formats=formats())


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        # Pillow raises whatever its parser stumbles over, and a photograph with garbled EXIF is still a photograph.
        return None
    return _TURNS.get(orientation)


def _pixels(path: str | Path, image: Image.Image, at_least: int | None) -> NDArray[np.uint8]:
    if image.mode == "F":
        raise ImageError(f"{path}: floating-point pixels have no defined white; save it with 8 or 16 bits")
    width, height = image.size
    if width * height <= STRIP:
        return np.asarray(_rgb(image))
    factor = 1 if at_least is None or width * height <= LARGE else max(1, min(image.size) // (2 * at_least))
    pixels = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    # In strips, since Pillow's conversions hold the whole photograph twice more.
    rows = factor * max(1, STRIP // (width * factor))
    for top in range(0, height, rows):
        strip = _rgb(image.crop((0, top, width, min(top + rows, height))))
        pixels[top // factor : (top + rows) // factor] = np.asarray(strip.reduce(factor))
    return pixels


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow's conversion clips 16-bit grey at 255 instead of scaling it.
        image = Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        above, below = image.convert("RGBA"), Image.new("RGB", image.size, BACKGROUND)
        below.paste(above, mask=above)
        return below
    return image.convert("RGB")


def unreadable(paths: Sequence[str] | NDArray[np.str_]) -> dict[int, str]:
    """Row → reason for every photograph that cannot be decoded in full."""
    with ThreadPoolExecutor() as pool:
        faults = pool.map(_fault_of, paths)
        return {row: fault for row, fault in enumerate(faults) if fault}


def _fault_of(path: str) -> str:
    try:
        status = Path(path).stat()
    except OSError:
        return f"{path}: no such file; check the image folder"
    return _fault_of_version(path, status.st_size, status.st_mtime_ns)


@cache
def _fault_of_version(path: str, size: int, modified_ns: int) -> str:
    """Cached by size and modification time, so a sweep in one process decodes each photograph once."""
    try:
        decode(path)
    except ImageError as error:
        return str(error)
    return ""
