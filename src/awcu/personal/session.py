"""One sitting of rating: which photograph is shown, what its rating changes, and how it stands."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awcu.errors import ImageError, PersonalError
from awcu.personal.accuracy import Accuracy, accuracy, rated
from awcu.personal.choice import next_photograph
from awcu.personal.head import LinearScore, PersonalHead, fit
from awcu.personal.ratings import Rated, RatingsFile
from awcu.text import counted, some_of

LATEST = "this photograph was rated in another window; this is how it stands"


class StaleError(PersonalError):
    """What is to be rated, skipped or taken back is not what is shown any more."""


class _Past(NamedTuple):
    shown: str  # the photograph
    before: Rated | None  # its row in the file
    rating: int | None  # None for a photograph that was skipped


class Session:
    """Ratings of a folder's photographs, and what is learned from them. Not for several threads at once.

    Args:
        images: `n` paths relative to the folder.
        features: `(n, d)` their pooled features.
        prior: The general model on them, in rating points above the midpoint.
        ratings: The file that ratings are read from and written to.
        look: Called with what is to be shown; raises an `ImageError` if it cannot be.

    Raises:
        PersonalError: The file has ratings, but of none of these photographs.
    """

    def __init__(
        self,
        images: Sequence[str],
        features: NDArray[np.float32],
        prior: LinearScore,
        ratings: RatingsFile,
        look: Callable[[str], object],
    ) -> None:
        self.images, self.features, self.prior, self.ratings = images, features, prior, ratings
        self.step = 0  # grows with whatever changes what is shown
        self.was: int | None = None  # the rating of what is shown, if it was just taken back
        self.faults: dict[str, str] = {}  # photographs that could not be shown, with the reason
        self.head: PersonalHead | None = None
        self.accuracy: Accuracy | None = None
        self._look = look
        self._row = {image: row for row, image in enumerate(images)}
        self._coming: list[str] = []  # after what is shown, the nearest last
        self._past: list[_Past] = []
        self._skipped: set[str] = set()
        self._learned: object = None  # the rows that the head has learned from
        self._check_folder()
        self._given = self._given_before()
        self.shown = self._following()  # the photograph to be rated, None where all are

    @property
    def next(self) -> str | None:
        """What follows what is shown, if that is known already."""
        return self._coming[-1] if self._coming else None

    @property
    def can_undo(self) -> bool:
        """Whether anything was rated or skipped in this sitting."""
        return bool(self._past)

    @property
    def rated(self) -> list[str]:
        """Photographs of the folder that have a rating, in the file's order."""
        return [image for image in self.ratings.rows if image in self._row]

    @property
    def tally(self) -> str:
        """How many were rated, and how many twice."""
        twice = sum(sum(self.ratings.rows[image].counts) > 1 for image in self.rated)
        return f"{counted(len(self.rated), 'photograph')} rated" + (f", {twice:,} of them twice" if twice else "")

    @property
    def fault(self) -> str:
        """Why no model can be made of the ratings; "" if one can."""
        counts = self.ratings.counts_of(self.rated)
        given = [value for value, count in zip(self.ratings.values, counts.sum(0), strict=True) if count]
        if not given:
            return "no photograph is rated"
        return f"all ratings are {given[0]}, which tells no photograph from another" if len(given) == 1 else ""

    def rate(self, step: int, rating: int) -> None:
        """Keep a rating of what is shown, and show the next.

        Raises:
            StaleError: Another step is shown by now.
            PersonalError: The rating is off the scale, or cannot be written; what is shown stays.
        """
        shown = self._at(step)
        if rating not in self.ratings.values:
            raise PersonalError(f"{rating} is not on the scale from 1 to {self.ratings.values[-1]}")
        before = self.ratings.rows.get(shown)
        self.ratings.add(shown, rating)
        self._given.append(self._row[shown])
        self._go_on(_Past(shown, before, rating))

    def skip(self, step: int) -> None:
        """Show the next without a rating; what is skipped does not come again in this sitting.

        Raises:
            StaleError: Another step is shown by now.
        """
        shown = self._at(step)
        self._skipped.add(shown)
        self._go_on(_Past(shown, None, None))

    def undo(self, step: int) -> None:
        """Take back the last rating or skip of this sitting, and show that photograph again.

        Raises:
            StaleError: Another step is shown by now, or there is nothing to take back.
            PersonalError: The file cannot be written; nothing is changed then.
        """
        if step != self.step or not self._past:
            raise StaleError(LATEST if step != self.step else "there is nothing to take back")
        shown, before, rating = self._past[-1]
        if rating is None:
            self._skipped.discard(shown)
        else:
            self.ratings.put(shown, before)
            self._given.pop()
        self._past.pop()
        if self.shown:
            self._coming.append(self.shown)
        self.shown = shown if self._is_there(shown) else self._following()
        self.was = rating if self.shown == shown else None
        self.step += 1

    def prepare(self) -> None:
        """Learn from the ratings so far, and decide what follows what is shown."""
        if self._learned is not self.ratings.rows:
            self._learned = self.ratings.rows
            self.head, self.accuracy = self._learn() if self.rated else (None, None)
        if self.shown and not self._coming:
            following = self._choose()
            self._coming = [following] if following else []

    def _learn(self) -> tuple[PersonalHead, Accuracy]:
        images = self.rated
        values, counts = np.array(self.ratings.values, float), self.ratings.counts_of(images)
        answers = [np.repeat(values, count).tolist() for count in counts]
        mean, weight = rated(answers, width=float(np.ptp(values)))
        features = self.features[[self._row[image] for image in images]]
        head = fit(features, mean - self.ratings.midpoint, self.prior, weight)
        twice = [(one[0], one[1]) for one in answers if len(one) == 2]
        return head, accuracy(mean, head.ordering, self.prior.of(features), twice)

    def _following(self) -> str | None:
        """The next photograph that can be shown."""
        while self._coming:
            following = self._coming.pop()
            if self._is_there(following):
                return following
        self.shown = None
        return self._choose()

    def _choose(self) -> str | None:
        """Ask what comes after what is shown, until it is a photograph that can be."""
        now = [] if self.shown is None else [self._row[self.shown]]
        while True:
            skipped = [self._row[image] for image in {*self._skipped, *self.faults} if image in self._row]
            row = next_photograph(len(self.images), [*self._given, *now], skipped)
            if row is None:
                return None
            if self._is_there(self.images[row]):
                return self.images[row]

    def _given_before(self) -> list[int]:
        """The ratings that the file has, in the order of the first of each photograph: that of others is not kept."""
        times = {image: sum(self.ratings.rows[image].counts) for image in self.rated}
        again = [self._row[image] for image, count in times.items() for _ in range(count - 1)]
        return [*again, *(self._row[image] for image in times)]

    def _go_on(self, past: _Past) -> None:
        self._past.append(past)
        self.shown, self.was = self._following(), None
        self.step += 1

    def _at(self, step: int) -> str:
        if step != self.step or self.shown is None:
            raise StaleError(LATEST)
        return self.shown

    def _is_there(self, image: str) -> bool:
        try:
            self._look(image)
        except ImageError as error:
            self.faults[image] = str(error)
        return image not in self.faults

    def _check_folder(self) -> None:
        if self.ratings.rows and not self.rated:
            raise PersonalError(
                f"{self.ratings.path} has ratings of {some_of(list(self.ratings.rows))}, none of which is in this "
                f"folder; name the folder that they are in, or another --out"
            )
