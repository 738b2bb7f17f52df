"""Parquet files on this machine as a source of rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from awcu.datasets.huggingface.rows import Columns, Part, parquet
from awcu.datasets.huggingface.unpacking import TABLE, State
from awcu.datasets.parsing import folder_of
from awcu.errors import SourceError

_WORD = re.compile(r"(?<![A-Za-z])(train(ing)?|val(id(ation)?)?|dev|test(ing)?|eval(uation)?)(?![A-Za-z])")
_SPLITS = {"tr": "train", "va": "validation", "de": "validation", "te": "test", "ev": "test"}


@dataclass(frozen=True)
class ParquetFiles:
    """Parquet files below a folder.

    Attributes:
        root: The folder, which also takes the photographs.
        patterns: Relative to it.
    """

    root: Path
    patterns: tuple[str, ...]

    @classmethod
    def below(cls, root: str | Path | None, patterns: Sequence[str]) -> "ParquetFiles":
        """Files below the folder that a user names.

        Raises:
            SourceError: There is no such folder.
        """
        return cls(folder_of(root, "Parquet files", "").resolve(), tuple(patterns))

    def __str__(self) -> str:
        return f"{self.root} ({', '.join(self.patterns)})"

    @property
    def title(self) -> str:
        """What to call the data set."""
        return self.root.name

    @property
    def home(self) -> Path:
        """Where its photographs are unpacked."""
        return self.root

    def state(self) -> State:
        """The size of each file that is there."""
        return {file: (self.root / file).stat().st_size for file in self._found()}

    def parts(self, columns: Columns) -> list[Part]:
        """A part for each file; the split is the last word for one in its path, as on the Hub.

        Raises:
            SourceError: No files, or one that is no Parquet file or lacks a column.
        """
        found = self._found()
        if not found:
            raise SourceError(f"{self}: no file there matches; check data.root and data.ratings.files")
        return [parquet(self.root / file, _split_of(file), columns, str(self.root / file)) for file in found]

    def notes(self, state: State) -> list[str]:
        """Nothing to say."""
        return []

    def _found(self) -> list[str]:
        found = {file for pattern in self.patterns for file in glob(pattern, root_dir=self.root, recursive=True)}  # noqa: PTH207 (a Path takes no absolute pattern)
        return sorted(file for file in found if not _is_unpacked(self.root / file))


def _is_unpacked(path: Path) -> bool:
    return not path.is_file() or (path.name == TABLE and (path.parent / "images").is_dir())


def _split_of(file: str) -> str:
    words = [found[0] for found in _WORD.finditer(Path(file).as_posix())]
    return _SPLITS[words[-1][:2]] if words else "train"
