"""AADB: lists in imgListFiles_label/, nested twice, photographs in datasetImages_originalSize/ and AADB_newtest/."""

from pathlib import Path

from published_layouts.pictures import write_picture

TRAIN, VALIDATION = range(24), range(24, 34)
BOTH = (30, 31)
TEST_NEW = (*range(34, 42), *BOTH)
TEST_OLD = (*range(34, 42), 42, 43)
LABELS = (
    "score",
    "BalacingElements",
    "ColorHarmony",
    "Content",
    "DoF",
    "Light",
    "MotionBlur",
    "Object",
    "Repetition",
    "RuleOfThirds",
    "Symmetry",
    "VividColor",
)
GRADES = ("-0.400", "0.000", "0.200", "1.000", "-0.200")


def write(root: Path) -> list[str]:
    """Forty-four photographs, those of odd numbers rated high; two of TestNew are in Validation, two only in Test."""
    lists = root / "imgListFiles_label" / "imgListFiles_label"
    lists.mkdir(parents=True)
    for part, numbers in (
        ("Train", TRAIN),
        ("Validation", VALIDATION),
        ("Test", TEST_OLD),
        ("TestNew", TEST_NEW),
    ):
        for place, label in enumerate(LABELS):
            lines = [f"{name(number)} {value(number, place)}\n" for number in numbers]
            (lists / f"imgList{part}Regression_{label}.txt").write_text("".join(lines))
    for number in range(44):
        write_picture(root / "datasetImages_originalSize" / name(number), number % 2 == 1)
    for number in TEST_NEW:
        write_picture(root / "AADB_newtest" / f"{value(number, 0)}_{name(number)}", number % 2 == 1)
    return ["data.ratings.check_counts=false"]


def name(number: int) -> str:
    """A photograph's name in the lists."""
    return f"farm1_{250 + number % 5}_{20000000000 + number}_ab{number:02d}_b.jpg"


def value(number: int, place: int) -> str:
    """What the list of a label says: a score, of which that of number 2 is the midpoint, or an attribute."""
    if place == 0:
        return "0.500" if number == 2 else "0.188" if number == 4 else "0.750" if number % 2 else "0.350"
    grade = GRADES[(number + place) % len(GRADES)]
    return grade.removeprefix("-") if LABELS[place] in ("Repetition", "Symmetry") else grade
