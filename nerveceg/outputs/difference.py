"""A comparison as text for the console."""

import math

from tabulate import tabulate

from nerveceg.comparison import Comparison
from nerveceg.evaluation.bootstrap import Estimate

EXTREMES = 3


def comparison_table(comparison: Comparison) -> str:
    """The comparison for a console: under 25 lines of at most 100 columns."""
    title = (
        f"first - second over {comparison.frames} frames of {comparison.subjects} subjects\n"
        "(Dice over all frames at native pixels; both empty = 1; intervals over subjects)"
    )
    return "\n\n".join([title, _figures(comparison), _by_subject(comparison), _verdict(comparison)])


def _figures(comparison: Comparison) -> str:
    rows = {
        "Dice": comparison.dice,
        "Dice on nerve": comparison.dice_on_nerve,
        "sensitivity": comparison.sensitivity,
        "specificity": comparison.specificity,
    }
    return tabulate(
        [
            [name, _number(row.first), _number(row.second), *_signed(row.difference)]
            for name, row in rows.items()
        ],
        ("", "first", "second", "difference", "95 % interval"),
        disable_numparse=True,
    )


def _by_subject(comparison: Comparison) -> str:
    """The subjects at both ends, and how many lie on each side."""
    rows = comparison.by_subject
    ends = rows if len(rows) <= 2 * EXTREMES else (*rows[:EXTREMES], *rows[-EXTREMES:])
    table = tabulate(
        [
            [name, frames, _number(first), _number(second), f"{difference:+.3f}"]
            for name, frames, first, second, difference in ends
        ],
        ("subject", "frames", "first", "second", "difference"),
        disable_numparse=True,
    )
    return (
        f"{table}\nsubjects: the first is better on {comparison.wins}, equal on {comparison.ties}, "
        f"worse on {comparison.losses}; Wilcoxon p = {comparison.p_value:.3g}"
    )


def _signed(difference: Estimate) -> tuple[str, str]:
    value, low, high = difference
    interval = "-" if math.isnan(low) else f"{low:+.3f} to {high:+.3f}"
    return "-" if math.isnan(value) else f"{value:+.3f}", interval


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _verdict(comparison: Comparison) -> str:
    if comparison.subjects < 2:
        return comparison.verdict
    return (
        f"{comparison.verdict}\n"
        f"{comparison.smallest_detectable:.3f} = (1.96 + 0.84) sd / sqrt({comparison.subjects}): "
        "what so many such subjects show (80 % power, two-sided .05)"
    )
