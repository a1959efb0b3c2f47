"""Transforms that move a frame's pixels, and its mask with them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nerveceg.data.on_device.augmentation import Shown
from nerveceg.data.on_device.fields import blur, noise, on_device_of


class Warp:
    """Moves pixels: rotation, scale, translation and shear about the middle, black beyond.

    rotate, shear: largest angle in degrees, drawn from +- that. scale: range of the factor of each
    axis. translate: largest move, as a share of the extent of each axis.
    """

    def __init__(
        self,
        rotate: float = 10,
        scale: tuple[float, float] = (0.85, 1.18),
        translate: float = 0.08,
        shear: float = 5,
        p: float = 0.8,
    ) -> None:
        self.rotate = rotate
        self.scale = scale
        self.translate = translate
        self.shear = shear
        self.p = p

    def __call__(self, shown: Shown, draws: Sequence[np.random.Generator]) -> Shown:
        """The frames as seen through the drawn matrices."""
        size = shown.mask.shape[-2:]
        back = np.stack([np.linalg.inv(self._matrix(draw, *size)) for draw in draws])
        matrices = on_device_of(back.astype(np.float32), shown.levels)
        return _sample(shown, _pixels(size, shown.levels) @ matrices[:, None, :2].mT)

    def _matrix(self, draw: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
        """Where a pixel (x, y, 1) goes, float64 [3, 3]."""
        angle = np.deg2rad(draw.uniform(-self.rotate, self.rotate))
        sheared = np.eye(2)
        sheared[0, 1], sheared[1, 0] = np.tan(np.deg2rad(draw.uniform(-self.shear, self.shear, 2)))
        turned = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        linear = sheared @ turned @ np.diag(draw.uniform(*self.scale, 2))
        extent = np.array([width, height])
        moved = np.trunc(draw.uniform(-self.translate, self.translate, 2) * extent)
        middle = (extent - 1) / 2
        matrix = np.eye(3)
        matrix[:2, :2], matrix[:2, 2] = linear, middle + moved - linear @ middle
        return matrix


class Elastic:
    """Moves pixels by smooth random fields (Simard et al., ICDAR 2003), black beyond.

    alpha: pixels by which the largest draw would move, were it not smoothed by a Gaussian of
    standard deviation sigma, in pixels.
    """

    def __init__(self, alpha: float = 40, sigma: float = 8, p: float = 0.2) -> None:
        self.alpha = alpha
        self.sigma = sigma
        self.p = p

    def __call__(self, shown: Shown, draws: Sequence[np.random.Generator]) -> Shown:
        """The frames as seen through the fields."""
        size = shown.mask.shape[-2:]
        white = noise(draws, (2, *size), shown.levels)
        white /= white.abs().amax((1, 2, 3), keepdim=True)
        sigmas = [self.sigma] * len(draws)
        field = self.alpha * blur(white, sigmas, sigmas, reach=4, mode="replicate")
        return _sample(shown, _pixels(size, shown.levels)[..., :2] + field.permute(0, 2, 3, 1))


def _pixels(size: tuple[int, int] | torch.Size, like: Tensor) -> Tensor:
    """(x, y, 1) of every pixel, float32 [1, h, w, 3]."""
    down, across = (torch.arange(extent, device=like.device).float() for extent in size)
    rows, columns = torch.meshgrid(down, across, indexing="ij")
    return torch.stack([columns, rows, torch.ones_like(rows)], dim=-1)[None]


def _sample(shown: Shown, source: Tensor) -> Shown:
    """Frames whose pixels come from `source`, float32 [N, h, w, 2], (x, y) in pixels."""
    height, width = shown.mask.shape[-2:]
    extent = torch.tensor([width - 1, height - 1]).clamp(min=1).to(source, non_blocking=True)
    grid = 2 * source / extent - 1
    levels = functional.grid_sample(shown.levels, grid, mode="bilinear", align_corners=True)
    mask = functional.grid_sample(shown.mask.float(), grid, mode="nearest", align_corners=True)
    return Shown(levels, mask > 0)
