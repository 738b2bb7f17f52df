"""A jury of simulated raters with AVA's published statistics."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

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
