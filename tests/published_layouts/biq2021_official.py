"""BIQ2021: a clone of its repository; the training list has two empty columns more than the test list."""

from pathlib import Path

from published_layouts.pictures import write_picture

LISTS = {"Train (Images and MOS)": (range(1, 29), ",,"), "Test (Images and MOS)": (range(29, 41), "")}


def write(root: Path) -> list[str]:
    """Forty photographs with blanks and brackets in their names, every second one rated high."""
    for name, (numbers, empty) in LISTS.items():
        lines = [f"Image Name,MOS{empty}"]
        for number in numbers:
            high = number % 2 == 1
            photograph = f"ss0{number % 3 + 1} ({number}).jpg"
            lines.append(f"{photograph},{(0.75 if high else 0.25) + number / 1000:.4f}{empty}")
            write_picture(root / "Images" / photograph, high)
        (root / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return ["data.ratings.val=0.3"]
