"""A rating data set: photographs, the votes or mean score each received, and a split."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awcu.errors import RatingsError
from awcu.ratings.splits import SPLITS, Split

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ratings:
    """A rating-distribution data set in memory, with one row per photograph.

    All scores are in rating points. The set checks itself when built, and every error names the photographs.

    Attributes:
        name: Data set name, as printed in tables.
        image_ids: `(N,)` unique names.
        image_paths: `(N,)` paths of the photographs.
        scale: `(K,)` rating values, ascending. Without votes, its ends bound the mean score.
        midpoint: A photograph is high iff its mean score is greater; exactly the midpoint is low.
        mean_score: `(N,)`; computed from the votes if there are any.
        split: `(N,)` of "train", "val", "test".
        votes: `(N, K)` counts per rating value, or None if only mean scores are known.
        vote_sd: `(N,)` standard deviation of one photograph's ratings; nan if unknown.
        vote_count: `(N,)` number of ratings; nan if unknown.
        attributes: `(N, A)` 0 or 1; nan = unlabelled.
        attribute_names: The A names.
        origin: The data set that the ids come from: sets of the same origin share ids. Defaults to `name`.
        notes: What users of the data should know, one sentence each, for example what the reader left out.

    Raises:
        RatingsError: Arrays differ in length, an id repeats, a vote is negative or fractional, a row has no votes, a
            score is outside the scale, a split is unknown, or an attribute is not 0, 1 or nan.
    """

    name: str
    image_ids: NDArray[np.str_]
    image_paths: NDArray[np.str_]
    scale: Floats
    midpoint: float
    mean_score: Floats
    split: NDArray[np.str_]
    votes: NDArray[np.int64] | None = None
    vote_sd: Floats = field(default_factory=lambda: np.empty(0))
    vote_count: Floats = field(default_factory=lambda: np.empty(0))
    attributes: Floats = field(default_factory=lambda: np.empty((0, 0)))
    attribute_names: tuple[str, ...] = ()
    origin: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.image_ids)
        object.__setattr__(self, "origin", self.origin or self.name)
        if self.votes is not None:
            self._check_votes(self.votes)
            self._set_vote_moments(self.votes)
        unknown = np.full(n, np.nan)
        for name in ("vote_sd", "vote_count"):
            if len(getattr(self, name)) == 0:
                object.__setattr__(self, name, unknown)
        if self.attributes.size == 0 and not self.attribute_names:
            object.__setattr__(self, "attributes", np.empty((n, 0)))
        self._check_shapes()
        self._check_values()

    def __len__(self) -> int:
        return len(self.image_ids)

    @cached_property
    def margin(self) -> Floats:
        """`(N,)` |mean score − midpoint| in rating points: how unambiguous the label is."""
        return np.abs(self.mean_score - self.midpoint)

    @cached_property
    def high(self) -> NDArray[np.bool_]:
        """`(N,)` whether the mean score is above the midpoint.

        With votes the sign is that of `Σ votes · (scale − midpoint)`, which is exact in floating point for scales in
        halves or quarters of a point. So a mean of exactly the midpoint is low, whatever the rounding.
        """
        if self.votes is None:
            return self.mean_score > self.midpoint
        return self.votes @ (self.scale - self.midpoint) > 0

    @cached_property
    def has_scores(self) -> bool:
        """Whether the mean scores say more than low or high."""
        return self.votes is not None or len(np.unique(self.mean_score)) > 2

    @cached_property
    def rating_distribution(self) -> Floats | None:
        """`(N, K)` share of each rating value, or None without votes."""
        return None if self.votes is None else self.votes / self.votes.sum(axis=1, keepdims=True)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits of a hash of ids, scores, votes, attributes and midpoint in id order, without the split."""
        order = np.argsort(self.image_ids)
        digest = hashlib.sha256(f"{self.midpoint}|{self.attribute_names}".encode())
        scores = self.mean_score if self.votes is None else self.votes
        digest.update("\n".join(self.image_ids[order]).encode())
        known = (self.vote_sd, self.vote_count) if self.votes is None else ()
        for array in (self.scale, *(column[order] for column in (scores, self.attributes, *known))):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:12]

    @cached_property
    def photograph_keys(self) -> NDArray[np.uint64]:
        """`(N,)` hashes of origin and id, which identify photographs across data sets."""
        digests = (hashlib.sha256(f"{self.origin}\n{image_id}".encode()).digest()[:8] for image_id in self.image_ids)
        return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)

    @cached_property
    def split_fingerprint(self) -> str:
        """Twelve hex digits of a hash of each id's split, in id order."""
        order = np.argsort(self.image_ids)
        pairs = "\n".join(f"{i} {s}" for i, s in zip(self.image_ids[order], self.split[order], strict=True))
        return hashlib.sha256(pairs.encode()).hexdigest()[:12]

    def select(self, rows: NDArray[Any]) -> "Ratings":
        """The data set with only these rows (a boolean mask or indices)."""
        arrays = ("image_ids", "image_paths", "mean_score", "split", "vote_sd", "vote_count", "attributes")
        chosen: dict[str, Any] = {name: getattr(self, name)[rows] for name in arrays}
        return replace(self, **chosen, votes=None if self.votes is None else self.votes[rows])

    def subset(self, size: int | None, seed: int) -> "Ratings":
        """`size` random photographs, None for all; with the same seed, a larger subset contains the smaller ones.

        Raises:
            RatingsError: There are fewer than `size` photographs.
        """
        if size is None:
            return self
        if not 0 < size <= len(self):
            raise RatingsError(
                f"{size} photographs are asked for, but {self.name} has {len(self)} here; use 1 to {len(self)}, "
                f"or null for all"
            )
        # In id order, so that the order of the table's rows does not change the sample.
        by_id = np.argsort(self.image_ids)
        return self.select(np.sort(by_id[np.random.default_rng((seed, 1)).permutation(len(self))[:size]]))

    def with_train(self, size: int | None, seed: int) -> "Ratings":
        """The data set with a `subset` of its training split.

        Raises:
            RatingsError: The training split has fewer than `size` photographs.
        """
        kept = self.of_split("train").subset(size, seed).image_ids
        return self.select((self.split != "train") | np.isin(self.image_ids, kept))

    def of_split(self, split: Split) -> "Ratings":
        """The rows of one split.

        Raises:
            RatingsError: The split has no photographs or only one class.
        """
        part = self.select(self.split == split)
        if len(part) == 0:
            raise RatingsError(
                f"{self.name}: the {split} split has no photographs; name them in the split column or "
                f"give the split a larger fraction"
            )
        if part.high.all() or not part.high.any():
            only = "high" if part.high.any() else "low"
            raise RatingsError(
                f"{self.name}: all {len(part)} photographs of the {split} split are {only} (midpoint "
                f"{self.midpoint:g}); both classes are needed: check the midpoint, or use more photographs"
            )
        return part

    def _named(self, faulty: NDArray[np.bool_]) -> str:
        """The first few ids of a boolean mask, for an error message."""
        ids = self.image_ids[faulty]
        return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")

    def _check_votes(self, votes: NDArray[Any]) -> None:
        if votes.shape != (len(self), len(self.scale)):
            raise RatingsError(
                f"{self.name}: votes have shape {votes.shape}, expected ({len(self)}, {len(self.scale)}): "
                f"one row per photograph, one column per rating value"
            )
        with np.errstate(invalid="ignore"):
            faults = {
                "a negative or missing vote count": (~(votes >= 0)).any(axis=1),
                "an infinite vote count": np.isinf(votes).any(axis=1),
                "a fractional vote count": (votes != np.floor(votes)).any(axis=1),
                "no votes at all": votes.sum(axis=1) == 0,
            }
        for what, faulty in faults.items():
            if faulty.any():
                raise RatingsError(
                    f"{self.name}: {what} for {self._named(faulty)}; votes are whole counts ≥ 0 with at "
                    f"least one per photograph: correct or remove these rows"
                )

    def _set_vote_moments(self, votes: NDArray[Any]) -> None:
        count = votes.sum(axis=1).astype(np.float64)
        mean = votes @ self.scale / count
        variance = votes @ self.scale**2 / count - mean**2
        moments = {"mean_score": mean, "vote_count": count, "vote_sd": np.sqrt(np.maximum(variance, 0))}
        for name, values in (moments | {"votes": votes.astype(np.int64)}).items():
            object.__setattr__(self, name, values)

    def _check_shapes(self) -> None:
        n = len(self)
        for name in ("image_paths", "mean_score", "split", "vote_sd", "vote_count", "attributes"):
            if len(getattr(self, name)) != n:
                raise RatingsError(
                    f"{self.name}: {name} has {len(getattr(self, name))} rows for {n} ids; every array "
                    f"needs one row per photograph"
                )
        if self.attributes.shape != (n, len(self.attribute_names)):
            raise RatingsError(
                f"{self.name}: attributes have shape {self.attributes.shape} for "
                f"{len(self.attribute_names)} names; give one column per name"
            )
        if len(set(self.attribute_names)) < len(self.attribute_names):
            raise RatingsError(
                f"{self.name}: attribute names {', '.join(self.attribute_names)} repeat; rename a column or its values"
            )
        if len(self.scale) < 2 or (np.diff(self.scale) <= 0).any():
            raise RatingsError(f"{self.name}: scale {self.scale.tolist()} must ascend over at least 2 values")
        if not self.scale[0] < self.midpoint < self.scale[-1]:
            raise RatingsError(
                f"{self.name}: midpoint {self.midpoint:g} must lie inside the scale "
                f"[{self.scale[0]:g}, {self.scale[-1]:g}]"
            )

    def _check_values(self) -> None:
        ids, counts = np.unique(self.image_ids, return_counts=True)
        if (counts > 1).any():
            repeated = np.isin(self.image_ids, ids[counts > 1])
            raise RatingsError(
                f"{self.name}: ids that appear more than once: {self._named(repeated)}; keep one row each"
            )
        outside = ~((self.mean_score >= self.scale[0]) & (self.mean_score <= self.scale[-1]))
        if outside.any():
            raise RatingsError(
                f"{self.name}: mean score missing or outside the scale [{self.scale[0]:g}, "
                f"{self.scale[-1]:g}] for {self._named(outside)}; correct the rows or the scale"
            )
        for name, impossible in (("vote_sd", self.vote_sd < 0), ("vote_count", self.vote_count <= 0)):
            if impossible.any():
                raise RatingsError(
                    f"{self.name}: {name} of {self._named(impossible)} is not possible; a standard deviation is ≥ 0 "
                    f"and a count > 0: correct the rows, or leave the cell empty where it is unknown"
                )
        strange = ~np.isin(self.split, SPLITS)
        if strange.any():
            raise RatingsError(
                f"{self.name}: split {str(self.split[strange][0])!r} of {self._named(strange)} is none of "
                f"{', '.join(SPLITS)}; rename it"
            )
        wrong = ~(np.isnan(self.attributes) | (self.attributes == 0) | (self.attributes == 1))
        if wrong.any():
            raise RatingsError(
                f"{self.name}: attributes of {self._named(wrong.any(axis=1))} are neither 0, 1 nor empty "
                f"(unlabelled); binarise them first"
            )
