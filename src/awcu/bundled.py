"""The two small models that come with the package: the same recipe on rendered scenes, with and without weighting."""

from pathlib import Path

_FOLDER = Path(__file__).parent / "models"
WEIGHTED, UNIFORM = _FOLDER / "weighted", _FOLDER / "uniform"
