"""Whether presence is honest, and how it decides with the expected Dice: two figures."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from scipy.stats import binomtest

from nerveceg.evaluation.bootstrap import draw_subjects
from nerveceg.evaluation.results import Results
from nerveceg.outputs.html.plot import Axis, Plot

RESAMPLES = 1000
Float = NDArray[np.float64]


class Point(NamedTuple):
    """A bin of the reliability diagram with its interval; NaN where a single subject is in it."""

    presence: float
    share: float
    low: float
    high: float
    frames: int


def reliability_points(results: Results, frames: Sequence[int]) -> tuple[Point, ...]:
    """Bins of so many frames each, from the lowest presence on, as the report has them.

    95 % intervals of the share that shows the nerve: by bootstrap over subjects, where resamples
    without a frame of the bin don't count, or Wilson's (1927) of its frames where that is wider.
    The bootstrap alone has no width where all frames of a bin are of one kind.
    """
    order = np.argsort(results.presence, kind="stable")
    _, subject = np.unique(results.subjects, return_inverse=True)
    draws = draw_subjects(int(subject.max()) + 1, seed=0, resamples=RESAMPLES)
    parts = np.split(order, np.cumsum(frames)[:-1])
    return tuple(_point(results, part, subject[part], draws) for part in parts)


def _point(
    results: Results, part: NDArray[np.intp], subject: NDArray[np.intp], draws: NDArray[np.int64]
) -> Point:
    nerve = results.nerve[part]
    present = np.bincount(subject, weights=nerve, minlength=draws.shape[1])
    frames = draws @ np.bincount(subject, minlength=draws.shape[1])
    shares = (draws @ present)[frames > 0] / frames[frames > 0]
    alone = len(np.unique(subject)) < 2
    low, high = (np.nan, np.nan) if alone else np.quantile(shares, [0.025, 0.975])
    wilson = binomtest(int(nerve.sum()), len(part)).proportion_ci(method="wilson")
    low, high = np.minimum(low, wilson.low), np.maximum(high, wilson.high)
    mean = float(results.presence[part].astype(np.float64).mean())
    return Point(mean, float(nerve.mean()), float(low), float(high), len(part))


def draw_reliability(results: Results, bins: Sequence[Mapping[str, Any]]) -> Markup:
    """The reliability diagram; bins: of report.json."""
    points = reliability_points(results, [bin_["frames"] for bin_ in bins])
    presence, share, low, high, _ = (np.array(column) for column in zip(*points, strict=True))
    plot = Plot(
        Axis("presence"),
        Axis("share of frames with nerve"),
        says="Reliability diagram: the share of frames with nerve over their presence",
    )
    plot.line([0, 1], [0, 1], style="grey", name="honest")
    known = np.isfinite(low)
    plot.whiskers(presence[known], low[known], high[known], style="a")
    plot.dots(presence, share, style="a", shape="square", name="bins, 95 % over subjects")
    return plot.svg()


def draw_decision(
    results: Results,
    presence: NDArray[np.floating],
    mask_dice: NDArray[np.floating],
    threshold: float | None,
) -> Markup:
    """Presence over the Dice that the best mask would get, and where a mask is worth it.

    presence, mask_dice: float [F], of any mask whatever the gate said, as a tally has them.
    threshold: presence at which the rule opens the gate; None for the joint decision.
    """
    plot = Plot(
        Axis("expected Dice of the mask, if the nerve is there"),
        Axis("presence"),
        says="Each frame by presence and expected Dice; above the curve a mask is worth drawing",
        height=300,
    )
    nerve = results.nerve
    plot.dots(mask_dice[~nerve], presence[~nerve], style="b thin", shape="cross", name="no nerve")
    plot.dots(mask_dice[nerve], presence[nerve], style="a thin", shape="dot", name="nerve")
    across = np.linspace(0, 1, 51)
    plot.line(across, 1 / (1 + across), style="k", name="1 / (1 + d): above it a mask pays")
    if threshold is not None:
        plot.line([0, 1], [threshold] * 2, style="c", name=f"this rule: presence {threshold:g}")
    return plot.svg()
