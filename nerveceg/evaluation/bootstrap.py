"""How far a figure would move with other subjects: 95 % intervals by bootstrap over subjects."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.evaluation.figures import Figures, Sums, figures

RESAMPLES = 2000
CHUNK = 1 << 18
"""Entries of a table of resamples and frames at once."""


class Estimate(NamedTuple):
    """A figure with its 95 % interval; NaN where undefined, the interval also for one subject."""

    value: float
    low: float
    high: float


def draw_subjects(subjects: int, *, seed: int, resamples: int = RESAMPLES) -> NDArray[np.int64]:
    """How often each subject is drawn, int64 [resamples, subjects]; rows sum to `subjects`.

    Frames of one person aren't independent, so a person is drawn with all frames or not at all.
    """
    generator = np.random.default_rng(seed)
    return generator.multinomial(subjects, np.full(subjects, 1 / subjects), size=resamples)


def bootstrap_figures(by_subject: Sums, draws: NDArray[np.int64]) -> Figures:
    """The figures of every resample, float64 [R] each, from sums by subject, [S] each."""
    return figures(Sums(*(draws @ column for column in by_subject)))


def mean_of_resamples(
    column: NDArray[np.float64], subject: NDArray[np.intp], draws: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean over the frames of every resample, float64 [R].

    Args:
        column: float64 [F].
        subject: int [F] in 0 .. S - 1.
        draws: int64 [R, S].
    """
    subjects = draws.shape[1]
    added = np.bincount(subject, weights=column, minlength=subjects)
    frames = np.bincount(subject, minlength=subjects)
    mean: NDArray[np.float64] = (draws @ added) / (draws @ frames)
    return mean


def bootstrap_auroc(
    score: NDArray[np.floating],
    positive: NDArray[np.bool_],
    subject: NDArray[np.intp],
    draws: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Area under the ROC curve of every resample, float64 [R]; NaN where one class is missing.

    The Mann-Whitney form: the share of pairs whose positive frame scores higher, ties half.

    Args:
        score: float [F].
        positive: bool [F].
        subject: int [F] in 0 .. S - 1.
        draws: int64 [R, S].
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    chunks = np.array_split(draws, max(1, len(draws) * len(score) // CHUNK))
    return np.concatenate(
        [_auroc(chunk[:, subject[order]], positive[order], starts) for chunk in chunks]
    )


def estimate(value: float, resampled: NDArray[np.float64], subjects: int) -> Estimate:
    """The value with the middle 95 % of its resamples, those where it is undefined left out."""
    defined = resampled[np.isfinite(resampled)]
    if subjects < 2 or not defined.size:
        return Estimate(float(value), float("nan"), float("nan"))
    low, high = np.quantile(defined, (0.025, 0.975))
    return Estimate(float(value), float(low), float(high))


def _auroc(
    weight: NDArray[np.int64], positive: NDArray[np.bool_], starts: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Weighted area, float64 [R]; weight int64 [R, F] of frames sorted by score, ties at starts."""
    positives = np.add.reduceat(weight * positive, starts, axis=1)
    negatives = np.add.reduceat(weight * ~positive, starts, axis=1)
    below = negatives.cumsum(axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    won = (positives * below).sum(axis=1)
    area: NDArray[np.float64] = np.divide(
        won, pairs, out=np.full(len(won), np.nan), where=pairs > 0
    )
    return area
