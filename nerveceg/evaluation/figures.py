"""Sums over frames and the figures that are ratios of them: one form for every table."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.evaluation.counts import Counts, dice

Float = NDArray[np.float64]


class Sums(NamedTuple):
    """What a group of frames adds up to under one way of drawing masks; float64 [...] each."""

    frames: Float
    nerve: Float
    """frames whose truth shows the nerve"""
    found: Float
    """frames with nerve and a mask"""
    clear: Float
    """frames without nerve and without a mask"""
    dice: Float
    nerve_dice: Float
    """Dice added up over frames with nerve"""


class Figures(NamedTuple):
    """Ratios of sums, float64 [...] each; NaN where a denominator is 0."""

    prevalence: Float
    dice: Float
    dice_on_nerve: Float
    dice_on_detected: Float
    sensitivity: Float
    specificity: Float


def frame_sums(counts: Counts, truth_area: NDArray[np.int64]) -> Sums:
    """The sums of single frames, float64 [F] each, for masks with these counts."""
    nerve, drawn, scores = truth_area > 0, counts.area > 0, dice(counts, truth_area)
    columns = np.ones(len(nerve)), nerve, nerve & drawn, ~nerve & ~drawn, scores, scores * nerve
    return Sums(*(column.astype(np.float64) for column in columns))


def group_sums(sums: Sums, group: NDArray[np.intp], groups: int) -> Sums:
    """Frames added up by group, float64 [groups] each; group: int [F] in 0 .. groups - 1."""
    added = (np.bincount(group, weights=column, minlength=groups) for column in sums)
    return Sums(*(column.astype(np.float64) for column in added))


def total(sums: Sums) -> Sums:
    """Everything added up, float64 [] each."""
    return Sums(*(np.asarray(column.sum()) for column in sums))


def figures(sums: Sums) -> Figures:
    """The ratios of sums, element by element."""
    return Figures(
        prevalence=_ratio(sums.nerve, sums.frames),
        dice=_ratio(sums.dice, sums.frames),
        dice_on_nerve=_ratio(sums.nerve_dice, sums.nerve),
        dice_on_detected=_ratio(sums.nerve_dice, sums.found),
        sensitivity=_ratio(sums.found, sums.nerve),
        specificity=_ratio(sums.clear, sums.frames - sums.nerve),
    )


def _ratio(numerator: Float, denominator: Float) -> Float:
    return np.divide(
        numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0
    )
