"""Arguments of the commands that judge photographs: `awcu score`, `awcu explain` and `awcu crop`."""

import argparse
import gc
import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awcu.images.boxes import Box


def add_parsers(commands: Any) -> None:
    """Add the three subcommands to argparse's subparsers."""
    score = _parser(commands, "score", "score photographs and rank them")
    score.add_argument("--out", type=Path, help="FILE.csv or FILE.jsonl to write (default: print a table)")
    score.add_argument("--batch-size", type=_count, default=32, metavar="N", help="photographs per batch (default: 32)")
    _add_labels(score)
    _add_stars(score)

    explain = _parser(commands, "explain", "show where each photograph's score comes from")
    _add_folder(explain, "explained")
    _add_views(explain)
    explain.add_argument("--attributes", type=_whole, default=3, metavar="N", help="AttAMs shown at most (default: 3)")

    crop = _parser(commands, "crop", "crop each photograph to where its score comes from")
    _add_folder(crop, "crops")
    _add_views(crop)
    crop.add_argument(
        "--aspect",
        type=_list,
        default=["free"],
        metavar="A,…",
        help="such as 1:1, 16:9, original or free (default: free)",
    )
    crop.add_argument(
        "--smallest", type=_share, default=0.5, metavar="S", help="smallest share of each side to keep (default: .5)"
    )
    crop.add_argument(
        "--keep", type=_box, action="append", default=[], metavar="L,T,R,B",
        help="box in pixels of the upright photograph that every crop must contain; repeatable",
    )  # fmt: skip
    crop.add_argument("--top", type=_count, default=1, metavar="K", help="crops of each aspect (default: 1)")
    crop.add_argument("--rescore", action="store_true", help="have the model score the best dozen crops")
    crop.add_argument("--quality", type=_quality, default=95, metavar="Q", help="of JPEG, WebP, AVIF (default: 95)")


def _add_labels(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("labels", "The best share of the photographs gets the first label, and so on.")
    group.add_argument("--label", type=_names, metavar="A,…", help="such as keep,maybe,reject; a column of the list")
    group.add_argument(
        "--share", type=_shares, metavar="S,…",
        help="of all photographs, such as .1,.3: one for each label, or none for the last, which gets the rest",
    )  # fmt: skip
    group.add_argument(
        "--into", type=Path, metavar="FOLDER",
        help="new or empty folder, where each label gets a folder of links; no photograph is moved or deleted",
    )  # fmt: skip


def _add_stars(parser: argparse.ArgumentParser) -> None:
    says = "Stars that photo programs read, never over a rating that is there. Without --write, only shown."
    group = parser.add_argument_group("stars in XMP sidecars", says)
    group.add_argument(
        "--xmp", action="store_true", help="labels are stars, from -1 (rejected) to 5 (default: 5,4,3 for .05,.1,.2)"
    )
    does = group.add_mutually_exclusive_group()
    does.add_argument("--write", action="store_true", help="write the sidecars")
    does.add_argument("--undo", action="store_true", help="take back what awcu has written, and nothing else")
    group.add_argument(
        "--sidecar", choices=["IMG.jpg.xmp", "IMG.xmp"],
        help="name of new sidecars (default: IMG.jpg.xmp, as darktable and digiKam have it; Lightroom has IMG.xmp)",
    )  # fmt: skip


def _parser(commands: Any, name: str, says: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=says, description=says[0].upper() + says[1:] + ".")
    parser.add_argument(
        "photographs",
        nargs="+",
        metavar="PHOTOGRAPH",
        help='files, folders (searched to any depth), or patterns ("**/*.jpg")',
    )
    parser.add_argument(
        "--checkpoint",
        metavar="MODEL",
        help="checkpoint, exported folder, run folder or Hub id (default: a small model for trying the tool)",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: an accelerator if there is one)")
    parser.add_argument("--overwrite", action="store_true", help="replace earlier output")
    parser.set_defaults(command=lambda arguments: _judge(name, arguments))
    return parser


def _judge(name: str, arguments: argparse.Namespace) -> None:
    # Imported late, so that help appears at once; without the collector, which would search torch's objects in vain.
    gc.disable()
    judging = import_module("awcu.commands.judging")
    gc.enable()
    getattr(judging, name)(arguments)


def _add_folder(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path(name), metavar="FOLDER",
        help=f"new or empty folder to write to (default: {name}); photographs inside it are skipped",
    )  # fmt: skip


def _add_views(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--flip", action="store_true", help="average over the mirror image")
    parser.add_argument(
        "--scales",
        type=_scales,
        default=(1.0,),
        metavar="F,…",
        help="average over input sizes, such as 1,1.5 (default: 1)",
    )
    parser.add_argument("--output-stride", type=_count, metavar="PX", help="16 or 8 for finer maps (default: 32)")


def _list(text: str) -> list[str]:
    # Without repeats, or two crops would have the same name.
    return list(dict.fromkeys(part.strip() for part in text.split(",")))


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _shares(text: str) -> tuple[float, ...]:
    # Whether they fit each other is the labels' to say.
    return tuple(_number(part, float, math.isfinite, "a share, such as .1") for part in text.split(","))


def _whole(text: str) -> int:
    return int(_number(text, int, lambda value: value >= 0, "a whole number from 0"))


def _count(text: str) -> int:
    return int(_number(text, int, lambda value: value >= 1, "a whole number from 1"))


def _quality(text: str) -> int:
    return int(_number(text, int, lambda value: 1 <= value <= 100, "a whole number from 1 to 100"))


def _share(text: str) -> float:
    return _number(text, float, lambda value: 0 < value <= 1, "a number above 0 and up to 1")


def _scales(text: str) -> tuple[float, ...]:
    return tuple(
        _number(part, float, lambda value: 0 < value <= 8, "a number above 0 and up to 8") for part in _list(text)
    )


def _box(text: str) -> "Box":
    from awcu.images.boxes import Box

    sides = [int(_number(part, int, lambda value: value >= 0, "pixels from 0")) for part in text.split(",")]
    if len(sides) != 4 or sides[0] >= sides[2] or sides[1] >= sides[3]:
        raise argparse.ArgumentTypeError(f"{text!r} is not a box; give left,top,right,bottom in pixels")
    return Box(*sides)


def _number(text: str, kind: type[int] | type[float], allowed: Callable[[float], bool], rule: str) -> float:
    try:
        value: float = kind(text)
    except ValueError:
        value = float("nan")
    if not allowed(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {rule}")
    return value
