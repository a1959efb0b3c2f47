"""Where the score is lost: frames to outcomes, with the Dice that each earns and loses."""

from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from nerveceg.evaluation.results import Results
from nerveceg.outputs.html.drawing import box, drawing, path, word

WIDTH, HEIGHT, GAP, TOP, NODE = 400, 210, 16, 24, 14
ROW = 30


class Outcome(NamedTuple):
    """One way in which frames end; shares of the whole score, so that all earned make the Dice."""

    name: str
    meaning: str
    frames: int
    earned: float
    """Dice of these frames added up, over all frames of the report"""
    lost: float
    """what they would have earned beyond that with a perfect mask"""


def count_outcomes(results: Results) -> tuple[Outcome, ...]:
    """TP, FN, FP and TN of final masks, whatever their contour; all `lost` add up to 1 - S."""
    nerve, drawn, dice = results.nerve, results.final.area > 0, results.dice()
    kinds = {
        ("TP", "nerve found, drawn more or less well"): nerve & drawn,
        ("FN", "nerve missed: nothing drawn"): nerve & ~drawn,
        ("FP", "false alarm: a mask without a nerve"): ~nerve & drawn,
        ("TN", "rightly left empty"): ~nerve & ~drawn,
    }
    return tuple(
        Outcome(
            *names,
            int(chosen.sum()),
            float(dice[chosen].sum()) / len(results),
            float((1 - dice[chosen]).sum()) / len(results),
        )
        for names, chosen in kinds.items()
    )


def draw_flow(outcomes: tuple[Outcome, ...]) -> Markup:
    """All frames, split by truth and then by final mask; what is lost is hatched."""
    frames = sum(outcome.frames for outcome in outcomes)
    unit = HEIGHT / max(frames, 1)
    heights = np.array([outcome.frames * unit for outcome in outcomes])
    tops = TOP + np.concatenate([[0], heights.cumsum()[:-1]]) + GAP * np.arange(4)
    nerve = float(heights[:2].sum())
    middle = tops[0] + GAP / 2, tops[2] - GAP / 2
    whole = TOP + 1.5 * GAP
    parts = [HATCH, _node(0, whole, HEIGHT, "node")]
    for top, height, start in (
        (middle[0], nerve, whole),
        (middle[1], HEIGHT - nerve, whole + nerve),
    ):
        parts += [_ribbon(0, start, 115, top, height), _node(115, top, height, "node")]
    inside = [middle[0], middle[0] + heights[0], middle[1], middle[1] + heights[2]]
    for outcome, start, top, height in zip(outcomes, inside, tops, heights, strict=True):
        good = height * outcome.earned / max(outcome.earned + outcome.lost, 1e-12)
        parts += [_ribbon(115, start, 240, top, height), _node(240, top, good, "earned")]
        parts.append(_node(240, top + good, height - good, "lost"))
    parts += _labels(outcomes, tops + heights / 2)
    found = outcomes[0].frames + outcomes[1].frames
    above, below = middle[0] - 6, middle[1] + HEIGHT - nerve + 14
    parts += [word(0, above, f"{frames} frames"), word(115, above, f"{found} nerve")]
    parts.append(word(115 + NODE, below, f"{frames - found} no nerve", "end"))
    says = "; ".join(f"{o.name} {o.frames} frames, loses {o.lost:.3f}" for o in outcomes)
    return drawing(WIDTH, TOP + HEIGHT + 3 * GAP + 24, f"Frames to outcomes: {says}", parts)


HATCH = Markup(
    '<defs><pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path class="hatch" d="M0 0V5"/></pattern></defs>'
)


def _labels(outcomes: tuple[Outcome, ...], middles: np.ndarray) -> list[Markup]:
    """Two lines beside each outcome, none over another."""
    parts, last = [], -np.inf
    for outcome, middle in zip(outcomes, middles, strict=True):
        last = max(float(middle), last + ROW)
        parts.append(
            word(260, last - 2, f"{outcome.name}: {outcome.frames} frames", style="strong")
        )
        parts.append(word(260, last + 12, f"+{outcome.earned:.3f}, lost {outcome.lost:.3f}"))
    return parts


def _node(left: float, top: float, height: float, style: str) -> Markup:
    return box(left, top, NODE, height, style)


def _ribbon(left: float, start: float, right: float, end: float, height: float) -> Markup:
    """From one node's right side to the next one's left."""
    left, half = left + NODE, (left + NODE + right) / 2
    curve = (
        f"M{left} {start:.1f}C{half} {start:.1f} {half} {end:.1f} {right} {end:.1f}v{height:.1f}"
    )
    low = f"C{half} {end + height:.1f} {half} {start + height:.1f} {left} {start + height:.1f}z"
    return path(curve + low, "ribbon")
