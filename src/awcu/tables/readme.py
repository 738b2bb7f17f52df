"""Insert rendered tables into a README, between markers, so that no number is typed by hand."""

from pathlib import Path

from awcu.errors import TableError
from awcu.files import write_atomically


def refresh_block(readme: Path, name: str, markdown: str) -> bool:
    """Put the Markdown between `<!-- table:NAME -->` and `<!-- /table:NAME -->`; return whether the file changed.

    Raises:
        TableError: A marker is missing or occurs twice, or the two are in the wrong order.
    """
    # Read bytes: reading text would convert the whole file's line endings to this system's.
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
