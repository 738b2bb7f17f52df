"""AVA with its styles as attributes."""

from pathlib import Path

from published_layouts import ava


def write(root: Path) -> list[str]:
    """The copy of AVA; its styles are learned one a photograph."""
    return ava.write(root)
