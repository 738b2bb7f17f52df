"""SPAQ: a sheet in Annotations/, photographs in TestImage/; the sheet as .csv, for machines without openpyxl."""

from pathlib import Path

from published_layouts.pictures import write_picture

HEADER = ("Image name", "MOS", "Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness")


def write(root: Path) -> list[str]:
    """Forty photographs, every second one rated high."""
    lines = [",".join(HEADER), *(",".join(map(str, row(number))) for number in range(40))]
    (root / "Annotations").mkdir()
    (root / "Annotations" / "MOS and Image attribute scores.csv").write_text("\n".join(lines) + "\n")
    for number in range(40):
        write_picture(root / "TestImage" / f"{number + 1:05d}.jpg", number % 2 == 1)
    return ["data.ratings.check_counts=false", "data.ratings.val=0.2", "data.ratings.test=0.3"]


def write_sheet(root: Path) -> None:
    """The sheet as distributed in place of the .csv."""
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(HEADER)
    for number in range(40):
        book.active.append(row(number))
    book.save(root / "Annotations" / "MOS and Image attribute scores.xlsx")
    (root / "Annotations" / "MOS and Image attribute scores.csv").unlink()


def row(number: int) -> tuple[str | float, ...]:
    """Name, score and five attributes, of which the fourth is exactly the middle."""
    score = (70.5 if number % 2 else 30.25) + number / 10
    return f"{number + 1:05d}.jpg", round(score, 2), 49.5, 50.5, 80 if number % 2 else 20, 50, 100 - number
