"""Ways to begin training, scored on the same frames: each by the number of labelled people."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.errors import NerveCegError
from nerveceg.evaluation.bootstrap import (
    RESAMPLES,
    Estimate,
    bootstrap_auroc,
    draw_subjects,
    estimate,
    mean_of_resamples,
)
from nerveceg.evaluation.counts import dice
from nerveceg.evaluation.results import Results
from nerveceg.evaluation.standings import check_same_frames

Float = NDArray[np.float64]
Key = tuple[str, str, int]
"""Arm, labelled people as a word, and seed."""

JOINT = "Dice"
_Measure = Callable[[Results, NDArray[np.intp], NDArray[np.int64]], Float]


class Point(NamedTuple):
    """An arm with so many labelled people, by one measure; means over its seeds."""

    arm: str
    size: str
    measure: str
    value: Estimate
    by_seed: Mapping[int, float]
    difference: Estimate | None
    """its own less the reference's, over the seeds that both have; None of the reference itself"""
    difference_by_seed: Mapping[int, float]


class Comparison(NamedTuple):
    """Every arm, size and measure, in that order."""

    frames: int
    subjects: int
    prevalence: float
    reference: str
    points: tuple[Point, ...]

    @property
    def all_empty(self) -> float:
        """The Dice of no mask on any frame: right where there is no nerve."""
        return 1 - self.prevalence

    def best_of(self, arm: str) -> float:
        """The arm's Dice of both stages with the last of the sizes; NaN where there is none."""
        found = [each for each in self.points if (each.arm, each.measure) == (arm, JOINT)]
        return found[-1].value.value if found else float("nan")


def compare_arms(
    results: Mapping[Key, Results], *, reference: str, seed: int = 0, resamples: int = RESAMPLES
) -> Comparison:
    """Both stages of every arm with 95 % intervals over subjects; all draw the same subjects.

    A figure is the mean over seeds, and so is each of its resamples: the interval says what other
    subjects would change, not what other seeds would; those stand beside it. seed, resamples: of
    the bootstrap.

    Raises:
        NerveCegError: there are no results, or two were scored on other frames.
    """
    if not results:
        raise NerveCegError("nothing was scored: there is nothing to compare")
    (named, first), *others = results.items()
    for key, each in others:
        check_same_frames(first, each, names=("_".join(map(str, named)), "_".join(map(str, key))))
    subjects = len(np.unique(first.subjects))
    everyone = np.ones((1, subjects), dtype=np.int64)
    draws = np.concatenate([everyone, draw_subjects(subjects, seed=seed, resamples=resamples)])
    drawn = {
        (measure, key): function(each, _subjects_of(each), draws)
        for key, each in results.items()
        for measure, function in MEASURES.items()
    }
    points = [
        _point(arm, size, measure, drawn, reference=reference, subjects=subjects)
        for measure in MEASURES
        for size in dict.fromkeys(size for _, size, _ in results)
        for arm in dict.fromkeys(arm for arm, _, _ in results)
        if any(key[:2] == (arm, size) for key in results)
    ]
    return Comparison(len(first), subjects, float(first.nerve.mean()), reference, tuple(points))


def _point(
    arm: str,
    size: str,
    measure: str,
    drawn: Mapping[tuple[str, Key], Float],
    *,
    reference: str,
    subjects: int,
) -> Point:
    own, against = (
        {key[2]: each for (name, key), each in drawn.items() if (name, *key[:2]) == of}
        for of in ((measure, arm, size), (measure, reference, size))
    )
    both = [] if arm == reference else [seed for seed in own if seed in against]
    change = {seed: own[seed] - against[seed] for seed in both}
    return Point(
        arm,
        size,
        measure,
        _mean([*own.values()], subjects),
        {seed: float(each[0]) for seed, each in own.items()},
        _mean([*change.values()], subjects) if change else None,
        {seed: float(each[0]) for seed, each in change.items()},
    )


def _mean(over_seeds: Sequence[Float], subjects: int) -> Estimate:
    """The first entry is of all subjects, once each; the others are resamples."""
    value, *resampled = np.mean(over_seeds, axis=0)
    return estimate(value, np.array(resampled), subjects)


def _subjects_of(results: Results) -> NDArray[np.intp]:
    return np.unique(results.subjects, return_inverse=True)[1]


def _gate(results: Results, subject: NDArray[np.intp], draws: NDArray[np.int64]) -> Float:
    return bootstrap_auroc(results.presence, results.nerve, subject, draws)


def _on_nerve(results: Results, subject: NDArray[np.intp], draws: NDArray[np.int64]) -> Float:
    """Dice of the segmenter's own masks on frames with nerve, whatever the gate says."""
    shown = results.nerve
    every = dice(results.mask, results.truth_area)
    with np.errstate(invalid="ignore"):  # a resample without nerve is left out of the interval
        return mean_of_resamples(every[shown], subject[shown], draws)


def _joint(results: Results, subject: NDArray[np.intp], draws: NDArray[np.int64]) -> Float:
    return mean_of_resamples(results.dice(), subject, draws)


MEASURES: Mapping[str, _Measure] = {
    "gate AUROC": _gate,
    "Dice on nerve": _on_nerve,
    JOINT: _joint,
}
"""Stage 1 alone, stage 2 alone on frames with nerve, and both together over all frames."""
