"""How well the nerve is drawn: overlap and distance, on frames with nerve alone."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.evaluation.results import Results


class Contour(NamedTuple):
    """Means over frames with nerve; NaN where there is no such frame."""

    nerve_frames: int
    detected: int
    """frames with nerve whose final mask isn't empty"""
    iou: float
    """over all frames with nerve; a miss is 0"""
    recall: float
    """share of the nerve's pixels drawn, over all frames with nerve; a miss is 0"""
    precision: float
    """share of the drawn pixels that are nerve, over detected frames"""
    hd95_px: float
    """over frames where it is defined"""
    hd95_mm: float
    """NaN where the size of a pixel isn't known"""
    nsd: float
    """at 5 px, over frames where it is defined"""
    undefined: int
    """frames with nerve without a final mask: HD95, NSD and precision don't exist there"""
    measured: int
    """frames whose HD95 and NSD were measured; 0 where distances were left out"""


def judge_contour(results: Results, *, spacing_mm: float | None = None) -> Contour:
    """The contour's figures; spacing_mm: the side of a pixel, None where unknown."""
    nerve, final = results.nerve, results.final
    detected = nerve & (final.area > 0)
    measured = detected & np.isfinite(results.hd95)
    hits, area, truth = final.hits[nerve], final.area[nerve], results.truth_area[nerve]
    hd95 = _mean(results.hd95[measured])
    return Contour(
        nerve_frames=int(nerve.sum()),
        detected=int(detected.sum()),
        iou=_mean(hits / (area + truth - hits)),
        recall=_mean(hits / truth),
        precision=_mean(final.hits[detected] / final.area[detected]),
        hd95_px=hd95,
        hd95_mm=float("nan") if spacing_mm is None else hd95 * spacing_mm,
        nsd=_mean(results.nsd[measured]),
        undefined=int((nerve & ~detected).sum()),
        measured=int(measured.sum()),
    )


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")
