"""What turns the networks' logits into honest probabilities, and what those probabilities say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nerveceg.arrays import Array, log_odds, namespace
from nerveceg.probability.maps import Platt, PresenceMap, map_from_dict
from nerveceg.probability.misses import MissCurve

LEAST_DICE, MOST_DICE = 0.05, 0.98
MARGIN = 1e-6


@dataclass(frozen=True, kw_only=True)
class Correction:
    """Plug-in expected Dice to the Dice that such masks have really got: a line, kept in bounds."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, expected: Array) -> Array:
        """Expected Dice, float [N] in [.05, .98], of the plug-in's, float [N]."""
        worth = self.slope * expected + self.intercept
        bounded: Array = namespace(expected).clip(worth, LEAST_DICE, MOST_DICE)
        return bounded


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """What the mask adds to presence: where none is expected to fit well, there is mostly no nerve.

    The fused logit is presence * logit(pi) + dice * logit(d) + intercept, pi being the gate's
    calibrated presence and d the expected Dice; `map` makes a probability of it.
    """

    presence: float
    dice: float
    intercept: float
    map: PresenceMap

    def logit(self, presence: Array, expected: Array) -> Array:
        """Fused logit, float [N], of presence and expected Dice, float [N]; rises with both."""
        gate = self.presence * log_odds(presence, margin=MARGIN)
        return gate + self.dice * log_odds(expected, margin=MARGIN) + self.intercept

    def __call__(self, presence: Array, expected: Array) -> Array:
        """Probability that a frame of this presence and expected Dice shows the nerve, [N]."""
        return self.map(self.logit(presence, expected))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        numbers = {"presence": self.presence, "dice": self.dice, "intercept": self.intercept}
        return {**numbers, "map": self.map.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Fusion":
        """The fusion that `to_dict` described."""
        return cls(**{**values, "map": map_from_dict(values["map"])})


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Fitted on out-of-fold predictions; the defaults change nothing.

    presence: the gate's logit to the probability that the frame shows the nerve.
    pixel: mask logit to the probability of a pixel, given that the frame shows the nerve.
    contour: the plug-in's expected Dice to what it is worth.
    fusion: gate's presence and expected Dice to presence as it is after a look at the mask; None
        leaves it to the gate.
    prevalence: share of frames with nerve where it was fitted; None where it wasn't.
    misses: how many nerve frames of a subject each presence threshold has missed; None likewise.
    """

    presence: PresenceMap = Platt()
    pixel: Platt = Platt()
    contour: Correction = Correction()
    fusion: Fusion | None = None
    prevalence: float | None = None
    misses: MissCurve | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {
            "presence": self.presence.to_dict(),
            "pixel": self.pixel.to_dict(),
            "contour": {"slope": self.contour.slope, "intercept": self.contour.intercept},
            "fusion": self.fusion and self.fusion.to_dict(),
            "prevalence": self.prevalence,
            "misses": self.misses and self.misses.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibration":
        """The calibration that `to_dict` described."""
        pixel = map_from_dict(values["pixel"])
        assert isinstance(pixel, Platt)  # noqa: S101
        return cls(
            presence=map_from_dict(values["presence"]),
            pixel=pixel,
            contour=Correction(**values["contour"]),
            fusion=values["fusion"] and Fusion.from_dict(values["fusion"]),
            prevalence=values["prevalence"],
            misses=values["misses"] and MissCurve.from_dict(values["misses"]),
        )
