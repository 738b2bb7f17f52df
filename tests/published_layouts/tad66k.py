"""TAD66K: lists in merge/, photographs in TAD66K/."""

from pathlib import Path

from published_layouts.pictures import write_picture


def write(root: Path) -> list[str]:
    """Forty photographs, every second one rated high; the lists end without a newline."""
    (root / "merge").mkdir()
    for name, numbers in (("train", range(28)), ("test", range(28, 40))):
        lines = ["image,score"]
        for number in numbers:
            high = number % 2 == 1
            lines.append(f"{1000 + number}theme{number % 3}.jpg,{6.5 + number / 100 if high else 3.5 + number / 100}")
            write_picture(root / "TAD66K" / lines[-1].split(",")[0], high)
        (root / "merge" / f"{name}.csv").write_text("\n".join(lines))
    return ["data.ratings.check_counts=false", "data.ratings.val=0.3"]
