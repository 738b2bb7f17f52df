"""CUHK-PQ: PhotoQualityDataset/ with two classes of seven categories, and the file that Windows leaves in a folder."""

from pathlib import Path

from published_layouts.pictures import write_picture

CATEGORIES = ("animal", "architecture", "human", "landscape", "night", "plant", "static")


def write(root: Path) -> list[str]:
    """Forty-two photographs, three of each class and category; the same names in both classes."""
    for quality in ("HighQuality", "LowQuality"):
        for category in CATEGORIES:
            for number in range(3):
                write_picture(
                    root / "PhotoQualityDataset" / quality / category / f"{category} ({number}).jpg",
                    quality == "HighQuality",
                )
            (root / "PhotoQualityDataset" / quality / category / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    return ["data.ratings.val=0.2", "data.ratings.test=0.3"]
