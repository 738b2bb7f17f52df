"""`awcu maps` and `awcu gallery`: contact sheets of a run's test photographs and of the rendered gallery."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from awcu.inference.predictor import AestheticModel
    from awcu.ratings.ratings import Ratings
    from awcu.ratings.splits import Split


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare both commands."""
    maps = commands.add_parser("maps", help="AesAM and AttAM of test photographs")
    maps.add_argument("run", type=Path, help="folder of a finished run")
    maps.add_argument("--n", type=int, default=6, help="number of photographs, evenly spaced in rating (default: 6)")
    maps.add_argument("--out", type=Path, help="PNG to write (default: maps.png in the run's folder)")
    maps.set_defaults(command=_maps)

    gallery = commands.add_parser("gallery", help="contact sheet of the rendered gallery")
    gallery.add_argument("--n", type=int, default=36, help="number of pictures (default: 36)")
    gallery.add_argument("--seed", type=int, default=0, help="the gallery's seed (default: 0)")
    gallery.add_argument("--out", type=Path, default=Path("gallery.png"), help="PNG to write (default: gallery.png)")
    gallery.set_defaults(command=_gallery)


def load_run(folder: Path, split: "Split" = "test") -> "tuple[AestheticModel, Ratings]":
    """The model of a finished run and its test split, on which it was measured, or another.

    Raises:
        TaskError: The folder holds no finished run.
    """
    from omegaconf import DictConfig, OmegaConf

    from awcu.errors import TaskError
    from awcu.inference.predictor import AestheticModel
    from awcu.training.build import prepared_photographs, read_ratings

    config, record = folder / ".hydra" / "config.yaml", folder / "record.json"
    if not (config.is_file() and record.is_file()):
        raise TaskError(f"{folder} holds no finished run (record.json and .hydra/config.yaml); train one first")
    cfg = OmegaConf.load(config)
    assert isinstance(cfg, DictConfig)
    ratings, _ = read_ratings(cfg, prepared_photographs(cfg))
    return AestheticModel.from_pretrained(folder), ratings.of_split(split)


def _maps(arguments: argparse.Namespace) -> None:
    from awcu.datasets import gallery
    from awcu.models.cam import spread
    from awcu.reports.sheet import contact_sheet

    model, test = load_run(arguments.run)
    rows = spread(test, arguments.n)
    captions = [
        f"rated {test.mean_score[row]:.2f} ({'high' if test.high[row] else 'low'}, midpoint {test.midpoint:g})"
        for row in rows
    ]
    out = arguments.out or arguments.run / "maps.png"
    # Only the rendered gallery knows the causes of its ratings.
    rendered = test.name == "gallery"
    causes = [gallery.truth(test, image_id).cause_map for image_id in test.image_ids[rows]] if rendered else []
    contact_sheet([model.explain(path) for path in test.image_paths[rows]], captions, out, causes=causes)
    print(out)


def _gallery(arguments: argparse.Namespace) -> None:
    from PIL import Image

    from awcu.datasets.gallery import contact_sheet

    Image.fromarray(contact_sheet(arguments.seed, range(arguments.n))).save(arguments.out)
    print(arguments.out)
