"""BAID: a clone of its repository, with three lists in dataset/ and the pictures in images/."""

from pathlib import Path

from published_layouts.pictures import write_picture

LISTS = {"train_set": range(24), "val_set": range(24, 32), "test_set": range(32, 40)}


def write(root: Path) -> list[str]:
    """Forty artworks, every second one scored high; six places after the point, in the test list four."""
    (root / "dataset").mkdir()
    for name, numbers in LISTS.items():
        lines = ["image,score"]
        for number in numbers:
            high = number % 2 == 1
            score = (8.5 if high else 3.5) + number / 1000
            lines.append(f"{11000 + number}.jpg,{score:.{4 if name == 'test_set' else 6}f}")
            write_picture(root / "images" / f"{11000 + number}.jpg", high)
        (root / "dataset" / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return []
