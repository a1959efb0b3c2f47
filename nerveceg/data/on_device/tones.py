"""Transforms that change a frame's grey levels where they are."""

from collections.abc import Sequence

import numpy as np
import torch

from nerveceg.data.on_device.augmentation import Shown
from nerveceg.data.on_device.fields import blur, noise, on_device_of

Range = tuple[float, float]


class Gamma:
    """Raises grey levels, as shares of white, to a drawn power.

    gamma: range of the power.
    """

    def __init__(self, gamma: Range = (0.7, 1.4), p: float = 0.4) -> None:
        self.gamma = gamma
        self.p = p

    def __call__(self, shown: Shown, draws: Sequence[np.random.Generator]) -> Shown:
        """The frames with another gamma."""
        powers = on_device_of([draw.uniform(*self.gamma) for draw in draws], shown.levels)
        share = shown.levels.clamp(0, 255) / 255
        return shown._replace(levels=255 * share ** powers[:, None, None, None])


class Gain:
    """The gain of `nerveceg.data.augment.Gain`, with the same settings."""

    def __init__(
        self,
        overall: float = 4.0,
        depth: float = 6.0,
        lateral: float = 2.0,
        dynamic_range: float = 60.0,
        p: float = 0.7,
    ) -> None:
        self.most = np.array([overall, depth, lateral]) * 255 / dynamic_range
        self.p = p

    def __call__(self, shown: Shown, draws: Sequence[np.random.Generator]) -> Shown:
        """The frames at another gain; what holds no echo stays black."""
        levels = shown.levels
        drawn = on_device_of([draw.uniform(-self.most, self.most) for draw in draws], levels)
        overall, depth, lateral = drawn.T[..., None, None, None]
        down = torch.linspace(0, 1, levels.shape[2], device=levels.device)[:, None]
        across = torch.linspace(-1, 1, levels.shape[3], device=levels.device)
        added = levels + overall + depth * down + lateral * across
        return shown._replace(levels=torch.where(levels >= 0.5, added, 0).clamp(0, 255))


class Speckle:
    """The speckle of `nerveceg.data.augment.Speckle`, with the same settings."""

    def __init__(
        self,
        strength: Range = (0.05, 0.2),
        axial: float = 0.9,
        lateral: float = 2.5,
        p: float = 0.5,
    ) -> None:
        self.strength = strength
        self.axial = axial
        self.lateral = lateral
        self.p = p

    def __call__(self, shown: Shown, draws: Sequence[np.random.Generator]) -> Shown:
        """The frames under speckle."""
        count = len(draws)
        strength = on_device_of([draw.uniform(*self.strength) for draw in draws], shown.levels)
        white = noise(draws, (1, *shown.mask.shape[-2:]), shown.levels)
        field = blur(white, [self.axial] * count, [self.lateral] * count, reach=4, mode="reflect")
        factor = strength[:, None, None, None] / field.std((1, 2, 3), keepdim=True, correction=0)
        return shown._replace(levels=(shown.levels * (1 + factor * field)).clamp(0, 255))


class Blur:
    """Blurs by a Gaussian whose standard deviation, in pixels, is drawn from a range."""

    def __init__(self, sigma: Range = (0.3, 0.9), p: float = 0.1) -> None:
        self.sigma = sigma
        self.p = p

    def __call__(self, shown: Shown, draws: Sequence[np.random.Generator]) -> Shown:
        """The frames blurred."""
        sigmas = [draw.uniform(*self.sigma) for draw in draws]
        return shown._replace(levels=blur(shown.levels, sigmas, sigmas, reach=3.5, mode="reflect"))
