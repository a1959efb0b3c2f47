"""Each subject's frames in a strip of dots, the hardest subject first."""

import numpy as np
from markupsafe import Markup

from nerveceg.evaluation.results import Results
from nerveceg.outputs.html.plot import WIDE, Axis, Plot


def draw_subjects_strip(results: Results) -> Markup:
    """Dice of every frame over its subject, with each subject's mean; hardest to easiest."""
    names, subject = np.unique(results.subjects, return_inverse=True)
    dice = results.dice()
    means = np.bincount(subject, weights=dice) / np.bincount(subject)
    order = np.argsort(means, kind="stable")
    place = np.empty(len(names))
    place[order] = np.arange(len(names)) + 0.5
    plot = Plot(
        Axis("subjects, from the lowest mean Dice to the highest", 0, len(names)),
        Axis("Dice", -0.05, 1.05),
        says=f"Dice of each frame of {len(names)} subjects, subjects sorted by their mean",
        width=WIDE,
        height=280,
    )
    nerve, across = results.nerve, place[subject] + _jitter(len(results))
    plot.dots(across[~nerve], dice[~nerve], style="b thin", shape="cross", name="no nerve: 0 or 1")
    plot.dots(across[nerve], dice[nerve], style="a thin", shape="dot", name="nerve")
    plot.line(np.sort(place), means[order], style="k solid", name="mean of the subject")
    return plot.svg()


def _jitter(frames: int) -> np.ndarray:
    """Shifts that part frames of one Dice, float64 [F]; the same every time."""
    golden: np.ndarray = np.arange(frames) * 0.618034 % 1
    return (golden - 0.5) * 0.6
