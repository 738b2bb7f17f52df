"""What `awcu score` does with labels: stars in XMP sidecars, and folders of links."""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from awcu.errors import LabelError, XmpError
from awcu.files import link
from awcu.images.sidecar import STYLES, Plan, apply, plan, take_back
from awcu.inference.labels import Labels
from awcu.reports.rows import LABEL, Rows, text_of, visible
from awcu.text import counted

STARS = ("5", "4", "3"), (0.05, 0.1, 0.2)
"""Labels of `--xmp` and their shares, unless others are asked for: two of three photographs get no stars."""


def labels_of(arguments: argparse.Namespace) -> Labels | None:
    """The labels asked for; None for none.

    Raises:
        LabelError: They do not fit each other, or an option is without the one that it goes with.
    """
    for option, needs in (("write", "xmp"), ("undo", "xmp"), ("sidecar", "xmp"), ("into", "label")):
        if getattr(arguments, option) and not getattr(arguments, needs):
            raise LabelError(f"--{option} goes with --{needs}; add it")
    if arguments.undo and (arguments.label or arguments.share or arguments.out):
        raise LabelError("--undo scores nothing; leave out --label, --share, --into and --out")
    names, shares = arguments.label, arguments.share
    if arguments.xmp and not names:
        names, shares = STARS[0], shares or STARS[1]
    if not names and not shares:
        return None
    if not names or not shares:
        raise LabelError("--label and --share go together; give both, such as --label keep,maybe,reject --share .1,.3")
    labels = Labels(names, shares)
    if arguments.xmp:
        _ = labels.stars
    if arguments.into:
        for name in names:
            if Path(name).name != name or name == "..":
                raise LabelError(f"the label {name!r} cannot name a folder; take out what makes it a path")
    return labels


def check_targets(arguments: argparse.Namespace, photographs: Sequence[Path]) -> None:
    """Refuse what could not be written, before minutes are spent on it.

    Raises:
        LabelError: The folder for links holds something, or a folder for sidecars cannot be written to.
    """
    check_into(arguments.into)
    for folder in sorted({path.parent for path in photographs}) if arguments.write else []:
        check_writable(folder, "its photographs' sidecars would lie in it; leave it out, or --write")


def check_into(folder: Path | None) -> None:
    """Refuse a folder for links that holds something.

    Raises:
        LabelError: It does, or is a file.
    """
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LabelError(f"{folder}: is there already and holds something; choose a new or empty folder --into")


def check_writable(folder: Path, otherwise: str) -> None:
    """Try to write into a folder.

    Raises:
        LabelError: It cannot be.
    """
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise LabelError(f"{folder}: cannot be written to ({error.strerror}); {otherwise}") from error


def given(labels: Labels | None, as_stars: bool) -> Callable[[Sequence[float]], Sequence[str | int | None]] | None:
    """What gives photographs their labels by the scores of all; stars as numbers."""
    if labels is None:
        return None
    if not as_stars:
        return labels.given
    stars = labels.stars
    return lambda scores: [None if name is None else stars[name] for name in labels.given(scores)]


def keep_labels(arguments: argparse.Namespace, photographs: Sequence[Path], rows: Rows) -> int:
    """Show or write the stars, and link the photographs; how many photographs were left alone for a fault."""
    by_text = {text_of(path): path for path in photographs}
    labels = {by_text[row["path"]]: row.get(LABEL) for row in rows.rows if "rank" in row}
    if arguments.into is not None:
        link_into(arguments.into, {path: str(label) for path, label in labels.items() if label is not None})
    if not arguments.xmp:
        return 0
    found = plan(labels, arguments.sidecar or STYLES[0])
    if arguments.write:
        _write(found)
    for reason in found.faults.values():
        print(visible(f"awcu: {text_of(reason)}"), file=sys.stderr)
    Console().print(stars_table(found, labels))
    print(_says(found, arguments.write))
    return len(found.faults)


def link_into(folder: Path, places: Mapping[Path, str]) -> None:
    """Link each photograph into a folder of this name; folders below the photographs' common one are kept."""
    absolute = {path: Path(os.path.abspath(path)) for path in places}  # noqa: PTH100 (links are names of their own)
    common = os.path.commonpath([path.parent for path in absolute.values()]) if absolute else ""
    hard = [link(path, folder / place / absolute[path].relative_to(common)) for path, place in places.items()]
    print(f"{folder}: {counted(len(hard), 'link')}; the photographs stay where they are")
    if not all(hard):
        says = f"awcu: {folder} takes no hard links to them, so these are symbolic: leave the photographs in place"
        print(says, file=sys.stderr)


def undo(photographs: Sequence[Path]) -> None:
    """Take back what awcu wrote into the photographs' sidecars, and say how many there were."""
    changed, faults = 0, 0
    for photograph in photographs:
        try:
            changed += len(take_back(photograph))
        except (XmpError, OSError) as error:
            faults += 1
            print(visible(f"awcu: {text_of(str(error))}"), file=sys.stderr)
    print(f"Stars taken back from {counted(changed, 'sidecar')} of {counted(len(photographs), 'photograph')}.")
    if faults:
        raise SystemExit(f"awcu: {counted(faults, 'photograph')} left alone, see above; all others are done")


def _write(found: Plan) -> None:
    for change in list(found.changes):
        try:
            apply(change)
        except (XmpError, OSError) as error:
            found.changes.remove(change)
            found.faults[change.photograph] = str(error)


def stars_table(found: Plan, stars: Mapping[Path, int | None]) -> Table:
    """How many photographs have which stars by their rank, and what becomes of them."""
    written = Counter(change.stars for change in found.changes)
    rated, kept, alone = (Counter(stars[path] for path in part) for part in (found.rated, found.kept, found.faults))
    table = Table(box=None, pad_edge=False)
    for name in ("stars", "photographs", "to write", "as before", "rated already", "left alone"):
        table.add_column(name, justify="right")
    for one in sorted(set(stars.values()), key=lambda one: -9 if one is None else one, reverse=True):
        counts = (Counter(stars.values()), written, kept, rated, alone)
        name = "none" if one is None else str(one).replace("-", "−")
        table.add_row(name, *(f"{count[one]:,}" if count[one] else "–" for count in counts))
    return table


def _says(found: Plan, wrote: bool) -> str:
    sidecars = counted(len(found.changes), "sidecar")
    if not found.changes:
        return "Nothing to write." if not wrote else "Nothing was to be written."
    if wrote:
        return f"{sidecars} written; --xmp --undo takes them back."
    return visible(f"{sidecars} to write, such as {text_of(found.changes[0].sidecar)}; --write writes them.")
