"""BIQ2021, cut: mos.csv and images/."""

from pathlib import Path

from published_layouts.pictures import write_picture


def write(root: Path) -> list[str]:
    """Forty photographs, every second one rated high."""
    lines = ["image,mos"]
    for number in range(40):
        high = number % 2 == 1
        lines.append(f"ss0{number % 3 + 1}_{number}.jpg,{(0.75 if high else 0.25) + number / 1000:.4f}")
        write_picture(root / "images" / lines[-1].split(",")[0], high)
    (root / "mos.csv").write_text("\n".join(lines) + "\n")
    return ["data.ratings.val=0.2", "data.ratings.test=0.3"]
