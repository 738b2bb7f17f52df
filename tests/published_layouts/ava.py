"""AVA: AVA.txt, the authors' lists of aesthetics and styles, ILGNet's lists, photographs in images/."""

from pathlib import Path

from published_layouts.pictures import write_picture

TRAIN = (*range(1001, 1045), 371434)
TEST = tuple(range(2001, 2017))
EMPTY = 371434
UNRATED = 999999
MIDDLE = 1002
CATEGORIES = ("animal", "architecture", "cityscape", "floral", "fooddrink", "landscape", "portrait", "stilllife")
STYLES = (
    *("Complementary_Colors", "Duotones", "HDR", "Image_Grain", "Light_On_White", "Long_Exposure", "Macro"),
    *("Motion_Blur", "Negative_Image", "Rule_of_Thirds", "Shallow_DOF", "Silhouettes", "Soft_Focus", "Vanishing_Point"),
)
STYLE_TRAIN = {**{1001 + place: place + 1 for place in range(14)}, 2001: 1, 2002: 3}
STYLE_TEST = {1031: {1}, 1032: {2, 14}, 1033: {3}, 1034: {4, 5, 6}, 1035: {7}, 2003: set(), 2004: {1, 8}, 2005: {9}}
ILGNET_TEST = (*range(1001, 1007), *range(2001, 2007))
UNLISTED = 1044


def write(root: Path) -> list[str]:
    """Sixty-one photographs, those of odd ids rated high; one of them an empty file, one listed id not rated at all."""
    lines = []
    for place, photograph in enumerate(sorted(TRAIN + TEST, key=lambda number: number % 7), 1):
        lines.append(f"{place} {photograph} {votes(photograph)} {place % 3} 0 {1390 + place % 9}")
        write_picture(root / "images" / f"{photograph}.jpg", high(photograph))
    (root / "images" / f"{EMPTY}.jpg").write_bytes(b"")
    (root / "AVA.txt").write_text("\n".join(lines) + "\n")
    _write_aesthetic_lists(root / "aesthetics_image_lists")
    _write_style_lists(root / "style_image_lists")
    (root / "AVA1").mkdir()
    for name, test in (("train", False), ("val", True)):
        ids = [number for number in TRAIN + TEST if (number in ILGNET_TEST) == test and number != UNLISTED]
        # As ILGNet's, without a last newline.
        (root / "AVA1" / f"{name}.txt").write_text("\n".join(f"{number}.jpg {int(high(number))}" for number in ids))
    return ["data.ratings.check_counts=false", "data.ratings.val=0.3"]


def high(photograph: int) -> bool:
    """Whether a photograph is rated above 5."""
    return photograph % 2 == 1


def votes(photograph: int) -> str:
    """The ten counts of a photograph; one has a mean of exactly 5."""
    if photograph == MIDDLE:
        return "0 0 0 10 20 10 0 0 0 0"
    counts = [0, 1, 4, 20, 30 + photograph % 5, 10, 3, 1, 0, 0]
    return " ".join(map(str, reversed(counts) if high(photograph) else counts))


def _write_aesthetic_lists(folder: Path) -> None:
    folder.mkdir()
    lists = {"generic_test": (*TEST, UNRATED), "generic_ls_train": TRAIN[:30], "generic_ss_train": TRAIN[:8]}
    for place, category in enumerate(CATEGORIES):
        lists[f"{category}_train"] = TRAIN[4 * place :][:4]
        lists[f"{category}_test"] = TEST[2 * place :][:2]
    lists["animal_test"] += (UNRATED,)
    for name, ids in lists.items():
        (folder / f"{name}.jpgl").write_text("".join(f"{number}\n" for number in ids))


def _write_style_lists(folder: Path) -> None:
    folder.mkdir()
    (folder / "styles.txt").write_text("".join(f"{number} {name}\n" for number, name in enumerate(STYLES, 1)))
    for name, lines in (
        ("train.jpgl", STYLE_TRAIN),
        ("train.lab", STYLE_TRAIN.values()),
        ("test.jpgl", STYLE_TEST),
        ("test.multilab", (" ".join(str(int(n in has)) for n in range(1, 15)) for has in STYLE_TEST.values())),
    ):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
