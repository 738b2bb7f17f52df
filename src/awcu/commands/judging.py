"""`awcu score`, `awcu explain` and `awcu crop`: photographs in, rows and pictures out."""

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from awcu.commands.labelling import check_targets, given, keep_labels, labels_of, undo
from awcu.errors import CropError, ImageError, PredictError
from awcu.files import write_atomically
from awcu.images.decoding import upright
from awcu.images.discovery import distinct_names, find, read_ahead
from awcu.inference.crop import Proposal, parse_aspect
from awcu.inference.crop_file import cut
from awcu.inference.explanation import Explanation, Verdict
from awcu.inference.wording import heading, reasons
from awcu.models.purpose import purpose
from awcu.reports.rows import (
    LABEL,
    SUFFIXES,
    VERDICT,
    Row,
    Rows,
    attribute_columns,
    table,
    text_of,
    verdict_row,
    visible,
)
from awcu.text import counted

if TYPE_CHECKING:
    from awcu.inference.predictor import AestheticModel

T = TypeVar("T")

TOLD = 5  # photographs whose reasons a terminal shows
PROPOSAL = ("crop", "aspect", "number", "left", "top", "right", "bottom", "kept", "worth")


def score(arguments: argparse.Namespace) -> None:
    """Score the photographs and rank them."""
    out: Path | None = arguments.out
    labels = labels_of(arguments)
    photographs = _found(arguments, None)
    if arguments.undo:
        undo(photographs)
        return
    if out is not None:
        check_file(out, arguments.overwrite)
    check_targets(arguments, photographs)
    model = load_model(arguments)
    reference = model.config.reference
    size: int = arguments.batch_size
    columns = ["path", *VERDICT, *([LABEL] if labels else []), *attribute_columns(model.config.attribute_names)]
    rows = Rows(out, [*columns, "error"], label=given(labels, arguments.xmp))
    with _each("scoring", photographs, model.prepare, 2 * size, rows) as prepared:
        while batch := list(islice(prepared, size)):
            verdicts = _verdicts(model, [image for _, image in batch])
            for (path, _), verdict in zip(batch, verdicts, strict=True):
                rows.add(verdict_row(path, verdict, reference))
    if out is not None or not (arguments.xmp or arguments.into):
        _show(rows, model, own=arguments.checkpoint is None)
    left_alone = keep_labels(arguments, photographs, rows)
    _end(rows, len(photographs))
    if left_alone:
        raise SystemExit(f"awcu: {counted(left_alone, 'photograph')} left alone, see above; all others are done")


def _verdicts(model: "AestheticModel", images: list[torch.Tensor]) -> list[Verdict]:
    try:
        return model.verdicts(images)
    except torch.OutOfMemoryError as error:
        raise PredictError(
            f"{model.device} has no memory for {len(images)} photographs at once; lower --batch-size"
        ) from error


def _show(rows: Rows, model: "AestheticModel", own: bool) -> None:
    """Print the file's name, or the rows: as a table on a terminal, as CSV in a pipe."""
    if rows.path is not None:
        print(rows.path)
    elif sys.stdout.isatty():
        config = model.config
        # The note on the package's own model has said what it is for.
        says = "" if own else purpose(config.trained_on).model
        Console().print(table(rows.rows, config.attribute_names, config.reference, model.objective, says))
    else:
        sys.stdout.write(rows.text(".csv"))


