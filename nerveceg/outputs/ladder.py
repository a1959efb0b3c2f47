"""A ladder of ways to decide as text, fit for the console and for documents."""

from collections.abc import Sequence

from tabulate import tabulate

from nerveceg.evaluation.bootstrap import Estimate
from nerveceg.evaluation.ladder import Rung, climb

HEADERS = ("rung", "Dice (95 %)", "to the rung below (95 %)", "expected - realised (95 %)")


def ladder_table(rungs: Sequence[Rung], *, title: str, resamples: int) -> str:
    """The table of rungs in Markdown, under a title with frames and subjects."""
    rows = [
        [step.name, _figure(step.dice), _signed(step.difference), _signed(step.gap)]
        for step in climb(rungs, resamples=resamples)
    ]
    frames, subjects = len(rungs[0].ids), len(set(rungs[0].subjects))
    table = tabulate(rows, HEADERS, tablefmt="github", disable_numparse=True)
    return f"{title}: {frames} frames of {subjects} subjects\n\n{table}\n"


def _figure(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _signed(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"
