"""Simulated ratings for real photographs, to vary what real data cannot: the number of votes and unseen context."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from awcu.errors import SimulationError
from awcu.ratings.ratings import Floats, Ratings

MIDPOINT = 5.0
RIDGE = 300.0  # about what cross-validation picks on real scores


def simulate(ratings: Ratings, features: NDArray[np.float32], votes: int, context: float, seed: int = 0) -> Ratings:
    """The same photographs and split with simulated votes on AVA's scale.

    A photograph's quality is `√(1 − context) · visible + √context · unseen`, both of unit variance. The visible part is
    linear in the features, in the direction that predicts the real mean scores (ridge regression on all of them). The
    unseen part is drawn from a normal distribution and stands for what raters respond to but no pixel shows. Votes come
    from the gallery's rater model, with AVA's mean and spread.

    Args:
        ratings: N real photographs with real scores.
        features: `(N, C)`.
        votes: Number of votes per photograph, ≥ 1.
        context: Share of the variance of quality that is unseen, in [0, 1].
        seed: Seed of the unseen part and the votes. The unseen part does not depend on the number of votes.

    Raises:
        SimulationError: The number of votes or the share is out of range, or all features are the same.
    """
    if votes < 1:
        raise SimulationError(f"simulate.votes={votes} must be ≥ 1; null leaves the real ratings")
    if not 0 <= context <= 1:
        raise SimulationError(f"simulate.context={context} is a share of variance; give one in [0, 1]")
    unseen = np.random.default_rng((seed, 0)).standard_normal(len(ratings))
    quality = np.sqrt(1 - context) * _visible(ratings, features) + np.sqrt(context) * unseen
    chances = [rating_probabilities(MEAN_SCORE + SD_OF_MEANS * one, RATER_SD) for one in quality]
    counts = np.random.default_rng((seed, 1)).multinomial(votes, chances)
    return replace(
        ratings,
        name=f"{ratings.name}, simulated ratings",
        scale=SCALE.astype(np.float64),
        midpoint=MIDPOINT,
        votes=counts,
    )


def _visible(ratings: Ratings, features: NDArray[np.float32]) -> Floats:
    """`(N,)` the real mean score as predicted from the features, standardised."""
    centred = features.astype(np.float64) - features.mean(0)
    target = ratings.mean_score - ratings.mean_score.mean()
    # The dual form, since there may be fewer photographs than channels.
    dual = np.linalg.solve(centred @ centred.T + RIDGE * np.eye(len(centred)), target)
    visible = centred @ (centred.T @ dual)
    if visible.std() == 0:
        raise SimulationError(f"{ratings.name}: the features do not predict the scores at all; use another backbone")
    return np.asarray((visible - visible.mean()) / visible.std())


SCALE = np.arange(1, 11)
# Published statistics of AVA (a random sample of 25,551 photographs); nothing below is fitted to a training result.
MEAN_SCORE = 5.38
SD_OF_MEANS = 0.73
RATER_SD = 1.40  # rounding to whole ratings adds 1/12 of variance, which gives AVA's 1.43 within a photograph
RATER_SD_SPREAD = 0.14  # photographs differ in how far raters agree: AVA's within-image sd varies by 14 %
VOTES_LOG_MEAN, VOTES_LOG_SD = 5.304, 0.284  # mean and sd of the log of the votes per photograph; mean count 210
VOTES_MIN, VOTES_MAX = 80, 549


def rating_probabilities(quality: float, rater_sd: float) -> NDArray[np.float64]:
    """Probability of each rating 1..10, shape (10,), for raters who see `quality` plus normal noise.

    Opinions are rounded at the half points; the two outer ratings take the tails.
    """
    cuts = ndtr((SCALE[:-1] + 0.5 - quality) / rater_sd)
    return np.diff(np.concatenate([[0.0], cuts, [1.0]]))


def draw_votes(rng: np.random.Generator, quality: float) -> NDArray[np.int64]:
    """Counts of the ratings 1..10, shape (10,), of a photograph of latent `quality` in rating points."""
    count = int(np.clip(np.rint(rng.lognormal(VOTES_LOG_MEAN, VOTES_LOG_SD)), VOTES_MIN, VOTES_MAX))
    rater_sd = RATER_SD * float(np.exp(rng.normal(0.0, RATER_SD_SPREAD)))
    return rng.multinomial(count, rating_probabilities(quality, rater_sd)).astype(np.int64)
