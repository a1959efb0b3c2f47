"""Which frames a human should look at, and what the score of the rest gains by it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.errors import NerveCegError

Float = NDArray[np.float64]


class RiskCoverage(NamedTuple):
    """The score of the frames that are kept, when those of the lowest bound are referred first."""

    coverage: Float
    """share of frames that are kept, float64 [F], rising to 1"""
    dice: Float
    """mean realised Dice of the kept frames, float64 [F]"""
    area: float
    """mean of 1 - dice over coverage: the lower, the better the bound ranks frames"""
    oracle: float
    """the area if frames were ranked by their realised Dice: none is lower"""
    random: float
    """the area to be expected of frames in random order"""


class Referral(NamedTuple):
    """Mean realised Dice of two parts of the frames; NaN where a part has no frame."""

    kept: float
    referred: float


def risk_coverage(expected: Float, spread: Float, dice: Float) -> RiskCoverage:
    """The curve of realised Dice over coverage, frames ranked by `expected - spread`.

    Frames of one bound count with their mean Dice, which any order of them has on average. Geifman
    & El-Yaniv, Selective classification for deep neural networks, 2017; the area: Geifman, Uziel &
    El-Yaniv, Bias-reduced uncertainty estimation, 2019.

    Args:
        expected: float64 [F], expected Dice.
        spread: float64 [F], from 0: how far folds and test-time augmentation disagree on it.
        dice: float64 [F], realised.
    """
    curve = _means_of_best(expected - spread, dice)
    return RiskCoverage(
        coverage=np.arange(1, len(dice) + 1) / len(dice),
        dice=curve,
        area=float(1 - curve.mean()),
        oracle=float(1 - _means_of_best(dice, dice).mean()),
        random=float(1 - dice.mean()),
    )


def refer(expected: Float, spread: Float, *, share: float) -> NDArray[np.bool_]:
    """Whether a frame is referred to a human, bool [F]: those of the lowest `expected - spread`.

    `share` of the frames, rounded, are referred; of frames with one bound the earlier ones are.

    Args:
        expected: float64 [F], expected Dice.
        spread: float64 [F], from 0.
        share: in [0, 1].

    Raises:
        NerveCegError: the share is outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise NerveCegError(f"share of frames to refer is {share}: a number in [0, 1] is wanted")
    referred = np.zeros(len(expected), dtype=np.bool_)
    lowest_first = np.argsort(expected - spread, kind="stable")
    referred[lowest_first[: round(share * len(expected))]] = True
    return referred


def judge_referral(referred: NDArray[np.bool_], dice: Float) -> Referral:
    """The mean realised Dice, float64 [F], of frames that are kept and of those referred."""
    parts = dice[~referred], dice[referred]
    return Referral(*(float(part.mean()) if part.size else float("nan") for part in parts))


def _means_of_best(bound: Float, dice: Float) -> Float:
    """Mean Dice of the k frames of the highest bound, float64 [F], k = 1 .. F."""
    levels, level, frames = np.unique(-bound, return_inverse=True, return_counts=True)
    mean = np.bincount(level, weights=dice, minlength=len(levels)) / frames
    return np.repeat(mean, frames).cumsum() / np.arange(1, len(dice) + 1)
