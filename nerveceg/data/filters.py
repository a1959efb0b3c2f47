"""Filters that belong to preprocessing: part of what the networks see, so saved with them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from nerveceg.errors import NerveCegError

LARGEST_STEP = 1 / 6
"""Four neighbours and four diagonals at half weight: up to here a pixel becomes a mean of them."""


class Filter(Protocol):
    """What is done to frames at the networks' size before anything else sees them."""

    def __call__(self, frames: Tensor) -> Tensor:
        """Uint8 [N, 1, h, w] to uint8 [N, 1, h, w] on the same device."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file, with the filter's name."""


@dataclass(frozen=True, kw_only=True)
class Diffusion:
    """Anisotropic diffusion (Perona & Malik, PAMI 1990): smooths within edges, not across them.

    Each pixel exchanges grey with its eight neighbours, the diagonal ones at half weight as they
    lie sqrt(2) away; nothing leaves the frame, so its mean stays.

    iterations: steps of the diffusion.
    dt: length of a step, at most 1/6.
    kappa: difference of neighbours, in grey levels, from which on an edge holds grey back.
    option: how an edge holds it back: 1, exp(-(d / kappa)^2), favours high contrast; 2,
        1 / (1 + (d / kappa)^2), favours wide regions.
    """

    iterations: int = 5
    dt: float = 1 / 7
    kappa: float = 30.0
    option: int = 2

    def __post_init__(self) -> None:
        whole = isinstance(self.iterations, int) and self.iterations >= 1
        _require("iterations", self.iterations, whole, "a whole number from 1")
        _require("dt", self.dt, 0 < self.dt <= LARGEST_STEP, "a step above 0 and up to 1/6")
        _require("kappa", self.kappa, self.kappa > 0, "a number of grey levels above 0")
        _require("option", self.option, self.option in (1, 2), "1 or 2")

    def __call__(self, frames: Tensor) -> Tensor:
        """Uint8 [N, 1, h, w] to uint8 [N, 1, h, w], rounded once, at the end."""
        levels = frames.float()
        for _ in range(self.iterations):
            levels += self._gain(levels).mul_(self.dt)
        return levels.round_().clamp_(0, 255).to(torch.uint8)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {"name": "diffusion", **asdict(self)}

    def _gain(self, levels: Tensor) -> Tensor:
        """What each pixel takes from its neighbours less what it gives, float32 [N, 1, h, w]."""
        edged = functional.pad(levels, (1, 1, 1, 1), mode="replicate")
        # Two neighbours exchange one amount, so four of the eight directions say it all.
        down = self._flow(edged[..., 1:, 1:-1] - edged[..., :-1, 1:-1])
        right = self._flow(edged[..., 1:-1, 1:] - edged[..., 1:-1, :-1])
        falling = self._flow(edged[..., 1:, 1:] - edged[..., :-1, :-1])
        rising = self._flow(edged[..., :-1, 1:] - edged[..., 1:, :-1])
        gain = falling[..., 1:, 1:] - falling[..., :-1, :-1]
        gain.add_(rising[..., :-1, 1:]).sub_(rising[..., 1:, :-1]).mul_(0.5)
        gain.add_(down[..., 1:, :]).sub_(down[..., :-1, :])
        return gain.add_(right[..., 1:]).sub_(right[..., :-1])

    def _flow(self, difference: Tensor) -> Tensor:
        squared = difference.div(self.kappa).square_()
        if self.option == 1:
            return difference.mul_(squared.neg_().exp_())
        return difference.div_(squared.add_(1))


FILTERS = {"diffusion": Diffusion}


def filter_from_dict(values: Mapping[str, Any] | None) -> Filter | None:
    """The filter that `to_dict` described; None is none, as in files from before there were any.

    Raises:
        NerveCegError: the name is unknown, or its numbers are others than the filter has.
    """
    if values is None:
        return None
    name = str(values.get("name"))
    if name not in FILTERS:
        raise NerveCegError(f'data.filter "{name}" is unknown: {", ".join(FILTERS)} are known')
    numbers = {key: value for key, value in values.items() if key != "name"}
    wanted = FILTERS[name].__dataclass_fields__
    if set(numbers) != set(wanted):
        raise NerveCegError(
            f"data.filter {name} has {', '.join(numbers) or 'no numbers'}: {', '.join(wanted)} are "
            "wanted"
        )
    return FILTERS[name](**numbers)


def _require(name: str, value: object, good: bool, wanted: str) -> None:
    if not good:
        raise NerveCegError(f"data.filter.{name}={value}: {wanted} is wanted")
