"""`awcu export`: a finished run as a self-contained folder."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from awcu.models.reference import Reference


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("export", help="a trained model as a self-contained folder: weights, settings, card")
    parser.add_argument("run", type=Path, help="folder of a finished run, or a .ckpt, which gives a shorter model card")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--onnx", action="store_true", help="write model.onnx too (needs the extra awcu[onnx])")
    parser.add_argument(
        "--reasons",
        action="store_true",
        help="look at the run's validation photographs again, so that awcu explain can give reasons",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an exported folder")
    parser.add_argument("--push", metavar="USER/NAME", help="upload the folder to the Hugging Face Hub")
    parser.add_argument("--private", action="store_true", help="make a repository that --push creates private")
    parser.set_defaults(command=_export)


def _export(arguments: argparse.Namespace) -> None:
    from awcu.models.card import usage
    from awcu.models.pretrained import upload

    # The name only: the folders above it mean nothing on another machine.
    source = arguments.push or arguments.out.resolve().name
    export(arguments.run, arguments.out, source, arguments.onnx, arguments.overwrite, arguments.reasons)
    for line in listing(arguments.out):
        print(line)
    if arguments.push:
        print(upload(arguments.out, arguments.push, arguments.private))
    print(f"\n{usage(arguments.push or str(arguments.out))}")


def export(
    run: Path, out: Path, source: str, onnx: bool = False, overwrite: bool = False, reasons: bool = False
) -> None:
    """Write the model of a run or a checkpoint into a folder, completely or not at all.

    Args:
        run: Folder of a finished run, or a .ckpt.
        out: The folder to write.
        source: Where the model card loads the model from: the folder's name, or user/name.
        onnx: Write model.onnx too.
        overwrite: Replace an exported folder.
        reasons: Measure what is usual of the run's validation photographs, which `awcu.inference.reasons` needs.

    Raises:
        ModelError: `run` is damaged or neither of these, or a .ckpt where reasons are wanted; `out` exists, or the
            network cannot be exported as ONNX.
        RecordError: The run's record.json is damaged.
    """
    from awcu.errors import ModelError
    from awcu.models.card import RunFacts, model_card
    from awcu.models.pretrained import ONNX, load, new_folder, write

    finished = (run / "record.json").is_file()
    if not finished and run.suffix != ".ckpt":
        raise ModelError(f"{run} is neither the folder of a finished run (record.json) nor a .ckpt; train one first")
    if reasons and not finished:
        raise ModelError(
            f"{run} does not say which photographs it was validated on; give the run's folder, or no --reasons"
        )
    with new_folder(out, overwrite) as folder:
        facts = RunFacts.read(run) if finished else None
        config, state = load(run)
        if reasons:
            config = replace(config, reference=_with_usual(run))
        if onnx:
            from awcu.inference.onnx import export as export_onnx
            from awcu.inference.predictor import AestheticModel

            net = config.build_network()
            net.load_state_dict(state)
            export_onnx(AestheticModel(config, net, "cpu"), folder / ONNX)
        write(folder, config, state, model_card(config, source, facts, onnx))


def _with_usual(run: Path) -> "Reference | None":
    """The run's reference with what is usual of its validation photographs."""
    from awcu.commands.maps import load_run
    from awcu.images.decoding import decode
    from awcu.inference.reasons import usual_of

    model, validated = load_run(run, "val")
    reference = model.config.reference
    photographs = (decode(path) for path in validated.image_paths.tolist())
    return reference and replace(reference, usual=usual_of(photographs, model.scores))


def listing(folder: Path) -> list[str]:
    """One line per file, with its size; 1 kB is 1,000 bytes."""
    from awcu.text import size

    sizes = {str(path): size(path.stat().st_size) for path in sorted(folder.iterdir())}
    width = max(map(len, sizes))
    return [f"{name:<{width}}  {text:>9}" for name, text in sizes.items()]
