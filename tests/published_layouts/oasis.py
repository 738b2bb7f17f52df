"""OASIS beauty: ratings.csv with seven counts a photograph, and images/."""

from pathlib import Path

from published_layouts.pictures import write_picture

CATEGORIES = ("Animal", "Object", "Person", "Scene")


def write(root: Path) -> list[str]:
    """Forty photographs, every second one rated high; one name has blanks, as OASIS's themes do."""
    lines = ["image,category,c1,c2,c3,c4,c5,c6,c7"]
    for number in range(40):
        high = number % 2 == 1
        name = "Ferris wheel 1.jpg" if number == 7 else f"Theme{number}.jpg"
        counts = [2, 3, 5, 10, 30 + number, 40, 20] if high else [20, 40, 30 + number, 10, 5, 3, 2]
        lines.append(",".join([name, CATEGORIES[number // 2 % 4], *map(str, counts)]))
        write_picture(root / "images" / name, high)
    (root / "ratings.csv").write_text("\n".join(lines) + "\n")
    return ["data.ratings.val=0.2", "data.ratings.test=0.3"]
