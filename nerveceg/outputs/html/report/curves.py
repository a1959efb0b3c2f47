"""Presence and truth to ROC and precision-recall curves, as numbers and as figures."""

from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from nerveceg.evaluation.results import Results
from nerveceg.outputs.html.plot import Axis, Plot

Float = NDArray[np.float64]


class Curves(NamedTuple):
    """What the gate would do at each of T distinct presences, from the highest down."""

    presence: Float
    """the gate keeps frames of this presence or more, float64 [T], falling"""
    true_positive_rate: Float
    """also called recall and sensitivity, float64 [T]"""
    false_positive_rate: Float
    """1 - specificity, float64 [T]"""
    precision: Float
    """share of the kept frames that show the nerve, float64 [T]"""


def make_curves(presence: NDArray[np.floating], nerve: NDArray[np.bool_]) -> Curves:
    """The curves of F frames of both kinds; presence: float [F], nerve: bool [F]."""
    levels, level = np.unique(-presence.astype(np.float64), return_inverse=True)
    true = np.bincount(level, weights=nerve, minlength=len(levels)).cumsum()
    kept = np.bincount(level, minlength=len(levels)).cumsum()
    return Curves(-levels, true / nerve.sum(), (kept - true) / (~nerve).sum(), true / kept)


def draw_curves(results: Results) -> tuple[Markup, ...]:
    """ROC and precision-recall as two figures; none where all frames are of one kind."""
    nerve = results.nerve
    if nerve.all() or not nerve.any():
        return ()
    curves = make_curves(results.presence, nerve)
    passed = results.passed
    kept = float(passed[nerve].mean())
    roc = Plot(
        Axis("false-positive rate"),
        Axis("sensitivity"),
        says="ROC of the gate, with the point at which it works",
    )
    roc.line([0, 1], [0, 1], style="grey", name="by chance")
    start = np.zeros(1)
    roc.line(
        np.concatenate([start, curves.false_positive_rate]),
        np.concatenate([start, curves.true_positive_rate]),
        style="a",
        name="presence",
    )
    at_work = f"the rule: sensitivity {kept:.3f}, specificity {1 - passed[~nerve].mean():.3f}"
    roc.dots([passed[~nerve].mean()], [kept], style="b big", shape="square", name=at_work)
    return roc.svg(), _draw_precision(curves, results)


def _draw_precision(curves: Curves, results: Results) -> Markup:
    nerve, passed = results.nerve, results.passed
    share = float(nerve.mean())
    plot = Plot(
        Axis("sensitivity"),
        Axis("precision"),
        says="Precision of the gate over its sensitivity, with the point at which it works",
    )
    plot.line([0, 1], [share, share], style="grey", name=f"by chance: prevalence {share:.3f}")
    plot.line(curves.true_positive_rate, curves.precision, style="a", name="presence")
    if passed.any():
        precision = float(nerve[passed].mean())
        name = f"the rule: precision {precision:.3f}"
        plot.dots([passed[nerve].mean()], [precision], style="b big", shape="square", name=name)
    return plot.svg()
