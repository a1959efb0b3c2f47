"""A presence logit to the probability that the frame shows the nerve."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """presence = sigmoid(slope * logit + intercept), Platt's form; the defaults change nothing.

    Platt, Probabilistic outputs for support vector machines, 1999.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, logit: Tensor) -> Tensor:
        """Presence, float32 [N] in [0, 1], of logits, float32 [N]."""
        return (self.slope * logit + self.intercept).sigmoid()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibration":
        """The calibration that `to_dict` described."""
        return cls(**values)
