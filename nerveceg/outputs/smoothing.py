"""What smoothing presence over clips is worth, as text."""

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
from tabulate import tabulate

from nerveceg.evaluation.bootstrap import Estimate
from nerveceg.evaluation.ladder import Rung, climb
from nerveceg.evaluation.smoothing import Line
from nerveceg.temporal import Smoother, describe_smoother

HEADERS = ("temporal", "NLL", "gain in NLL (95 %)", "Brier", "AUROC", "Dice", "gain in Dice (95 %)")


def smoothing_table(lines: Sequence[Line], rungs: Sequence[Rung], *, resamples: int) -> str:
    """The table for a console: each filter's presence, and the decision that is made with it.

    rungs: of the lines' decisions, in their order. Gains are against the first line.
    """
    rows = []
    for line, rung in zip(lines, rungs, strict=True):
        dice = climb([rungs[0], rung], resamples=resamples)[1]
        figures = (line.nll, line.brier, line.auroc, dice.dice)
        nll, brier, auroc, score = (f"{figure.value:.3f}" for figure in figures)
        gains = [_signed(line.gain), _signed(dice.difference)]
        if line is lines[0]:
            gains = ["", ""]
        rows.append([_name(line), nll, gains[0], brier, auroc, score, gains[1]])
    moving, frames = len(lines[0].presence), len(rungs[0].ids)
    subjects = len(np.unique(rungs[0].subjects))
    table = tabulate(rows, HEADERS, disable_numparse=True)
    return f"{moving} of {frames} frames in clips, {subjects} subjects\n\n{table}\n"


def smoother_in_words(smoother: Smoother) -> str:
    """A smoother as the words that name it on the command line."""
    described = describe_smoother(smoother)
    numbers = [f"temporal.{name}={value:g}" for name, value in described.items() if name != "kind"]
    return " ".join([f"temporal={described['kind']}", *numbers])


def _name(line: Line) -> str:
    return " ".join([line.name, *(f"{number:g}" for number in astuple(line.smoother))])


def _signed(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"
