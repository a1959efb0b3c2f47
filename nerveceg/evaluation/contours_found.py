"""Presence counted by whether some contour was found, as unet_resnet34_2020 stated its results."""

from typing import NamedTuple

import numpy as np

from nerveceg.evaluation.results import Results


class ContoursFound(NamedTuple):
    """Counts of contours, whatever they overlap; NaN where undefined or contours weren't counted.

    A contour is an 8-connected component of a final mask or of the truth; a stray pixel is one.
    """

    found_nerve: float
    """share of the frames with nerve that have a contour"""
    lack_of_nerve: float
    """share of the frames without nerve that have none"""
    loss: float
    """share of the frames that are missed, false, or with nerve and more contours than the truth"""


def judge_contours_found(results: Results) -> ContoursFound:
    """The counts of the final masks: cvl-internship-2020, statistic/model.py."""
    nerve, found = results.nerve, results.final.area > 0
    wrong = nerve != found
    wrong |= nerve & results.passed & (results.contours > results.truth_contours)
    counted = np.isfinite(results.contours).all()
    return ContoursFound(
        found_nerve=float(found[nerve].mean()) if nerve.any() else float("nan"),
        lack_of_nerve=float((~found)[~nerve].mean()) if not nerve.all() else float("nan"),
        loss=float(wrong.mean()) if counted else float("nan"),
    )
