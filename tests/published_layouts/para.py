"""PARA: tables in annotation/, photographs in imgs/ by session."""

from pathlib import Path

from published_layouts.pictures import write_picture

TRAIN, TEST = range(1, 31), range(31, 45)
MIDDLE = 2
BINS = ("1.0", "1.5", "2.0", "2.5", "3.0", "3.5", "4.0", "4.5", "5.0")
GRADED = ("quality", "composition", "color", "dof", "light", "content")
HEADER = (
    "sessionId",
    "imageName",
    "semantic",
    *(f"aestheticScore_{score}" for score in BINS),
    "aestheticScore_mean",
    "aestheticScore_std",
    "qualityScore_mean",
    "qualityScore_std",
    *(f"{name}Score_{label}" for name in GRADED[1:] for label in (1, 2, 3, 4, 5, "mean", "std")),
    *(f"isObjectEmphasis_{label}" for label in ("0", "1", "mean", "std")),
)


def write(root: Path) -> list[str]:
    """Forty-four photographs, those of odd numbers rated high, in sessions of ten."""
    (root / "annotation").mkdir()
    for part, numbers in (("Train", TRAIN), ("Test", TEST)):
        lines = [",".join(HEADER), *(",".join(row(number)) for number in numbers)]
        (root / "annotation" / f"PARA-Giaa{part}.csv").write_text("\n".join(lines) + "\n")
        for number in numbers:
            write_picture(root / "imgs" / session(number) / f"iaa_pub{number}_.jpg", number % 2 == 1)
    return ["data.ratings.check_counts=false", "data.ratings.val=0.3"]


def session(number: int) -> str:
    """The folder of a photograph."""
    return f"session{1 + number // 10}"


def row(number: int) -> list[str]:
    """The cells of a photograph; the histogram of one has a mean of exactly 3, as has one of its attributes."""
    counts = [0, 0, 0, 1, 4, 9, 6, 4, 1]
    mean, sd = "3.72", "0.58"
    if number == MIDDLE:
        counts, mean, sd = [0, 1, 2, 5, 9, 5, 2, 1, 0], "3.0", "0.64"
    elif number % 2 == 0:
        counts, mean, sd = counts[::-1], "2.28", "0.58"
    grade = 3 + (0.5 if number % 2 else -0.5)
    cells = [session(number), f"iaa_pub{number}_.jpg", "scene", *map(str, counts), mean, sd]
    cells += ["3.0" if number == MIDDLE else f"{grade}", "0.4"]
    for place in range(1, len(GRADED)):
        cells += ["0", "5", "10", "10", "0", f"{grade if place % 2 else 6 - grade}", "0.7"]
    return [*cells, "5", "20", "0.8", "0.4"]
