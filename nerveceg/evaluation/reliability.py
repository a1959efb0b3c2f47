"""Whether presence is honest: likelihood, calibration error, slope, and the reliability diagram."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from nerveceg.evaluation.bootstrap import Estimate, estimate, mean_of_resamples

BINS = 15
CHUNK = 1 << 18
# The smallest step of float32 below 1: a presence nearer to 0 or 1 would cost an infinite surprise.
MARGIN = float(np.finfo(np.float32).eps)
STEPS, TOLERANCE = 30, 1e-9
Float = NDArray[np.float64]


class Bin(NamedTuple):
    """A bin of the reliability diagram: frames of about equal presence."""

    presence: float
    """mean presence"""
    share: float
    """share of frames that show the nerve"""
    frames: int


class Reliability(NamedTuple):
    """How far presence can be read as a probability; each figure over all frames."""

    nll: Estimate
    """mean negative log-likelihood, nats"""
    brier: Estimate
    """mean squared error"""
    ece: Estimate
    """mean gap between presence and share over bins; chance alone lifts it above 0"""
    slope: Estimate
    """of the logistic regression of presence's logit: below 1 presence is too sure of itself"""
    intercept: Estimate
    """of the same regression: above 0 presence is too low where it says one half"""
    bins: tuple[Bin, ...]


def judge_presence(
    presence: NDArray[np.floating],
    present: NDArray[np.bool_],
    subject: NDArray[np.intp],
    draws: NDArray[np.int64],
) -> Reliability:
    """The figures of calibrated presence, with intervals by bootstrap over subjects.

    Slope and intercept are NaN where the frames are of one class, or presence parts them.

    Args:
        presence: float [F] in [0, 1].
        present: bool [F].
        subject: int [F] in 0 .. S - 1.
        draws: int64 [R, S], of `draw_subjects`.
    """
    exact = presence.astype(np.float64)
    inner = np.clip(exact, MARGIN, 1 - MARGIN)
    loss = -np.log(np.where(present, inner, 1 - inner))
    everyone = np.ones((1, draws.shape[1]), dtype=np.int64)
    part = _bin_of(exact)

    def judge(column: Float) -> Estimate:
        values, resampled = (
            mean_of_resamples(column, subject, times) for times in (everyone, draws)
        )
        return estimate(float(values[0]), resampled, draws.shape[1])

    gaps = [_gap(exact - present, part, subject, times) for times in (everyone, draws)]
    lines = _lines(logit(inner), present, subject, draws)
    slope, intercept = (
        estimate(float(whole), resampled, draws.shape[1])
        for whole, resampled in zip(lines[0], lines[1].T, strict=True)
    )
    return Reliability(
        nll=judge(loss),
        brier=judge((exact - present) ** 2),
        ece=estimate(float(gaps[0][0]), gaps[1], draws.shape[1]),
        slope=slope,
        intercept=intercept,
        bins=_bins(exact, present, part),
    )


def _bin_of(presence: Float) -> NDArray[np.int64]:
    """The bin of each frame, int64 [F]: of equal mass, but frames of one presence stay together."""
    edges = np.quantile(presence, np.arange(1, BINS) / BINS)
    return np.searchsorted(edges, presence).astype(np.int64)


def _gap(
    excess: Float, part: NDArray[np.int64], subject: NDArray[np.intp], draws: NDArray[np.int64]
) -> Float:
    """Expected calibration error of each resample, float64 [R], in the bins of all frames."""
    cell = subject * BINS + part
    shape = (draws.shape[1], BINS)
    added = np.bincount(cell, weights=excess, minlength=shape[0] * BINS).reshape(shape)
    frames = np.bincount(subject, minlength=shape[0])
    gap: Float = np.abs(draws @ added).sum(axis=1) / (draws @ frames)
    return gap


def _bins(presence: Float, present: NDArray[np.bool_], part: NDArray[np.int64]) -> tuple[Bin, ...]:
    return tuple(
        Bin(
            float(presence[part == k].mean()),
            float(present[part == k].mean()),
            int((part == k).sum()),
        )
        for k in np.unique(part)
    )


def _lines(
    score: Float,
    present: NDArray[np.bool_],
    subject: NDArray[np.intp],
    draws: NDArray[np.int64],
) -> tuple[Float, Float]:
    """Slope and intercept of all frames, float64 [2], and of each resample, float64 [R, 2]."""
    centre, scale = score.mean(), score.std() or 1.0
    column = (score - centre) / scale
    whole = _regress(column, present, np.ones((1, len(score))))
    chunks = np.array_split(draws, max(1, len(draws) * len(score) // CHUNK))
    resampled = [_regress(column, present, times[:, subject]) for times in chunks]
    numbers = np.concatenate([whole, *resampled])
    slope = numbers[:, 0] / scale
    back = np.stack([slope, numbers[:, 1] - slope * centre], axis=1)
    return back[0], back[1:]


def _regress(
    column: Float, present: NDArray[np.bool_], weight: NDArray[np.float64 | np.int64]
) -> Float:
    """Logistic regression of present on column, [F], by Newton's steps under R weights, [R, F].

    Returns slope and intercept, float64 [R, 2]; NaN where no finite ones are the most likely.
    """
    # From nought Newton's steps arrive; from the line of all frames a few resamples don't.
    numbers = np.zeros((len(weight), 2))
    design = np.stack([column, np.ones_like(column)], axis=1)
    products = np.stack([column**2, column, np.ones_like(column)], axis=1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(STEPS):
            fitted = expit(numbers @ design.T)
            slope, level = ((weight * (present - fitted)) @ design).T
            fitted *= 1 - fitted
            fitted *= weight
            square, cross, ones = (fitted @ products).T
            steps = np.stack([ones * slope - cross * level, square * level - cross * slope], axis=1)
            steps /= (square * ones - cross**2)[:, None]
            numbers += steps
            size = np.abs(steps).max(axis=1)
            if not (size >= TOLERANCE).any():
                break
    numbers[~(size < TOLERANCE)] = np.nan
    return numbers
