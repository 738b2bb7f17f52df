"""KonIQ-10k: both lists, one with names in quotes and counts, one with shares, and the photographs in 1024x768/."""

from pathlib import Path

from published_layouts.pictures import write_picture

SETS = {"training": range(20), "validation": range(20, 30), "test": range(30, 40)}
COLUMNS = ("image_name", "c1", "c2", "c3", "c4", "c5", "c_total", "MOS", "SD")


def write(root: Path) -> list[str]:
    """Forty photographs, every second one rated high; MOS is from 1 to 5 in one list and from 0 to 100 in the other."""
    scores = [",".join(f'"{name}"' for name in (*COLUMNS, "MOS_zscore"))]
    sets = [",".join((*COLUMNS, "set"))]
    for kind, numbers in SETS.items():
        for number in numbers:
            name = f"{10004473376 + number}.jpg"
            votes = counts(number)
            total = sum(votes)
            mean = sum(rating * count for rating, count in enumerate(votes, 1)) / total
            scores.append(f'"{name}",{",".join(map(str, votes))},{total},{mean:.14f},0.6,{25 * mean - 25:.13f}')
            shares = ",".join(f"{count / total:.12g}" for count in votes)
            sets.append(f"{name},{shares},{total},{25 * mean - 25:.12g},0.6,{kind}")
            write_picture(root / "1024x768" / name, number % 2 == 1)
    (root / "koniq10k_scores_and_distributions.csv").write_text("\n".join(scores) + "\n")
    (root / "metadata").mkdir()
    (root / "metadata" / "koniq10k_distributions_sets.csv").write_text("\n".join(sets) + "\n")
    return ["data.ratings.check_counts=false"]


def counts(number: int) -> list[int]:
    """About a hundred votes, for a photograph of odd number mostly 4 and 5."""
    votes = [0, 5, 20, 60 + number, 15]
    return votes if number % 2 else votes[::-1]