def explain(arguments: argparse.Namespace) -> None:
    """Write the sheet of each photograph, as a picture and as a page."""
    # Here, since matplotlib takes half a second to import.
    from awcu.reports.sheet import Sheet

    photographs = _found(arguments, arguments.out)
    _check_folder(arguments.out, arguments.overwrite)
    model = load_model(arguments)
    names = dict(zip(photographs, distinct_names(photographs), strict=True))
    columns = [
        "path",
        "picture",
        "page",
        *VERDICT,
        "reasons",
        *attribute_columns(model.config.attribute_names),
        "error",
    ]
    rows = Rows(arguments.out / "explanations.csv", columns)

    def explained(path: Path) -> Explanation:
        return model.explain(path, arguments.flip, arguments.scales)

    # The next photograph is explained while this one is drawn.
    with _each("explaining", photographs, explained, 2, rows) as explanations:
        for path, explanation in explanations:
            row = verdict_row(path, explanation.verdict, explanation.reference)
            row["reasons"] = " ".join(reasons(explanation))
            if sys.stdout.isatty() and len(photographs) <= TOLD:
                print(*told(visible(path.name), explanation), "", sep="\n")
            sheet = Sheet(explanation, visible(path.name), arguments.attributes)
            for column, ending in (("picture", ".png"), ("page", ".html")):
                file = _with_ending(names[path], ending)
                sheet.save(arguments.out / file)
                row[column] = text_of(file)
            rows.add(row)
    print(rows.path)
    _end(rows, len(photographs))


def told(name: str, explanation: Explanation) -> list[str]:
    """One photograph's verdict and reasons, a line each."""
    words = heading(explanation)
    return [f"{name}: {words.level}, {words.verdict}", *(f"  {reason}" for reason in reasons(explanation))]


def crop(arguments: argparse.Namespace) -> None:
    """Cut the photographs."""
    for aspect in arguments.aspect:
        parse_aspect(aspect, (1, 1))
    photographs = _found(arguments, arguments.out)
    _check_folder(arguments.out, arguments.overwrite)
    model = load_model(arguments)
    names = dict(zip(photographs, distinct_names(photographs), strict=True))
    rows = Rows(arguments.out / "crops.csv", ["path", *PROPOSAL, "error"])

    def cropped(path: Path) -> list[Row]:
        return _crop_one(model, path, names[path], arguments)

    with _each("cropping", photographs, cropped, os.cpu_count() or 1, rows) as found:
        for _, crops in found:
            for row in crops:
                rows.add(row)
    print(rows.path)
    whole = {row["path"] for row in rows.rows if row.get("number") == 1 and row["kept"] == 1}
    if whole:
        what = f"{len(whole):,} of {counted(len(photographs), 'photograph')}"
        print(f"awcu: {what} left whole: no crop is worth more to the model", file=sys.stderr)
    _end(rows, len(photographs))


def _crop_one(model: "AestheticModel", path: Path, name: Path, arguments: argparse.Namespace) -> list[Row]:
    """Write the crops of one photograph, and return a row for each."""
    proposed = _proposals(model, path, arguments)
    photograph = upright(path)
    rows = []
    for aspect, number, (box, worth) in proposed:
        several = "_" + aspect.replace(":", "x") if len(arguments.aspect) > 1 else ""
        content, ending = cut(photograph, box, arguments.quality)
        file = _with_ending(name, several + (f"_{number}" if arguments.top > 1 else "") + ending)
        write_atomically(arguments.out / file, content)
        kept = box.width * box.height / (photograph.width * photograph.height)
        values = (text_of(file), aspect, number, *box, round(kept, 4), round(worth, 6))
        rows.append({"path": text_of(path), **dict(zip(PROPOSAL, values, strict=True))})
    return rows


def _proposals(model: "AestheticModel", path: Path, arguments: argparse.Namespace) -> list[tuple[str, int, Proposal]]:
    """Aspect, number from 1, and crop, all found before any is written."""
    from awcu.inference.predictor import CANDIDATES

    explanation = model.explain(path, arguments.flip, arguments.scales)
    height, width = explanation.photograph.shape[:2]
    most = CANDIDATES if arguments.rescore else arguments.top
    found: list[tuple[str, int, Proposal]] = []
    for aspect in arguments.aspect:
        try:
            sought = parse_aspect(aspect, (height, width))
            proposals = explanation.crops(sought, arguments.smallest, arguments.keep, most)
        except CropError as error:
            raise ImageError(f"{path}: {error}") from error
        if arguments.rescore:
            proposals = model.rescore(explanation.photograph, proposals)[: arguments.top]
        found += [(aspect, number, proposal) for number, proposal in enumerate(proposals, 1)]
    return found


