"""A report, its rows of frames and the run's facts to one HTML file that needs nothing else."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nerveceg.documents import read_object
from nerveceg.errors import DataError
from nerveceg.evaluation.results import Results
from nerveceg.evaluation.saved import read_results
from nerveceg.evaluation.tally import Tally
from nerveceg.files import write_text
from nerveceg.outputs.html.page import style
from nerveceg.outputs.html.report.card import WORDS, make_card, rule_in_words
from nerveceg.outputs.html.report.curves import draw_curves
from nerveceg.outputs.html.report.flow import count_outcomes, draw_flow
from nerveceg.outputs.html.report.gallery import Picture
from nerveceg.outputs.html.report.headline import draw_headline
from nerveceg.outputs.html.report.honesty import draw_decision, draw_reliability
from nerveceg.outputs.html.report.kept import draw_coverage, draw_kept, frames_to_refer
from nerveceg.outputs.html.report.learning import draw_learning
from nerveceg.outputs.html.report.run import Run
from nerveceg.outputs.html.report.subjects import draw_subjects_strip
from nerveceg.outputs.notice import RESEARCH_USE

if TYPE_CHECKING:
    from jinja2 import Template

ROOM = "nerveceg.outputs.html.report"
STAGES: Mapping[str, str] = {"cls": "Stage 1, the gate", "seg": "Stage 2, the segmenter"}
FACTS = ("run", "data", "split", "nerveceg")
FIGURES = (
    *("frames", "subjects", "prevalence", "dice", "rows", "gate", "final", "loss", "contour"),
    *("reliability", "expectation", "by_group", "bootstrap", "facts", "notes"),
)
"""What the page shows of report.json; one of an earlier version may lack some."""


class Saved(NamedTuple):
    """A report as its folder has it."""

    figures: Mapping[str, Any]
    """the content of report.json"""
    results: Results
    tally: Tally | None


def read_report(folder: Path) -> Saved:
    """The report that an evaluation left in a folder, with its tally where there is one.

    Raises:
        DataError: report.json or frames.csv is missing or damaged, or they don't belong together.
    """
    path = folder / "report.json"
    results = read_results(folder)
    try:
        figures = read_object(path)
        frames = {name: figures[name] for name in FIGURES}["frames"]
    except (DataError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no whole report ({error}): make it with python tools/evaluate.py "
            f"output={folder}"
        ) from error
    if frames != len(results):
        raise DataError(
            f"{path} is of {frames} frames, frames.csv beside it of {len(results)}: evaluate again"
        )
    stored = folder / "tally.npz"
    return Saved(figures, results, Tally.load(stored) if stored.is_file() else None)


def make_page(
    saved: Saved,
    *,
    run: Run | None = None,
    gallery: Mapping[str, Sequence[Picture]] | None = None,
    words: Mapping[str, Any] = WORDS,
) -> str:
    """The page as text: no script, no address outside itself, everything from outside escaped.

    run: what the run's folder says. gallery: of `hang_gallery`. words: of `read_card`.

    Raises:
        DataError: the words make no model card.
    """
    run, gallery = run or Run(), gallery or {}
    figures, results, tally = saved
    return _template().render(
        report=figures,
        facts={**dict.fromkeys(FACTS), **figures["facts"]},
        rows={row["name"]: row for row in figures["rows"]},
        notice=RESEARCH_USE,
        style=style(),
        outcomes=count_outcomes(results),
        refer=_rows_to_refer(results),
        gallery=gallery,
        run=run,
        card=make_card(figures, run, words=words),
        decision=rule_in_words(figures["facts"].get("rule") or {}),
        sizes=_sizes(results),
        areas=np.quantile(results.truth_area[results.nerve], [0, 0.25, 0.5, 0.75, 1]).tolist()
        if results.nerve.any()
        else [],
        drawn=_draw(figures, results, tally, run),
    )


def write_page(folder: Path, page: str) -> None:
    """Write report.html into a folder."""
    write_text(folder / "report.html", page)


def _draw(
    figures: Mapping[str, Any], results: Results, tally: Tally | None, run: Run
) -> dict[str, Any]:
    """Every figure by name; None or () where its numbers aren't known."""
    rule = figures["facts"].get("rule") or {}
    same = tally is not None and np.array_equal(tally.ids, results.ids)
    known = tally if same and tally is not None and np.isfinite(tally.expected).all() else None
    return {
        "headline": draw_headline(figures["rows"]),
        "flow": draw_flow(count_outcomes(results)),
        "curves": draw_curves(results),
        "reliability": draw_reliability(results, figures["reliability"]["bins"]),
        "decision": None
        if known is None
        else draw_decision(results, known.presence, known.expected, rule.get("presence")),
        "kept": draw_kept(results),
        "coverage": draw_coverage(figures["expectation"]),
        "subjects": draw_subjects_strip(results),
        "learning": {STAGES[stage]: draw_learning(logs) for stage, logs in run.logs.items()},
    }


def _rows_to_refer(results: Results) -> list[dict[str, Any]]:
    dice, drawn = results.dice(), results.final.area > 0
    return [
        {
            "id": results.ids[place],
            "subject": results.subjects[place],
            "presence": float(results.presence[place]),
            "expected": float(results.expected[place]),
            "spread": float(results.spread[place]),
            "decision": "nerve" if drawn[place] else "none",
            "dice": float(dice[place]),
        }
        for place in frames_to_refer(results)
    ]


def _sizes(results: Results) -> list[tuple[str, int]]:
    """The most common native sizes and how many frames have them."""
    sizes, frames = np.unique(
        np.stack([results.width, results.height], axis=1), axis=0, return_counts=True
    )
    order = np.argsort(-frames, kind="stable")[:5]
    return [(f"{sizes[k][0]} x {sizes[k][1]}", int(frames[k])) for k in order]


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = _number
    environment.filters["interval"] = _interval
    text = resources.files(ROOM).joinpath("page.html").read_text(encoding="utf-8")
    return environment.from_string(text)


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def _interval(estimate: Mapping[str, float | None]) -> str:
    if estimate["low"] is None:
        return _number(estimate["value"])
    return (
        f"{_number(estimate['value'])} ({_number(estimate['low'])} to {_number(estimate['high'])})"
    )
