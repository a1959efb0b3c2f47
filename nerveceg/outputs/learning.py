"""Ways to begin training, held against a reference: as Markdown, as CSV and as a picture."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

from tabulate import tabulate

from nerveceg.evaluation.bootstrap import Estimate
from nerveceg.evaluation.learning import JOINT, Comparison, Point
from nerveceg.evaluation.standings import ALL_EMPTY
from nerveceg.files import write_text
from nerveceg.outputs.learning_figure import draw_learning
from nerveceg.outputs.notice import write_png

NOTES = (
    "Means over seeds; intervals of 95 % by bootstrap over the held-out subjects, the same draws "
    "for all, so a difference is paired; in brackets each seed's own figure, in order. Intervals "
    "don't cover another run on made-up people: each was trained once. Gate AUROC: stage 1 alone. "
    "Dice on nerve: stage 2 alone, over frames whose truth shows the nerve. Dice: both stages, "
    "over all frames at native pixels; both empty = 1."
)
COLUMNS = (
    *("arm", "people", "measure", "value", "low", "high", "by_seed"),
    *("difference", "difference_low", "difference_high", "difference_by_seed"),
)


def write_learning(
    folder: Path,
    comparison: Comparison,
    *,
    title: str,
    note: str | None,
    failures: Mapping[str, str],
) -> str:
    """Write head_start.md, head_start.csv and head_start.png; returns the Markdown.

    note: what the table must not be taken for. failures: what stopped the parts that have no
    figures, a line each.
    """
    text = learning_markdown(comparison, title=title, note=note, failures=failures)
    write_text(folder / "head_start.md", text)
    write_text(folder / "head_start.csv", learning_csv(comparison))
    write_png(folder / "head_start.png", draw_learning(comparison, title=title))
    return text


def learning_markdown(
    comparison: Comparison, *, title: str, note: str | None, failures: Mapping[str, str]
) -> str:
    """A section of a document: a table a measure, with what its figures mean below them."""
    held_out = (
        f"{comparison.frames} held-out frames of {comparison.subjects} subjects, "
        f"{comparison.prevalence:.3f} with nerve"
    )
    measures = dict.fromkeys(each.measure for each in comparison.points)
    tables = [_section(comparison, measure) for measure in measures]
    failed = "\n".join(f"- {name} failed: {line}" for name, line in failures.items())
    warning = f"**{note}**" if note else ""
    parts = [f"## {title}", warning, held_out, *tables, failed, NOTES]
    return "\n\n".join(part for part in parts if part) + "\n"


def learning_csv(comparison: Comparison) -> str:
    """One line a point with every figure in full; an unknown one is left empty."""
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    for point in comparison.points:
        change = point.difference or (None,) * 3
        row = [*point[:3], *point.value, _listed(point.by_seed), *change]
        table.writerow([*map(_exact, row), _listed(point.difference_by_seed)])
    return file.getvalue()


def _section(comparison: Comparison, measure: str) -> str:
    points = [each for each in comparison.points if each.measure == measure]
    sizes = [*dict.fromkeys(each.size for each in points)]
    found = {(each.arm, each.size): each for each in points}
    rows = [
        [arm, *(_cell(found.get((arm, size))) for size in sizes)]
        for arm in dict.fromkeys(each.arm for each in points)
    ]
    less = [
        [f"{arm} less {comparison.reference}", *(_less(found.get((arm, size))) for size in sizes)]
        for arm in dict.fromkeys(each.arm for each in points)
        if arm != comparison.reference
    ]
    if measure == JOINT:
        rows.insert(0, [ALL_EMPTY, *[f"{comparison.all_empty:.3f}"] * len(sizes)])
    headers = [measure, *(f"{size} people" for size in sizes)]
    return tabulate(
        [*rows, *less],
        headers,
        tablefmt="github",
        disable_numparse=True,
        colalign=("left", *["right"] * len(sizes)),
    )


def _cell(point: Point | None) -> str:
    if point is None:
        return "-"
    return f"{_estimate(point.value, '.3f')} {_by_seed(point.by_seed, '.3f')}"


def _less(point: Point | None) -> str:
    if point is None or point.difference is None:
        return "-"
    return f"{_estimate(point.difference, '+.3f')} {_by_seed(point.difference_by_seed, '+.3f')}"


def _estimate(estimate: Estimate, form: str) -> str:
    value, low, high = ("-" if math.isnan(each) else f"{each:{form}}" for each in estimate)
    return value if "-" in (low, high) else f"{value} ({low} to {high})"


def _by_seed(by_seed: Mapping[int, float], form: str) -> str:
    return f"[{', '.join(f'{by_seed[seed]:{form}}' for seed in sorted(by_seed))}]"


def _listed(by_seed: Mapping[int, float]) -> str:
    return " ".join(f"{seed}:{value}" for seed, value in by_seed.items())


def _exact(value: str | float | None) -> str:
    return "" if value is None or value != value else str(value)
