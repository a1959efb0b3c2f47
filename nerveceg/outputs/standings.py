"""Systems held against a reference: as Markdown, as CSV and as a picture."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from nerveceg.evaluation.bootstrap import Estimate
from nerveceg.evaluation.standings import Standing, Standings
from nerveceg.files import write_text
from nerveceg.outputs.forest import draw_forest
from nerveceg.outputs.notice import write_png

NOTES = (
    "Dice: mean over all frames at native pixels; both empty = 1; intervals of 95 % by bootstrap "
    "over subjects. On nerve: over frames whose truth shows the nerve, a miss is 0. Sensitivity "
    "and specificity: of the final mask being there. GFLOP: 1e9 operations of the networks' "
    "convolutions and matrix products for one frame that the gate lets through, every view "
    "counted, a multiply-accumulate as two. ms: median of single predictions, an image in memory "
    "to its mask"
)
COLUMNS = (
    *("row", "dice", "dice_low", "dice_high", "dice_on_nerve", "sensitivity", "specificity"),
    *("parameters", "gflop", "milliseconds"),
    *("difference", "difference_low", "difference_high", "failure"),
)


class Caption(NamedTuple):
    """What stands above and below the table."""

    title: str
    """the data, the split and the budget"""
    note: str | None
    """what the table must not be taken for"""
    machine: str
    """that the milliseconds are of"""


def write_standings(
    folder: Path, standings: Standings, *, failures: Mapping[str, str], caption: Caption
) -> str:
    """Write ladder.md, ladder.csv and ladder.png; returns the Markdown.

    failures: what stopped the rows that have no figures, a line each.
    """
    text = standings_markdown(standings, failures=failures, caption=caption)
    write_text(folder / "ladder.md", text)
    write_text(folder / "ladder.csv", standings_csv(standings, failures=failures))
    forest = draw_forest(standings, title=caption.title, note=caption.note)
    write_png(folder / "ladder.png", forest)
    return text


def standings_markdown(
    standings: Standings, *, failures: Mapping[str, str], caption: Caption
) -> str:
    """The table as a section of a document, with what its figures mean below it."""
    frames = (
        f"{standings.frames} held-out frames of {standings.subjects} subjects, "
        f"{standings.prevalence:.3f} with nerve"
    )
    table = tabulate(
        [_cells(each) for each in standings.rows],
        _headers(standings.reference),
        tablefmt="github",
        disable_numparse=True,
        colalign=("left", *["right"] * 8),
    )
    failed = "\n".join(f"- {name} failed: {line}" for name, line in failures.items())
    warning = f"**{caption.note}**" if caption.note else ""
    notes = f"{NOTES}, on {caption.machine}."
    parts = [f"## {caption.title}", warning, frames, table, failed, notes]
    return "\n\n".join(part for part in parts if part) + "\n"


def standings_csv(standings: Standings, *, failures: Mapping[str, str]) -> str:
    """One line a row with every figure in full; an unknown one is left empty."""
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows([_exact(value) for value in _values(each)] for each in standings.rows)
    blank = [""] * (len(COLUMNS) - 2)
    table.writerows([name, *blank, line] for name, line in failures.items())
    return file.getvalue()


def _headers(reference: str) -> tuple[str, ...]:
    figures = ("Dice (95 %)", "on nerve", "sensitivity", "specificity")
    costs = ("parameters, 1e6", "GFLOP", "ms a frame")
    return ("row", *figures, *costs, f"Dice less {reference}'s (95 %)")


def _cells(standing: Standing) -> list[str]:
    row, cost = standing.row, standing.cost
    rates = [_number(rate.value) for rate in (row.dice_on_nerve, row.sensitivity, row.specificity)]
    spent = ["-"] * 3
    if cost is not None:
        spent = [f"{cost.parameters / 1e6:.2f}", f"{cost.gflop:.2f}", f"{cost.milliseconds:.0f}"]
    return [standing.name, _figure(row.dice), *rates, *spent, _signed(standing.difference)]


def _values(standing: Standing) -> list[str | float | None]:
    row = standing.row
    rates = row.dice_on_nerve.value, row.sensitivity.value, row.specificity.value
    cost, change = (part or (None,) * 3 for part in (standing.cost, standing.difference))
    return [standing.name, *row.dice, *rates, *cost, *change, None]


def _exact(value: str | float | None) -> str:
    return "" if value is None or value != value else str(value)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _figure(estimate: Estimate) -> str:
    interval = "" if math.isnan(estimate.low) else f" ({estimate.low:.3f} to {estimate.high:.3f})"
    return f"{_number(estimate.value)}{interval}"


def _signed(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    interval = "" if math.isnan(estimate.low) else f" ({estimate.low:+.3f} to {estimate.high:+.3f})"
    return f"{estimate.value:+.3f}{interval}"
