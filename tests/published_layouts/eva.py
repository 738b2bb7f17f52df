"""EVA: votes in data/, separated by equals signs, photographs in images/EVA_together/."""

from pathlib import Path

from published_layouts.pictures import write_picture

IDS = (71, 106, *range(300, 338))
UNFILTERED = 953619
MIDDLE = 106
HEADER = "image_id=user_id=score=difficulty=visual=composition=quality=semantic"


def write(root: Path) -> list[str]:
    """Forty photographs, those of odd ids rated high, and one without filtered votes."""
    (root / "data").mkdir()
    filtered, cast = [f"{HEADER}=vote_time=1=2=3=4"], [f"{HEADER}=factor=device=vote_time"]
    for place, photograph in enumerate((*IDS, UNFILTERED)):
        for user, score in enumerate(scores(photograph)):
            visual, semantic = (3, 2 + user % 2) if photograph % 2 else (2, 1 + user % 2)
            vote = f"{photograph}=E{136 + user}={score}=3={visual}={1 + place % 4}={4 - user % 2}={semantic}"
            cast.append(f'{vote}="1,2"=Chrome 71.0=12.5')
            if photograph != UNFILTERED:
                filtered.append(f"{vote}=12.5=1=0=0=1")
        write_picture(root / "images" / "EVA_together" / f"{photograph}.jpg", photograph % 2 == 1)
    (root / "data" / "votes_filtered.csv").write_text("\n".join(filtered) + "\n")
    (root / "data" / "votes.csv").write_text("\n".join(cast) + "\n")
    categories = ['"image_id","sort"', *(f'"{photograph}","{1 + photograph % 6}"' for photograph in IDS)]
    (root / "data" / "image_content_category.csv").write_text("\n".join(categories) + "\n", encoding="utf-8-sig")
    return ["data.ratings.check_counts=false", "data.ratings.val=0.25", "data.ratings.test=0.3"]


def scores(photograph: int) -> tuple[int, ...]:
    """Four votes for a photograph; one has a mean of exactly 5."""
    if photograph == MIDDLE:
        return 0, 10, 5, 5
    return (6, 7, 7, 9) if photograph % 2 else (2, 4, 4, 3)
