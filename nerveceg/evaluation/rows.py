"""The rows that stand beside every score: what it is worth, and which stage loses the rest."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.evaluation.bootstrap import Estimate, bootstrap_figures, estimate
from nerveceg.evaluation.counts import Counts
from nerveceg.evaluation.figures import figures, frame_sums, group_sums, total
from nerveceg.evaluation.results import Results

TWO_STAGE = "two-stage"
DEFINITIONS: Mapping[str, str] = {
    "all empty": "no mask on any frame",
    "constant mask, oracle gate": "one mask, fitted on training masks, on exactly the frames with "
    "nerve",
    "ungated": "the segmenter's mask on every frame",
    TWO_STAGE: "the segmenter's mask where the gate lets the frame through",
    "oracle gate": "the segmenter's mask on exactly the frames with nerve",
    "oracle segmenter": "the truth wherever the two stages draw a mask on a frame with nerve; a "
    "mask on a frame without nerve stays wrong",
}


class Row(NamedTuple):
    """One way of drawing masks and its figures with intervals; NaN where not measured."""

    name: str
    definition: str
    dice: Estimate
    dice_on_nerve: Estimate
    dice_on_detected: Estimate
    sensitivity: Estimate
    specificity: Estimate


def make_rows(
    results: Results, subject: NDArray[np.intp], draws: NDArray[np.int64]
) -> tuple[Row, ...]:
    """Every row of DEFINITIONS, in its order; subject: int [F], draws: int64 [R, S]."""
    counts = row_counts(results)
    return tuple(
        _row(name, counts[name], results.truth_area, subject, draws) for name in DEFINITIONS
    )


def row_counts(results: Results) -> dict[str, Counts | None]:
    """Counts, int64 [F], of the masks of each row; None without a constant mask."""
    nerve, final = results.nerve, results.final
    found = nerve & (final.area > 0)
    truth = np.where(found, results.truth_area, 0)
    return {
        "all empty": _where(np.zeros_like(nerve), final),
        "constant mask, oracle gate": results.constant and _where(nerve, results.constant),
        "ungated": results.mask,
        TWO_STAGE: final,
        "oracle gate": _where(nerve, results.mask),
        "oracle segmenter": Counts(truth, np.where(found, truth, final.area)),
    }


def _where(kept: NDArray[np.bool_], counts: Counts) -> Counts:
    return Counts(*(np.where(kept, pixels, 0) for pixels in counts))


def _row(
    name: str,
    counts: Counts | None,
    truth_area: NDArray[np.int64],
    subject: NDArray[np.intp],
    draws: NDArray[np.int64],
) -> Row:
    if counts is None:
        missing = Estimate(*(float("nan"),) * 3)
        definition = f"{DEFINITIONS[name]} (no constant mask was given)"
        return Row(name, definition, *(missing,) * 5)
    subjects = draws.shape[1]
    by_subject = group_sums(frame_sums(counts, truth_area), subject, subjects)
    values, resampled = figures(total(by_subject)), bootstrap_figures(by_subject, draws)
    _, *estimates = (
        estimate(float(value), column, subjects)
        for value, column in zip(values, resampled, strict=True)
    )
    return Row(name, DEFINITIONS[name], *estimates)
