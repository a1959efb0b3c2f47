"""Systems that were scored on the same frames, each held against a reference among them."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
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
from nerveceg.evaluation.cost import Cost
from nerveceg.evaluation.results import Results
from nerveceg.evaluation.rows import TWO_STAGE, Row, make_rows

ALL_EMPTY = "all empty"


class Standing(NamedTuple):
    """One system's figures, and how far above or below the reference it is on the same frames."""

    name: str
    row: Row
    difference: Estimate | None
    """of the full-set Dice, its own less the reference's; None of the reference itself"""
    cost: Cost | None


class Standings(NamedTuple):
    """The systems in the order given, under the score of no mask on any frame."""

    frames: int
    subjects: int
    prevalence: float
    """share of frames with nerve"""
    reference: str
    rows: tuple[Standing, ...]


def stand(
    results: Mapping[str, Results],
    *,
    reference: str,
    costs: Mapping[str, Cost] = MappingProxyType({}),
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Standings:
    """Every system's figures with intervals; all of them draw the same subjects.

    reference: the system to hold the others against; without its results nothing has a difference.
    costs: by system, where known. seed, resamples: of the bootstrap.

    Raises:
        NerveCegError: there are no results, or two systems were scored on other frames.
    """
    if not results:
        raise NerveCegError("no system was scored: there is nothing to hold against anything")
    named, first = next(iter(results.items()))
    for name, each in results.items():
        check_same_frames(first, each, names=(named, name))
    subjects = len(np.unique(first.subjects))
    draws = draw_subjects(subjects, seed=seed, resamples=resamples)
    against = results.get(reference)
    nothing = replace(first, passed=np.zeros_like(first.passed))
    rows = (
        Standing(
            name,
            _two_stage(each, draws),
            None if against is None or each is against else _difference(each, against, draws),
            costs.get(name),
        )
        for name, each in {ALL_EMPTY: nothing, **results}.items()
    )
    return Standings(len(first), subjects, float(first.nerve.mean()), reference, tuple(rows))


def check_same_frames(one: Results, other: Results, *, names: tuple[str, str]) -> None:
    """Refuse to compare what was scored on different frames, or by another truth.

    Raises:
        NerveCegError: it names both.
    """
    for column in ("ids", "subjects", "truth_area"):
        mine, theirs = (getattr(each, column)[np.argsort(each.ids)] for each in (one, other))
        if not np.array_equal(mine, theirs):
            raise NerveCegError(
                f'"{names[1]}" was scored on other frames than "{names[0]}" (their {column} '
                "differ): train and evaluate both on the same data and split"
            )


def _two_stage(results: Results, draws: NDArray[np.int64]) -> Row:
    _, subject = np.unique(results.subjects, return_inverse=True)
    rows = make_rows(results, subject, draws)
    return next(row for row in rows if row.name == TWO_STAGE)


def _difference(one: Results, other: Results, draws: NDArray[np.int64]) -> Estimate:
    order = np.argsort(one.ids)
    change = one.dice()[order] - other.dice()[np.argsort(other.ids)]
    _, subject = np.unique(one.subjects[order], return_inverse=True)
    resampled = mean_of_resamples(change, subject, draws)
    return estimate(float(change.mean()), resampled, draws.shape[1])
