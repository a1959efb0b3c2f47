"""The joint decision: which mask a frame gets, or none."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from nerveceg.errors import NerveCegError
from nerveceg.postprocess import check_steps, postprocess


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Thresholds of the two stages, and what is done to a mask.

    presence: a frame keeps its mask iff its presence is above this. With both-empty Dice = 1 the
        best place is 1 / (1 + d), d being the expected Dice of a detected nerve: always above .5.
    mask: a pixel belongs to the mask iff its probability is at least this.
    area: a mask of fewer pixels, at native size, is taken for none.
    postprocess: names of steps, in their order.
    """

    presence: float = 0.56
    mask: float = 0.5
    area: int = 0
    postprocess: tuple[str, ...] = ("largest_component", "fill_holes")

    def __post_init__(self) -> None:
        if not 0 <= self.presence <= 1:
            raise NerveCegError(f"rule.presence={self.presence}: a number in [0, 1] is wanted")
        if not 0 < self.mask <= 1:
            raise NerveCegError(f"rule.mask={self.mask}: a number in (0, 1] is wanted")
        if self.area < 0:
            raise NerveCegError(f"rule.area={self.area}: a number of pixels from 0 is wanted")
        check_steps(self.postprocess)
        object.__setattr__(self, "postprocess", tuple(self.postprocess))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Rule":
        """The rule that `to_dict` described."""
        return cls(**{**values, "postprocess": tuple(values["postprocess"])})


def decide(presence: Tensor, probability: Tensor, rule: Rule) -> Tensor:
    """The masks of N frames, bool [N, 1, H, W]; empty where the rule says that no nerve is shown.

    presence: float32 [N] in [0, 1].
    probability: float32 [N, 1, H, W] in [0, 1], at native pixels.
    """
    passed = passes(presence, rule)
    masks = torch.zeros_like(probability, dtype=torch.bool)
    masks[passed] = draw(probability[passed], rule)
    return masks


def passes(presence: Tensor, rule: Rule) -> Tensor:
    """Whether the gate lets a frame through, bool [N], for presence, float32 [N]."""
    return presence > rule.presence


def draw(probability: Tensor, rule: Rule) -> Tensor:
    """The masks, bool [N, 1, H, W], that frames get if they show the nerve."""
    masks = postprocess(probability >= rule.mask, rule.postprocess)
    areas = masks.flatten(1).sum(dim=1)
    return masks & (areas >= rule.area)[:, None, None, None]
