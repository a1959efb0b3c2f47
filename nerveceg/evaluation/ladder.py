"""Ways to decide on the same frames, one above the other: what each step earns."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.errors import NerveCegError
from nerveceg.evaluation.bootstrap import (
    RESAMPLES,
    Estimate,
    draw_subjects,
    estimate,
    mean_of_resamples,
)
from nerveceg.evaluation.results import Results

Float = NDArray[np.float64]


class Rung(NamedTuple):
    """A way to decide, and what it scored."""

    name: str
    ids: NDArray[np.str_]
    subjects: NDArray[np.str_]
    dice: Float
    """float64 [F]"""
    expected: Float | None = None
    """float64 [F], the Dice that it expected of itself"""


class Step(NamedTuple):
    """A rung's score, and the difference to the rung below on the same frames."""

    name: str
    dice: Estimate
    difference: Estimate | None
    gap: Estimate | None
    """expected less realised Dice"""


def rung_of(name: str, results: Results, *, honest: bool = False) -> Rung:
    """The rung of results; honest: its expectation is worth a comparison."""
    expected = results.expected.astype(np.float64) if honest else None
    return Rung(name, results.ids, results.subjects, results.dice(), expected)


def climb(rungs: Sequence[Rung], *, seed: int = 0, resamples: int = RESAMPLES) -> list[Step]:
    """Every rung's Dice and its paired difference to the one below; intervals over subjects.

    Raises:
        NerveCegError: two rungs are of different frames.
    """
    first = rungs[0]
    subjects, subject = np.unique(first.subjects, return_inverse=True)
    draws = draw_subjects(len(subjects), seed=seed, resamples=resamples)

    def judge(column: Float) -> Estimate:
        resampled = mean_of_resamples(column, subject, draws)
        return estimate(float(column.mean()), resampled, len(subjects))

    steps = []
    for below, rung in zip([None, *rungs], rungs, strict=False):
        if not np.array_equal(rung.ids, first.ids):
            raise NerveCegError(f'"{rung.name}" is of other frames than "{first.name}"')
        difference = None if below is None else judge(rung.dice - below.dice)
        gap = None if rung.expected is None else judge(rung.expected - rung.dice)
        steps.append(Step(rung.name, judge(rung.dice), difference, gap))
    return steps
