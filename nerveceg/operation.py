"""Calibration and rule at work: what logits mean, and at which presence the gate opens."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np

from nerveceg.arrays import Array, areas_of, namespace
from nerveceg.calibration import MOST_DICE, Calibration
from nerveceg.decision import Rule, draw, expected_score, passes
from nerveceg.errors import NerveCegError
from nerveceg.postprocess import Priors, require_priors
from nerveceg.probability.prior import shift
from nerveceg.views import average_logits


class Presence(NamedTuple):
    """What the gate says of N frames."""

    value: Array
    """float32 [N], the calibrated probability that a frame shows the nerve"""
    spread: Array
    """float32 [N], its standard deviation over members and views; 0 for a single one"""


class Decision(NamedTuple):
    """What is decided on N frames."""

    mask: Array
    """bool [N, 1, H, W], before the gate"""
    passed: Array
    """bool [N], whether the gate lets it through"""
    presence: Array
    """float32 [N], fused with the mask where the frame could pass, else the gate's alone"""
    fused: Array
    """float32 [N], fused with the mask everywhere: what another rule would decide by"""
    dice: Array
    """float32 [N], the Dice that the best mask is expected to have if the nerve is there"""
    score: Array
    """float32 [N], the Dice that the final mask is expected to get"""

    @property
    def final(self) -> Array:
        """Final masks, bool [N, 1, H, W]."""
        return self.mask & self.passed[:, None, None, None]


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """A rule on a calibration.

    priors: the shape priors of the members, for a rule that names them; the mean of what they say
        counts.
    """

    calibration: Calibration
    rule: Rule
    priors: Priors = ()

    def __post_init__(self) -> None:
        require_priors(self.rule.postprocess, self.priors)

    def presence(self, logits: Array) -> Presence:
        """What the gate says, of presence logits, float32 [M, V, N], of members and views."""
        xp = namespace(logits)
        views_first = xp.permute_dims(logits, (1, 0, 2))
        members = self.calibration.presence(average_logits(views_first))
        looks = xp.reshape(self.calibration.presence(logits), (-1, logits.shape[-1]))
        return Presence(xp.mean(members, axis=0), xp.std(looks, axis=0, correction=0))

    def probability(self, logits: Array) -> Array:
        """Calibrated mask probability, float32 [N, 1, h, w], of logits, float32 [M, N, 1, h, w]."""
        mean: Array = namespace(logits).mean(self.calibration.pixel(logits), axis=0)
        return mean

    def before_mask(self, presence: Array) -> Array:
        """Presence, float32 [N], where the rule's prevalence holds, of the gate's, float32 [N].

        Raises:
            NerveCegError: the rule states a prevalence, but nothing was calibrated.
        """
        if self.rule.prevalence is None:
            return presence
        if self.calibration.prevalence is None:
            raise uncalibrated(f"rule.prevalence={self.rule.prevalence}")
        return shift(presence, trained=self.calibration.prevalence, target=self.rule.prevalence)

    def after_mask(self, presence: Array, expected: Array) -> Array:
        """The same after a look at the mask, whose expected Dice is float32 [N]."""
        fusion = self.calibration.fusion
        return self.before_mask(presence if fusion is None else fusion(presence, expected))

    def may_pass(self, presence: Array) -> Array:
        """Whether a mask could let the frame through, bool [N]: who needs no segmenter is False."""
        xp = namespace(presence)
        best = xp.full_like(presence, MOST_DICE)
        whole_plane = xp.full_like(presence, math.inf)
        return passes(self.after_mask(presence, best), best, whole_plane, self.gate_rule)

    @cached_property
    def gate_rule(self) -> Rule:
        """The rule with the gate's threshold that its miss rate asks for.

        Raises:
            NerveCegError: the rule has a miss rate, but nothing was calibrated.
        """
        if self.rule.miss_rate is None:
            return self.rule
        if self.calibration.misses is None:
            raise uncalibrated(f"rule.miss_rate={self.rule.miss_rate}")
        # In float32, as the presence that is held against it: the frame at the threshold is kept.
        least = np.array([self.calibration.misses.threshold(self.rule.miss_rate)], np.float32)
        return replace(self.rule, presence=float(self.before_mask(cast(Array, least))[0]))

    def decide(self, presence: Array, probability: Array) -> Decision:
        """Everything about N frames of one size.

        presence: float32 [N], the gate's. probability: float32 [N, 1, H, W], at native pixels.
        """
        drawing = draw(probability, self.gate_rule, self.calibration.contour, priors=self.priors)
        asked = self.may_pass(presence)
        fused = self.after_mask(presence, drawing.expected)
        value = namespace(presence).where(asked, fused, self.before_mask(presence))
        passed = asked & passes(fused, drawing.expected, drawing.area, self.gate_rule)
        drawn = passed & (areas_of(drawing.mask) > 0)
        score = expected_score(value, drawing.expected, drawn)
        return Decision(drawing.mask, passed, value, fused, drawing.expected, score)


def uncalibrated(wish: str) -> NerveCegError:
    """The error of a wish that only a calibrated pipeline can fulfil."""
    return NerveCegError(
        f"{wish}, but this pipeline isn't calibrated: train every fold, then "
        "python tools/evaluate.py calibrates on their out-of-fold predictions"
    )
