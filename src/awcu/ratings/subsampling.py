"""Training photographs as another data set might have them: with fewer votes, or with other shares of clear ones."""

from dataclasses import replace

import numpy as np

from awcu.errors import RatingsError
from awcu.ratings.ratings import Ratings

CLEAR = 1.0
"""Rating points from the midpoint at which a photograph counts as clear."""


def with_votes(ratings: Ratings, count: int | None, seed: int) -> Ratings:
    """The same photographs with `count` of each one's own votes, drawn at random without replacement; None for all.

    Raises:
        RatingsError: Only mean scores are known, or a photograph has fewer votes.
    """
    if count is None:
        return ratings
    if ratings.votes is None:
        raise RatingsError(f"{ratings.name} has only mean scores, so votes cannot be drawn; leave probe.votes null")
    fewest = int(ratings.votes.sum(1).argmin())
    if not 0 < count <= ratings.votes[fewest].sum():
        raise RatingsError(
            f"{count} votes a photograph are asked for, but {ratings.image_ids[fewest]} of {ratings.name} has "
            f"{ratings.votes[fewest].sum()}; use 1 to that many, or null for all"
        )
    # In order of the ids, so that the order of the table's rows does not change the draw.
    drawn, rng = np.empty_like(ratings.votes), np.random.default_rng((seed, 2))
    for row in np.argsort(ratings.image_ids):
        drawn[row] = rng.multivariate_hypergeometric(ratings.votes[row], count)
    return replace(ratings, votes=drawn)


def with_clear_share(ratings: Ratings, share: float, size: int, seed: int) -> Ratings:
    """`size` random photographs, of which a share in [0, 1] is clear: at least one rating point from the midpoint.

    High and low keep the shares that they have among all the photographs, and the clear share is the same in both, so
    that nothing else changes with it.

    Raises:
        RatingsError: The share is out of range, or there are too few photographs of some kind.
    """
    if not 0 <= share <= 1:
        raise RatingsError(f"probe.clear_share={share} must be in [0, 1]")
    rng, clear, by_id = np.random.default_rng((seed, 3)), ratings.margin >= CLEAR, np.argsort(ratings.image_ids)
    chosen = []
    for high in (False, True):
        wanted = round(size * (ratings.high == high).mean())
        for is_clear, count in ((True, round(wanted * share)), (False, wanted - round(wanted * share))):
            rows = by_id[((ratings.high == high) & (clear == is_clear))[by_id]]
            if count > len(rows):
                kind = f"{'high' if high else 'low'} and {'clear' if is_clear else 'ambiguous'}"
                raise RatingsError(
                    f"{ratings.name}: probe.clear_share={share} of {size} photographs needs {count} that are {kind}, "
                    f"and there are {len(rows)}; use fewer photographs or another share"
                )
            chosen.append(rng.permutation(rows)[:count])
    return ratings.select(np.sort(np.concatenate(chosen)))
