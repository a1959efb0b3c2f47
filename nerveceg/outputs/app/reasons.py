"""A decision to the one sentence that says which inequality decided it."""

from dataclasses import replace

import torch
from torch import Tensor

from nerveceg.calibration import MOST_DICE
from nerveceg.decision import Rule, draw, smooth
from nerveceg.operation import Decision, OperatingPoint

_MOST_DIGITS = 6


def reason_of(point: OperatingPoint, gate: Tensor, probability: Tensor, decision: Decision) -> str:
    """Why one frame got its mask, or none.

    gate: float32 [1], the gate's presence. probability: float32 [1, 1, H, W] at native pixels,
    which `decision` was made from.
    """
    rule = point.gate_rule
    if not point.may_pass(gate).item():
        return f"Left empty: {_hopeless(point, gate)}."
    area = int(decision.mask.sum())
    words = _inequality(
        rule,
        presence=decision.fused.item(),
        expected=decision.dice.item(),
        area=area,
        holds=bool(decision.passed.item()),
    )
    if not decision.passed.item():
        return f"Left empty: {words}."
    if area:
        return f"Mask drawn: {words}."
    return f"Left empty: {words}, but {_nothing_left(point, probability)}."


def _hopeless(point: OperatingPoint, gate: Tensor) -> str:
    """Why no mask could have opened the gate, so that none was asked for."""
    best = torch.full_like(gate, MOST_DICE)
    words = _inequality(
        point.gate_rule,
        presence=point.after_mask(gate, best).item(),
        expected=MOST_DICE,
        area=None,
        holds=False,
    )
    fused = point.calibration.fusion is not None
    return f"even with the best mask {words}" if fused or point.rule.presence is None else words


def _inequality(
    rule: Rule, *, presence: float, expected: float, area: int | None, holds: bool
) -> str:
    """The inequality of `decision.passes` with its numbers; area None: as large as it takes."""
    if rule.presence is None:
        gain, rest = presence * expected, 1 - presence
        left, right = _apart(gain, rest)
        relation = "is above" if holds else "is not above"
        return (
            f"presence × Dice expected if the nerve is there ({presence:.2f} × {expected:.2f} = "
            f"{left}) {relation} 1 − presence ({right}), the Dice expected of an empty frame"
        )
    if rule.mixture_area is not None:
        share = 1.0 if area is None else min(area / rule.mixture_area, 1)
        left, right = _apart((presence + share * 5 / 3) / 2, rule.presence)
        relation = "reaches" if holds else "does not reach"
        return f"presence and area together, {left}, {relation} the threshold {right}"
    left, right = _apart(presence, rule.presence)
    if rule.miss_rate is not None:
        relation = "is at least" if holds else "is below"
        return (
            f"presence {left} {relation} {right}, the threshold that bounds missed frames at "
            f"{rule.miss_rate:.0%}"
        )
    return f"presence {left} {'is above' if holds else 'is not above'} the threshold {right}"


def _nothing_left(point: OperatingPoint, probability: Tensor) -> str:
    """Why the mask behind an open gate has no pixel."""
    rule = point.gate_rule
    if rule.area:
        whole = draw(probability, replace(rule, area=0), priors=point.priors)
        found = int(whole.area)
        if found:
            return f"its mask has {found} pixels, fewer than the least area {rule.area}"
    highest = smooth(probability, rule).max().item()
    if rule.mask is not None and highest < rule.mask:
        left, right = _apart(highest, rule.mask)
        return f"no pixel reaches the mask threshold: the highest is {left}, wanted is {right}"
    return "no pixel is left of its mask after post-processing"


def _apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers with as few digits, from two on, as tell them apart."""
    for digits in range(2, _MOST_DIGITS):
        pair = f"{one:.{digits}f}", f"{other:.{digits}f}"
        if pair[0] != pair[1]:
            return pair
    return f"{one:.{_MOST_DIGITS}f}", f"{other:.{_MOST_DIGITS}f}"
