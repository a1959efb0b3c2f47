"""Calibration and rule at work: what logits mean, and at which presence the gate opens."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from nerveceg.calibration import MOST_DICE, Calibration
from nerveceg.decision import Rule, draw, expected_score, passes
from nerveceg.errors import NerveCegError
from nerveceg.postprocess import Priors, require_priors
from nerveceg.probability.prior import shift
from nerveceg.views import average_logits


class Presence(NamedTuple):
    """What the gate says of N frames."""

    value: Tensor
    """float32 [N], the calibrated probability that a frame shows the nerve"""
    spread: Tensor
    """float32 [N], its standard deviation over members and views; 0 for a single one"""


class Decision(NamedTuple):
    """What is decided on N frames."""

    mask: Tensor
    """bool [N, 1, H, W], before the gate"""
    passed: Tensor
    """bool [N], whether the gate lets it through"""
    presence: Tensor
    """float32 [N], fused with the mask where the frame could pass, else the gate's alone"""
    fused: Tensor
    """float32 [N], fused with the mask everywhere: what another rule would decide by"""
    dice: Tensor
    """float32 [N], the Dice that the best mask is expected to have if the nerve is there"""
    score: Tensor
    """float32 [N], the Dice that the final mask is expected to get"""

    @property
    def final(self) -> Tensor:
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

    def presence(self, logits: Tensor) -> Presence:
        """What the gate says, of presence logits, float32 [M, V, N], of members and views."""
        members = self.calibration.presence(average_logits(logits.transpose(0, 1)))
        looks = self.calibration.presence(logits).flatten(0, 1)
        return Presence(members.mean(0), looks.std(0, correction=0))

    def probability(self, logits: Tensor) -> Tensor:
        """Calibrated mask probability, float32 [N, 1, h, w], of logits, float32 [M, N, 1, h, w]."""
        return self.calibration.pixel(logits).mean(0)

    def before_mask(self, presence: Tensor) -> Tensor:
        """Presence, float32 [N], where the rule's prevalence holds, of the gate's, float32 [N].

        Raises:
            NerveCegError: the rule states a prevalence, but nothing was calibrated.
        """
        if self.rule.prevalence is None:
            return presence
        if self.calibration.prevalence is None:
            raise uncalibrated(f"rule.prevalence={self.rule.prevalence}")
        return shift(presence, trained=self.calibration.prevalence, target=self.rule.prevalence)

    def after_mask(self, presence: Tensor, expected: Tensor) -> Tensor:
        """The same after a look at the mask, whose expected Dice is float32 [N]."""
        fusion = self.calibration.fusion
        return self.before_mask(presence if fusion is None else fusion(presence, expected))

    def may_pass(self, presence: Tensor) -> Tensor:
        """Whether a mask could let the frame through, bool [N]: who needs no segmenter is False."""
        best = torch.full_like(presence, MOST_DICE)
        whole_plane = torch.full_like(presence, math.inf)
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
        least = torch.tensor(self.calibration.misses.threshold(self.rule.miss_rate))
        return replace(self.rule, presence=self.before_mask(least).item())

    def decide(self, presence: Tensor, probability: Tensor) -> Decision:
        """Everything about N frames of one size.

        presence: float32 [N], the gate's. probability: float32 [N, 1, H, W], at native pixels.
        """
        drawing = draw(probability, self.gate_rule, self.calibration.contour, priors=self.priors)
        asked = self.may_pass(presence)
        fused = self.after_mask(presence, drawing.expected)
        value = torch.where(asked, fused, self.before_mask(presence))
        passed = asked & passes(fused, drawing.expected, drawing.area, self.gate_rule)
        drawn = passed & drawing.mask.flatten(1).any(1)
        score = expected_score(value, drawing.expected, drawn)
        return Decision(drawing.mask, passed, value, fused, drawing.expected, score)


def uncalibrated(wish: str) -> NerveCegError:
    """The error of a wish that only a calibrated pipeline can fulfil."""
    return NerveCegError(
        f"{wish}, but this pipeline isn't calibrated: train every fold, then "
        "python tools/evaluate.py calibrates on their out-of-fold predictions"
    )
