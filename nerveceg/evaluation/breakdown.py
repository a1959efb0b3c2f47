"""The same figures for parts of the frames: each subject, each device, each site."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.evaluation.figures import figures, frame_sums, group_sums
from nerveceg.evaluation.results import Results


class Part(NamedTuple):
    """A part of the frames and how the two stages do on it; NaN where undefined."""

    name: str
    frames: int
    subjects: int
    prevalence: float
    all_empty: float
    """the Dice of no mask on any frame of this part"""
    dice: float
    dice_on_nerve: float
    dice_on_detected: float
    sensitivity: float
    specificity: float


def break_down(results: Results, labels: NDArray[np.str_]) -> tuple[Part, ...]:
    """The parts of frames with equal labels, str [F], in the labels' order."""
    names, part = np.unique(labels, return_inverse=True)
    _, subject = np.unique(results.subjects, return_inverse=True)
    pairs = np.unique(np.stack([part, subject]), axis=1)
    subjects = np.bincount(pairs[0])
    sums = group_sums(frame_sums(results.final, results.truth_area), part, len(names))
    prevalence, *columns = figures(sums)
    return tuple(
        Part(
            str(name),
            int(sums.frames[place]),
            int(subjects[place]),
            float(prevalence[place]),
            1 - float(prevalence[place]),
            *(float(column[place]) for column in columns),
        )
        for place, name in enumerate(names)
    )
