"""The photographs on which models and raters disagree most and least, with their maps."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig, OmegaConf

from awcu.config.hydra import instantiated
from awcu.errors import ConfigurationError, ImageError, ModelError, RatingsError, RecordError, SourceError
from awcu.images.decoding import decode
from awcu.inference.predictor import AestheticModel
from awcu.reports.panels import Panel, fitted, panels
from awcu.runs.predictions import ScoredPhotographs
from awcu.runs.record import RunRecord
from awcu.tables.disagreement import Disagreement, disagreements

LONGEST = 240  # pixels of a picture: two dozen photographs with two maps each stay below a megabyte


class Pictured(NamedTuple):
    """One photograph with its maps.

    Attributes:
        of: How raters and models rank it.
        photograph: None if it cannot be read.
        maps: AesAM and the first AttAM; empty without a model.
        seed: Seed of the model that made the maps.
    """

    of: Disagreement
    photograph: Panel | None
    maps: tuple[Panel, ...]
    seed: int


class Shown(NamedTuple):
    """The photographs of one row.

    Attributes:
        label: The row's label.
        tested: Number of distinct photographs that its models were tested on.
        least: Each photograph shown was tested by at least this many seeds.
        farthest: Photographs that the models rank least like the raters, worst first.
        nearest: Photographs that the models rank most like the raters, best first.
        faults: Reasons why something is not shown, each once.
    """

    label: str
    tested: int
    least: int
    farthest: list[Pictured]
    nearest: list[Pictured]
    faults: list[str]


def show(label: str, runs: Mapping[int, tuple[Path, RunRecord]], n: int) -> Shown:
    """Show the n photographs with the largest and with the smallest disagreement; all if there are fewer than 2 n.

    Args:
        label: The row's label.
        runs: Seed → folder and record of its run.
        n: Photographs at each end, ≥ 0.

    Raises:
        RecordError: A damaged predictions.csv.
    """
    files = {seed: folder / "predictions.csv" for seed, (folder, _) in runs.items()}
    said = {seed: ScoredPhotographs.read(files[seed], runs[seed][1]) for seed in runs if files[seed].is_file()}
    found = disagreements(said)
    if not found:
        return Shown(
            label, 0, 0, [], [], ["No run of this row left a predictions.csv, so no photographs can be shown."]
        )
    tested, least = len(found), 1
    # A disagreement that two models share is less likely to be chance.
    agreed = [one for one in found if len(one.seeds) > 1]
    if len(agreed) >= 2 * n:
        found, least = agreed, 2
    if n == 0:
        return Shown(label, tested, least, [], [], [])
    n = min(n, (len(found) + 1) // 2)
    nearest_of = found[::-1][: min(n, len(found) // 2)]
    studio = _Studio({seed: folder for seed, (folder, _) in runs.items()})
    farthest, nearest = ([studio.picture(one) for one in some] for some in (found[:n], nearest_of))
    return Shown(label, tested, least, farthest, nearest, list(dict.fromkeys(studio.faults)))


class _Studio:
    """Pictures photographs and their maps; loads each model once and notes what is missing.

    Args:
        folders: Seed → folder of its run.
    """

    def __init__(self, folders: Mapping[int, Path]) -> None:
        self.folders = folders
        self.faults: list[str] = []
        self.models: dict[int, AestheticModel | None] = {}
        self.paths = self._paths(next(iter(folders.values())))

    def picture(self, one: Disagreement) -> Pictured:
        """The photograph, and its maps by a model tested on it: one already loaded, else the first."""
        seed = next((seed for seed in one.seeds if seed in self.models), one.seeds[0])
        path = self.paths.get(one.image_id)
        if path is None:
            return Pictured(one, None, (), seed)
        model = self._model(seed)
        try:
            if model is None:
                picture = fitted(decode(path), LONGEST)
                return Pictured(one, Panel("Photograph", one.image_id, picture), (), seed)
            seen = panels(model.explain(path), attributes=1, crop=None, longest=LONGEST)
        except ImageError as error:
            self.faults.append(f"A photograph cannot be read: {error}.")
            return Pictured(one, None, (), seed)
        return Pictured(one, seen.photograph, (seen.evidence, *seen.attributes), seed)

    def _model(self, seed: int) -> AestheticModel | None:
        if seed not in self.models:
            try:
                self.models[seed] = AestheticModel.from_pretrained(self.folders[seed])
            except (ModelError, RecordError) as error:
                self.models[seed] = None
                self.faults.append(f"No maps of seed {seed}: {error}.")
        return self.models[seed]

    def _paths(self, folder: Path) -> Mapping[str, str]:
        """Image id → file; seeds differ only in the split."""
        try:
            cfg = OmegaConf.load(folder / ".hydra" / "config.yaml")
            assert isinstance(cfg, DictConfig)
            ratings = instantiated(cfg.data.ratings)
        except (OSError, ConfigurationError, RatingsError, SourceError) as error:
            self.faults.append(f"No photographs: {error}.")
            return {}
        return dict(zip(ratings.image_ids.tolist(), ratings.image_paths.tolist(), strict=True))
