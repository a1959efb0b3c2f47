"""Whether the scores that the pipeline expects are those it gets, and which frames to refer."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.evaluation.bootstrap import Estimate, estimate, mean_of_resamples
from nerveceg.evaluation.referral import risk_coverage
from nerveceg.evaluation.results import Results

POINTS = 20


class Expectation(NamedTuple):
    """Expected and realised Dice of final masks; NaN where nothing was expected."""

    expected: float
    realised: float
    gap: Estimate
    """expected less realised, with an interval over subjects: 0 for an honest pipeline"""
    coverage: tuple[float, ...]
    """shares of frames that are kept when those of the lowest expected Dice go to a human first"""
    dice: tuple[float, ...]
    """mean realised Dice of the kept frames at each coverage"""
    area: float
    """mean of 1 - dice over coverage; `oracle` ranks by the realised Dice, `random` not at all"""
    oracle: float
    random: float


def judge_expectation(
    results: Results, subject: NDArray[np.intp], draws: NDArray[np.int64]
) -> Expectation:
    """The figures of results; subject: int [F], draws: int64 [R, S]."""
    realised, expected = results.dice(), results.expected.astype(np.float64)
    if np.isnan(expected).any():
        nothing = float("nan")
        gap = Estimate(nothing, nothing, nothing)
        return Expectation(nothing, float(realised.mean()), gap, (), (), *(nothing,) * 3)
    curve = risk_coverage(expected, results.spread.astype(np.float64), realised)
    resampled = mean_of_resamples(expected - realised, subject, draws)
    bias = float((expected - realised).mean())
    ends = np.ceil(np.arange(1, POINTS + 1) / POINTS * len(results)).astype(int) - 1
    return Expectation(
        expected=float(expected.mean()),
        realised=float(realised.mean()),
        gap=estimate(bias, resampled, draws.shape[1]),
        coverage=tuple(curve.coverage[ends].tolist()),
        dice=tuple(curve.dice[ends].tolist()),
        area=curve.area,
        oracle=curve.oracle,
        random=curve.random,
    )
