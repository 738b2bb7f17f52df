"""Rendered tables inside a README, between markers, so that no number in it is typed by hand."""

from pathlib import Path

from awcu.errors import TableError
from awcu.files import write_atomically


def refresh_block(readme: Path, name: str, markdown: str) -> bool:
    """Put the Markdown between `<!-- table:NAME -->` and `<!-- /table:NAME -->`; whether that changed it.

    Raises:
        TableError: A marker is absent, doubled, or the two are in the wrong order.
    """
    # Bytes, since reading as text would turn the line ends of the whole file into this system's.
    text = readme.read_bytes().decode("utf-8")
    start, end = f"<!-- table:{name} -->", f"<!-- /table:{name} -->"
    for marker in (start, end):
        if text.count(marker) != 1:
            raise TableError(f"{readme} has {marker} {text.count(marker)} times; write it exactly once")
    before, rest = text.split(start)
    if end not in rest:
        raise TableError(f"{readme} has {end} before {start}; swap them")
    fresh = f"{before}{start}\n\n{markdown.strip()}\n\n{end}{rest.split(end)[1]}"
    if fresh == text:
        return False
    write_atomically(readme, fresh)
    return True
