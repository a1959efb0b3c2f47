"""Two reports on the same frames, compared by subject: what differs, how surely, what could."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.frames import natural_key
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.bootstrap import (
    RESAMPLES,
    Estimate,
    bootstrap_figures,
    draw_subjects,
    estimate,
)
from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.figures import Figures, Sums, figures, frame_sums, group_sums, total
from nerveceg.evaluation.report import Report
from nerveceg.evaluation.results import Results

SURENESS, POWER = 1.959964, 0.841621
"""Normal quantiles: .975 of a two-sided test at .05, and .80 of a power of 80 %."""

NOTES: Mapping[str, str] = {
    "difference": "first minus second, on the same frames",
    "interval": "95 %, bootstrap over subjects, all frames of a subject together; the same "
    "subjects are drawn for both",
    "p_value": "Wilcoxon signed-rank test of the subjects' mean differences of Dice, two-sided; "
    "subjects without a difference are left out",
    "smallest_detectable": "(1.96 + 0.84) * sd / sqrt(subjects): a true difference of Dice that "
    "80 % of such comparisons would show at .05, two-sided; sd of the subjects' mean differences, "
    "each weighted by its share of the frames",
}


class Difference(NamedTuple):
    """One figure of both reports; NaN where undefined."""

    first: float
    second: float
    difference: Estimate
    """first - second"""


class SubjectDifference(NamedTuple):
    """Mean Dice of one subject's frames in both reports."""

    subject: str
    frames: int
    first: float
    second: float
    difference: float
    """first - second"""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs between two reports on the same frames; first - second throughout."""

    frames: int
    subjects: int
    dice: Difference
    dice_on_nerve: Difference
    sensitivity: Difference
    specificity: Difference
    p_value: float
    """Wilcoxon signed-rank over subjects, two-sided; 1 where no subject differs"""
    wins: int
    """subjects on which the first is better"""
    ties: int
    losses: int
    smallest_detectable: float
    """of Dice, with 80 % power; NaN for one subject"""
    by_subject: tuple[SubjectDifference, ...] = field(repr=False)
    """from the first's largest loss to its largest win"""
    bootstrap: Mapping[str, int]

    @property
    def verdict(self) -> str:
        """Which one is better, by the interval of the difference of Dice, in words."""
        if self.dice.difference.low > 0:
            return "the first is better"
        if self.dice.difference.high < 0:
            return "the second is better"
        if self.subjects < 2:
            return "no difference shown: one subject can't show any"
        if not self.wins + self.losses:
            return "no difference: every subject scores the same in both"
        return (
            f"no difference shown; one smaller than {self.smallest_detectable:.3f} can't be seen "
            f"with {self.subjects} subjects"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, None for undefined figures."""
        content = {column.name: getattr(self, column.name) for column in fields(self)}
        return {"verdict": self.verdict, "notes": dict(NOTES), **_plain(content)}

    def to_json(self) -> str:
        """The text of comparison.json."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def compare(
    first: Report | Results,
    second: Report | Results,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare two reports, or their results, on the same frames, in any order.

    Resamples draw the same subjects for both: what makes a subject hard for both cancels out.
    seed, resamples: of the bootstrap.

    Raises:
        NerveCegError: the frames, their subjects or their truth aren't the same.
    """
    ours, theirs = _results(first), _results(second)
    counts = _matched(ours, theirs)
    names, subject = np.unique(ours.subjects, return_inverse=True)
    one, other = (
        group_sums(frame_sums(final, ours.truth_area), subject, len(names))
        for final in (ours.final, counts)
    )
    draws = draw_subjects(len(names), seed=seed, resamples=resamples)
    differences = _differences(one, other, draws)
    by_subject = _by_subject(names, one, other)
    change = np.array([row.difference for row in by_subject])
    return Comparison(
        frames=len(ours),
        subjects=len(names),
        dice=differences["dice"],
        dice_on_nerve=differences["dice_on_nerve"],
        sensitivity=differences["sensitivity"],
        specificity=differences["specificity"],
        p_value=_wilcoxon(change),
        wins=int((change > 0).sum()),
        ties=int((change == 0).sum()),
        losses=int((change < 0).sum()),
        smallest_detectable=smallest_detectable(change, frames=one.frames),
        by_subject=tuple(sorted(by_subject, key=lambda row: row.difference)),
        bootstrap={"seed": seed, "resamples": resamples},
    )


def smallest_detectable(
    differences: NDArray[np.float64], *, frames: NDArray[np.floating] | None = None
) -> float:
    """The true mean difference that a comparison of S subjects shows with a power of 80 %.

    (1.96 + 0.84) * sd / sqrt(S), for a two-sided test at .05. The mean over frames weighs a
    subject by its frames; sd is then that of w * (d - mean) with w = frames / mean frames, which
    for equal numbers of frames is the plain sd (the ratio estimator: Cochran, 1977, chapter 6).

    Args:
        differences: float [S], the subjects' mean differences.
        frames: float [S], how many frames each has; None for equal numbers.
    """
    subjects = len(differences)
    if subjects < 2:
        return float("nan")
    share = np.ones(subjects) if frames is None else frames / frames.mean()
    deviation = share * (differences - np.average(differences, weights=share))
    return float((SURENESS + POWER) * deviation.std(ddof=1) / math.sqrt(subjects))


def _results(scored: Report | Results) -> Results:
    return scored.results if isinstance(scored, Report) else scored


def _matched(ours: Results, theirs: Results) -> Counts:
    """Counts of their final masks in the order of our frames."""
    places = {name: place for place, name in enumerate(theirs.ids)}
    lone = sorted(set(ours.ids) ^ places.keys(), key=natural_key)
    if lone:
        whose = "second" if lone[0] in set(ours.ids) else "first"
        raise NerveCegError(
            f"frame {lone[0]} isn't in the {whose} report ({len(lone)} frames are in one alone): "
            "score both on the same frames"
        )
    order = np.array([places[name] for name in ours.ids])
    for column, meaning in (("subjects", "subject"), ("truth_area", "area of the truth")):
        mine, other = getattr(ours, column), getattr(theirs, column)[order]
        for place in np.flatnonzero(mine != other)[:1]:
            raise NerveCegError(
                f"frame {ours.ids[place]}: the {meaning} is {mine[place]} in the first report, "
                f"{other[place]} in the second: score both against the same truth"
            )
    return Counts(*(pixels[order] for pixels in theirs.final))


def _differences(one: Sums, other: Sums, draws: NDArray[np.int64]) -> dict[str, Difference]:
    """Each figure's difference by name; sums by subject, float64 [S], draws int64 [R, S]."""
    first, second = figures(total(one)), figures(total(other))
    resampled = bootstrap_figures(one, draws), bootstrap_figures(other, draws)
    rows = zip(first, second, *resampled, strict=True)
    return {
        name: Difference(float(a), float(b), estimate(float(a - b), many - others, draws.shape[1]))
        for name, (a, b, many, others) in zip(Figures._fields, rows, strict=True)
    }


def _by_subject(names: NDArray[np.str_], one: Sums, other: Sums) -> list[SubjectDifference]:
    # Rounded, for sums of the same scores in another order differ in the last digit.
    change = ((one.dice - other.dice) / one.frames).round(12)
    rows = zip(
        names.tolist(),
        one.frames.astype(int).tolist(),
        (one.dice / one.frames).tolist(),
        (other.dice / one.frames).tolist(),
        change.tolist(),
        strict=True,
    )
    return [SubjectDifference(*row) for row in rows]


def _wilcoxon(change: NDArray[np.float64]) -> float:
    from scipy.stats import wilcoxon

    return float(wilcoxon(change).pvalue) if change.any() else 1.0


def _plain(value: Any) -> Any:
    """NamedTuples to dicts by field, NaN to None, all the way down."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value
