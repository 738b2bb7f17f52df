"""Which photograph a person is asked about next: at random, and one in ten a second time.

Of four rules for what teaches most, none was clearly better than chance (experiments/personal), and what is said of
accuracy would count only photographs asked about at random.
"""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

AGAIN = 0.1  # of all askings are of a photograph rated before
APART = 8  # ratings at least between the two


def next_photograph(n: int, rated: Sequence[int], skipped: Collection[int] = (), seed: int = 0) -> int | None:
    """The row of the photograph to ask about next; None where all are rated or skipped.

    It depends on its arguments alone, so that a restart goes on alike.

    Args:
        n: Photographs.
        rated: Their rows in [0, n), one for every rating given, in that order; one asked again is in it twice.
        skipped: Rows not to ask about.
        seed: Of the person.
    """
    random = np.random.default_rng((seed, len(rated)))
    kind, place = random.random(), random.random()
    times = Counter(rated)
    old = [row for row in rated[: max(0, len(rated) - APART + 1)] if times[row] == 1 and row not in skipped]
    if old and kind < AGAIN:
        return old[int(place * len(old))]
    new = np.setdiff1d(np.arange(n), [*times, *skipped])
    return int(new[int(place * len(new))]) if len(new) else None
