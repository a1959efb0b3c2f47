"""What the controls of the page say to a rule, and a rule in words."""

from dataclasses import replace
from typing import NamedTuple

from nerveceg.decision import Rule

OWN, JOINT, MINE = "own", "joint", "mine"
CHOICES = (
    ("The run's own rule", OWN),
    ("Highest expected Dice", JOINT),
    ("My thresholds", MINE),
)
"""What the page calls the rules, and their names."""


class Controls(NamedTuple):
    """What the page's controls say."""

    choice: str = OWN
    presence: float = 0.5
    """threshold; of "mine" alone, like the next two"""
    mask: float = 0.5
    area: float = 0
    """pixels at native size"""


def start_of(rule: Rule) -> Controls:
    """The controls at the start: the run's own rule, and its thresholds where it has some."""
    plain = Controls()
    return plain._replace(
        presence=plain.presence if rule.presence is None else rule.presence,
        mask=plain.mask if rule.mask is None else rule.mask,
        area=rule.area,
    )


def rule_from(controls: Controls, own: Rule) -> Rule:
    """The rule that the controls ask for; what they don't name stays as in the run's own.

    Raises:
        NerveCegError: a number outside its range.
    """
    if controls.choice == OWN:
        return own
    if controls.choice == JOINT:
        return replace(
            own, presence=None, mask=None, area=0, blur=0, mixture_area=None, miss_rate=None
        )
    return replace(
        own,
        presence=controls.presence,
        mask=controls.mask,
        area=int(controls.area),
        miss_rate=None,
    )


def rule_in_words(rule: Rule) -> str:
    """One sentence on what a rule does."""
    return f"Draws where {_gate(rule)}; {_pixels(rule)}{_least(rule)}."


def _gate(rule: Rule) -> str:
    if rule.miss_rate is not None:
        return f"no more than {rule.miss_rate:.0%} of a new person's nerve frames may be missed"
    if rule.presence is None:
        return "presence × expected Dice is above 1 − presence"
    if rule.mixture_area is not None:
        return f"presence and area together reach {rule.presence:.2f}"
    return f"presence is above {rule.presence:.2f}"


def _pixels(rule: Rule) -> str:
    if rule.mask is None:
        return "its pixels are those of at least half the expected Dice"
    return f"its pixels are those of probability {rule.mask:.2f} or more"


def _least(rule: Rule) -> str:
    return f", if they are {rule.area} or more" if rule.area else ""
