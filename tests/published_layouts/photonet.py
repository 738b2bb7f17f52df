"""Photo.net: one list of twelve columns without header, photographs in images/, of which two are gone."""

from pathlib import Path

from published_layouts.pictures import write_picture


def write(root: Path) -> list[str]:
    """Forty photographs, every second one rated high; of every fifth the counts are missing, as 0 or as -1."""
    (root / "photonet_dataset.txt").write_text("\n".join(line(number) for number in range(40)) + "\n")
    for number in range(40):
        if number not in (10, 11):
            write_picture(root / "images" / f"{2190000 + number}.jpg", number % 2 == 1)
    return ["data.ratings.val=0.2", "data.ratings.test=0.3"]


def line(number: int, missing: bool = True) -> str:
    """Of a photograph with ten ratings and one more for each ten before it."""
    counts = [0, 0, 1, 2, 3, 4 + number // 10, 0] if number % 2 else [0, 3, 4 + number // 10, 2, 1, 0, 0]
    total = sum(counts)
    mean = sum(rating * count for rating, count in enumerate(counts, 1)) / total
    if missing and number % 5 == 0:
        counts = [-1 if number % 2 else 0] * 7
    return f"{number + 1} {2190000 + number} {total} {mean:.4f} 1.0541 {' '.join(map(str, counts))}"
