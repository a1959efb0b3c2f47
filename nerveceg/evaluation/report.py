"""Results to the report: one object, one JSON file, one table of frames."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nerveceg.evaluation.bootstrap import RESAMPLES, Estimate, draw_subjects
from nerveceg.evaluation.breakdown import Part, break_down
from nerveceg.evaluation.contour import Contour, judge_contour
from nerveceg.evaluation.contours_found import ContoursFound, judge_contours_found
from nerveceg.evaluation.expectation import Expectation, judge_expectation
from nerveceg.evaluation.reliability import Reliability, judge_presence
from nerveceg.evaluation.results import Results
from nerveceg.evaluation.rows import TWO_STAGE, Row, make_rows
from nerveceg.evaluation.stages import (
    FinalMask,
    Gate,
    LossSplit,
    judge_final,
    judge_gate,
    split_loss,
)
from nerveceg.files import write_text

MOST_PARTS = 20
"""A column of more different values (an age, a file name) names no subgroups."""

NOTES: Mapping[str, str] = {
    "dice": "mean over all frames of Dice at native pixels; both empty = 1, one of them empty = 0",
    "dice_on_nerve": "mean Dice over frames whose truth shows the nerve; a miss is 0",
    "dice_on_detected": "mean Dice over frames with nerve whose final mask isn't empty",
    "interval": "95 %, bootstrap over subjects, all frames of a subject together; none with a "
    "single subject",
    "gate": "sensitivity and specificity of the gate's decision alone; the final mask's, which "
    "enter the loss split, are given apart",
    "loss": "1 - S = (1-rho)*FPR + rho*FNR + rho*TPR*(1-d): false_alarms + misses + contour",
    "contour": "frames with nerve alone; iou and recall count a miss as 0, precision, HD95 and NSD "
    "(tolerance 5 px) are undefined there; mm only where the size of a pixel is known",
    "contours_found": "counts of contours, 8-connected components of final masks, without regard "
    "to overlap; loss: missed, false, or more contours than the truth has; comparable with such "
    "counts alone",
    "reliability": "of presence: negative log-likelihood in nats, Brier score, expected "
    "calibration error in 15 bins of equal mass, slope and intercept of the logistic regression "
    "of its logit",
    "expectation": "the Dice that each frame is expected to get, pi*d with a mask and 1-pi "
    "without, against the realised one; honest only where presence and pixels were calibrated",
    "use": "research use only; not a medical device, not for diagnosis or guiding a needle",
}


@dataclass(frozen=True, kw_only=True)
class Report:
    """How two stages do on a set of frames; undefined figures are NaN, null in the JSON file."""

    results: Results = field(repr=False)
    frames: int
    subjects: int
    prevalence: float
    rows: tuple[Row, ...]
    gate: Gate
    final: FinalMask
    loss: LossSplit
    contour: Contour
    contours_found: ContoursFound
    reliability: Reliability
    expectation: Expectation
    by_subject: tuple[Part, ...] = field(repr=False)
    by_group: Mapping[str, tuple[Part, ...]] = field(repr=False)
    bootstrap: Mapping[str, int]
    facts: Mapping[str, Any]

    @property
    def dice(self) -> Estimate:
        """The headline: mean over all frames of Dice at native pixels; both empty is 1."""
        return self.row(TWO_STAGE).dice

    def row(self, name: str) -> Row:
        """The row of that name, as in `rows.DEFINITIONS`."""
        return next(row for row in self.rows if row.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, None for undefined figures, without the table of frames."""
        content = {
            "dice": self.dice,
            "notes": NOTES,
            **{
                name: getattr(self, name) for name in self.__dataclass_fields__ if name != "results"
            },
        }
        return {name: _plain(value) for name, value in content.items()}

    def to_json(self) -> str:
        """The text of report.json."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    def save(self, folder: Path) -> None:
        """Write report.json, frames.csv (a row a frame) and subjects.csv into a folder."""
        import pandas as pd

        write_text(folder / "report.json", self.to_json())
        subjects = pd.DataFrame(self.by_subject)
        for name, table in (("frames", self.results.table()), ("subjects", subjects)):
            write_text(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))


def make_report(
    results: Results,
    *,
    spacing_mm: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    facts: Mapping[str, Any] | None = None,
) -> Report:
    """Every figure of the report from the rows of frames.

    Args:
        results: one row a frame.
        spacing_mm: side of a pixel; None where unknown, and then no figure is in mm.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        facts: where the numbers come from (command, data, split, versions), written as given;
            values fit for JSON and free of private paths.
    """
    names, subject = np.unique(results.subjects, return_inverse=True)
    draws = draw_subjects(len(names), seed=seed, resamples=resamples)
    rows = make_rows(results, subject, draws)
    two_stage = next(row for row in rows if row.name == TWO_STAGE)
    return Report(
        results=results,
        frames=len(results),
        subjects=len(names),
        prevalence=float(results.nerve.mean()),
        rows=rows,
        gate=judge_gate(results, subject, draws),
        final=judge_final(results, two_stage.sensitivity, two_stage.specificity),
        loss=split_loss(results),
        contour=judge_contour(results, spacing_mm=spacing_mm),
        contours_found=judge_contours_found(results),
        reliability=judge_presence(results.presence, results.nerve, subject, draws),
        expectation=judge_expectation(results, subject, draws),
        by_subject=break_down(results, results.subjects),
        by_group={
            name: break_down(results, labels)
            for name, labels in results.groups.items()
            if len(np.unique(labels)) <= MOST_PARTS
        },
        bootstrap={"seed": seed, "resamples": resamples},
        facts=dict(facts or {}),
    )


def _plain(value: Any) -> Any:
    """NamedTuples to dicts by field, NaN to None, all the way down."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
