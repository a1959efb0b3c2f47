"""What the score would be with fewer or more masks, and with frames left to a human."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from nerveceg.evaluation.counts import dice
from nerveceg.evaluation.results import Results
from nerveceg.outputs.html.plot import Axis, Plot

MOST_POINTS = 600
REFERRED = 20


def score_by_kept(
    presence: NDArray[np.floating], with_mask: NDArray[np.float64], nerve: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Dice over all frames if only the k of the highest presence get a mask, float64 [F + 1].

    presence: float [F]. with_mask: float64 [F], Dice of each frame's mask. nerve: bool [F].
    k = 0 .. F; frames of one presence come in their given order.
    """
    order = np.argsort(-presence, kind="stable")
    gain = (with_mask - ~nerve)[order]
    return np.asarray((np.sum(~nerve) + np.concatenate([[0.0], gain.cumsum()])) / len(nerve))


def draw_kept(results: Results) -> Markup:
    """Score over the number of kept masks, with the rule's own number."""
    with_mask = dice(results.mask, results.truth_area)
    scores = score_by_kept(results.presence, with_mask, results.nerve)
    kept = np.arange(len(scores))
    some = np.unique(np.linspace(0, len(results), MOST_POINTS).round().astype(int))
    plot = Plot(
        Axis("masks kept, highest presence first", 0, len(results)),
        Axis("Dice over all frames", *_range(scores)),
        says="Dice over all frames as more and more masks are kept",
    )
    best, drawn = int(scores.argmax()), int((results.final.area > 0).sum())
    plot.line([0, len(results)], [scores[0]] * 2, style="grey", name=f"all empty: {scores[0]:.3f}")
    plot.line(kept[some], scores[some], style="a", name="masks by presence")
    score = float(results.dice().mean())
    name = f"the rule: {drawn} masks, {score:.3f}"
    plot.dots([drawn], [score], style="b big", shape="square", name=name)
    name = f"best in hindsight: {best} masks, {scores[best]:.3f}"
    plot.dots([best], [scores[best]], style="c big", shape="triangle", name=name)
    return plot.svg()


def draw_coverage(expectation: Mapping[str, Any]) -> Markup | None:
    """Score of the frames that aren't referred; None where nothing was expected."""
    if not expectation["coverage"]:
        return None
    dice_kept = expectation["dice"]
    plot = Plot(
        Axis("share of frames kept"),
        Axis("Dice of the kept frames", *_range(np.array(dice_kept))),
        says="Dice of the kept frames as those of the lowest expected Dice go to a human",
    )
    every = f"every frame kept: {dice_kept[-1]:.3f}"
    plot.line([0, 1], [dice_kept[-1]] * 2, style="grey", name=every)
    plot.line(expectation["coverage"], dice_kept, style="a", name="lowest expectation goes first")
    return plot.svg()


def frames_to_refer(results: Results, *, most: int = REFERRED) -> NDArray[np.intp]:
    """Places of the frames of the lowest `expected - spread`, lowest first; none if unknown."""
    bound = results.expected.astype(np.float64) - results.spread
    if np.isnan(bound).any():
        return np.zeros(0, dtype=np.intp)
    return np.argsort(bound, kind="stable")[:most]


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    """Tenths that hold all values."""
    low, high = np.floor(values.min() * 10) / 10, np.ceil(values.max() * 10) / 10
    return float(low), float(high if high > low else low + 0.1)
