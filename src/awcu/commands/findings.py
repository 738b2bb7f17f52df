"""What a dry run finds: printed line by line, problems counted."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from awcu.errors import MENDABLE
from awcu.text import size


class Findings:
    """Printed as they come, so that the reader sees what is waited for; what has to be mended is counted."""

    def __init__(self) -> None:
        self.problems = 0

    def say(self, what: str, text: str) -> None:
        """A line."""
        print(f"{what:<12} {text}", flush=True)

    def refuse(self, what: str, text: str) -> None:
        """A line on what would stop or spoil the runs."""
        self.problems += 1
        self.say(what, f"PROBLEM: {text}")

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """One check, whose error does not keep the others from being made."""
        try:
            yield
        except MENDABLE as error:
            self.refuse(what, str(error))


def room(what: str, needed: int, folder: Path, key: str, found: Findings) -> None:
    """Whether so many bytes find room in a folder that may not be there yet; `key` is what to set otherwise."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if needed > free:
        found.refuse(what, f"{size(needed)} needed and {size(free)} free in {folder}; make room, or give another {key}")
    else:
        found.say(what, f"{size(needed)} in {folder}, where {size(free)} are free")