def _found(arguments: argparse.Namespace, out: Path | None) -> list[Path]:
    """The photographs, except those in the output folder."""
    found = find(arguments.photographs)
    left = found if out is None else [path for path in found if out.resolve() not in path.resolve().parents]
    if not left:
        raise PredictError(f"{out}: all photographs lie in it, and none is overwritten; choose another --out")
    return left


def load_model(arguments: argparse.Namespace) -> "AestheticModel":
    """The model of --checkpoint on --device; says what the package's own is for, where it is taken."""
    # Here, since timm takes seconds to import: what is wrong with the arguments has been said by now.
    from awcu.inference.predictor import AestheticModel
    from awcu.models.pretrained import BUNDLED

    # Names in other scripts are drawn as boxes.
    warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from font")
    try:
        if arguments.device is not None:
            torch.zeros(1, device=arguments.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split("\n")[0]
        raise PredictError(f"--device {arguments.device} is not there ({reason}); leave it out or give cpu") from error
    source = arguments.checkpoint or BUNDLED
    model = AestheticModel.from_pretrained(source, arguments.device, getattr(arguments, "output_stride", None))
    if arguments.checkpoint is None:
        print(f"awcu: {purpose(model.config.trained_on).model} --checkpoint MODEL takes another.", file=sys.stderr)
    return model


def check_file(out: Path, overwrite: bool, suffixes: Sequence[str] = SUFFIXES, option: str = "--out") -> None:
    """Refuse a file that could not be written, before minutes are spent on it."""
    if out.suffix not in suffixes:
        raise PredictError(f"{out}: the ending says how to write; give one in {' or '.join(suffixes)}")
    if out.is_dir():
        raise PredictError(f"{out}: a folder; give the name of a file")
    if out.exists() and not overwrite:
        raise PredictError(f"{out}: is there already; add --overwrite or choose another {option}")
    require_writable(out.parent, option)


def _check_folder(out: Path, overwrite: bool) -> None:
    require_writable(out)
    if not overwrite and any(out.iterdir()):
        raise PredictError(f"{out}: holds something already; add --overwrite or choose another --out")


def require_writable(folder: Path, option: str = "--out") -> None:
    """Make the folder and try to write, before minutes are spent on what could not be kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise PredictError(f"{folder}: cannot be written to ({error.strerror}); choose another {option}") from error


def _with_ending(name: Path, ending: str) -> Path:
    return name.with_name(name.name + ending)


def progress_bar(doing: str, total: int) -> Progress:
    """A bar with one task, where somebody sees it."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    progress = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    progress.add_task(doing, total=total)
    return progress


@contextmanager
def _each(
    doing: str, photographs: Sequence[Path], work: Callable[[Path], T], ahead: int, rows: Rows
) -> Iterator[Iterator[tuple[Path, T]]]:
    """What `work` makes of each photograph; the rows are kept whatever happens, and a bar shows how far it is.

    A photograph that fails becomes a row with its error.
    """
    progress = progress_bar(doing, len(photographs))
    try:
        with rows, progress, closing(read_ahead(photographs, work, ahead)) as results:
            yield _successes(results, rows, progress)
    except KeyboardInterrupt:
        kept = f"; {rows.partial} holds what was done" if rows.partial and rows.rows else ""
        print(f"awcu: interrupted after {len(rows.rows)} of {len(photographs)}{kept}", file=sys.stderr)
        raise SystemExit(130) from None


def _successes(
    results: Iterable[tuple[Path, T | ImageError]], rows: Rows, progress: Progress
) -> Iterator[tuple[Path, T]]:
    for path, result in results:
        progress.advance(progress.task_ids[0])
        if isinstance(result, ImageError):
            said = text_of(str(result))
            progress.console.print(visible(f"awcu: {said}"), markup=False, highlight=False, soft_wrap=True)
            rows.add({"path": text_of(path), "error": said})
        else:
            yield path, result


def _end(rows: Rows, total: int) -> None:
    failed = sum("error" in row for row in rows.rows)
    if failed:
        raise SystemExit(f"awcu: {failed} of {total} photographs failed, see above; all others are done")
