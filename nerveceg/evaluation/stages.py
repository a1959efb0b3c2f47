"""Which stage loses the score: the gate, the final mask, the contour, and the exact split."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.evaluation.bootstrap import Estimate, bootstrap_auroc, bootstrap_figures, estimate
from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.figures import figures, frame_sums, group_sums, total
from nerveceg.evaluation.results import Results


class Gate(NamedTuple):
    """Stage 1 alone: whether the frame was let through, and how well presence ranks frames."""

    sensitivity: Estimate
    specificity: Estimate
    auroc: Estimate
    average_precision: float


class FinalMask(NamedTuple):
    """Whether the two stages together drew a mask; these rates enter the loss split."""

    sensitivity: Estimate
    specificity: Estimate
    gate_misses: int
    """frames with nerve that the gate stopped"""
    drew_nothing: int
    """frames with nerve that passed the gate, but whose mask is empty"""
    false_alarms: int
    """frames without nerve that got a mask"""
    emptied: int
    """frames without nerve that passed the gate, but whose mask is empty"""


class LossSplit(NamedTuple):
    """1 - S = (1 - rho) FPR + rho FNR + rho TPR (1 - d), exactly; rates of the final mask."""

    prevalence: float
    false_positive_rate: float
    false_negative_rate: float
    dice_on_detected: float
    false_alarms: float
    """(1 - rho) FPR"""
    misses: float
    """rho FNR"""
    contour: float
    """rho TPR (1 - d)"""
    total: float
    """1 - S"""


def judge_gate(results: Results, subject: NDArray[np.intp], draws: NDArray[np.int64]) -> Gate:
    """The gate's figures; subject: int [F], draws: int64 [R, S]."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    nerve, subjects = results.nerve, draws.shape[1]
    opened = results.passed.astype(np.int64)
    sums = group_sums(frame_sums(Counts(opened, opened), results.truth_area), subject, subjects)
    values, resampled = figures(total(sums)), bootstrap_figures(sums, draws)
    both = bool(nerve.any()) and not nerve.all()
    auroc = roc_auc_score(nerve, results.presence) if both else float("nan")
    return Gate(
        sensitivity=estimate(float(values.sensitivity), resampled.sensitivity, subjects),
        specificity=estimate(float(values.specificity), resampled.specificity, subjects),
        auroc=estimate(
            float(auroc), bootstrap_auroc(results.presence, nerve, subject, draws), subjects
        ),
        average_precision=float(average_precision_score(nerve, results.presence))
        if both
        else float("nan"),
    )


def judge_final(results: Results, sensitivity: Estimate, specificity: Estimate) -> FinalMask:
    """Where final masks are missing or too many, beside the rates of the two-stage row."""
    nerve, passed, drawn = results.nerve, results.passed, results.final.area > 0
    return FinalMask(
        sensitivity=sensitivity,
        specificity=specificity,
        gate_misses=int((nerve & ~passed).sum()),
        drew_nothing=int((nerve & passed & ~drawn).sum()),
        false_alarms=int((~nerve & drawn).sum()),
        emptied=int((~nerve & passed & ~drawn).sum()),
    )


def split_loss(results: Results) -> LossSplit:
    """What each kind of error costs; with no frame of a class its rate is NaN, its cost 0."""
    sums = total(frame_sums(results.final, results.truth_area))
    rates, frames = figures(sums), float(sums.frames)
    return LossSplit(
        prevalence=float(rates.prevalence),
        false_positive_rate=1 - float(rates.specificity),
        false_negative_rate=1 - float(rates.sensitivity),
        dice_on_detected=float(rates.dice_on_detected),
        false_alarms=float(sums.frames - sums.nerve - sums.clear) / frames,
        misses=float(sums.nerve - sums.found) / frames,
        contour=float(sums.found - sums.nerve_dice) / frames,
        total=1 - float(rates.dice),
    )
