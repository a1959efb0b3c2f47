"""Blocks of the inception U-Net: split convolutions side by side, residual skips, strided pools."""

import torch
from torch import Tensor, nn

from nerveceg.models.two_headed.convolutions import (
    glorot_convolution,
    he_convolution,
    normalised,
)

RESIDUAL = 0.1
"""Scale of a residual before it is added (Szegedy et al. 2017, section 3.3)."""


class Inception(nn.Module):
    """Four looks of different width side by side, [N, inputs, h, w] to [N, outputs, h, w].

    The module of Szegedy et al. 2015, fig. 2b, with its 3x3 and 5x5 convolutions split into 1xn
    and nx1 as in Szegedy et al. 2016, fig. 6. Of the outputs a quarter are 1x1, half 3x3, an
    eighth 5x5 and an eighth max-pooled; batch norm and ELU follow when they lie together.

    outputs: a multiple of 16.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.point = he_convolution(inputs, outputs // 4, (1, 1))
        self.near = _split(inputs, outputs // 8 * 3, outputs // 2, reach=3)
        self.wide = _split(inputs, outputs // 16, outputs // 8, reach=5)
        self.pooled = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), he_convolution(inputs, outputs // 8, (1, 1))
        )
        self.together = nn.Sequential(nn.BatchNorm2d(outputs), nn.ELU())

    def forward(self, features: Tensor) -> Tensor:
        """Float [N, inputs, h, w] to [N, outputs, h, w]."""
        looks = [look(features) for look in (self.point, self.near, self.wide, self.pooled)]
        joined: Tensor = self.together(torch.cat(looks, dim=1))
        return joined


class ResidualSkip(nn.Module):
    """ELU(x + 0.1 residual), a 1x1 convolution and batch norm (He et al. 2016, fig. 2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            glorot_convolution(channels, channels, (1, 1)), nn.BatchNorm2d(channels)
        )
        self.activation = nn.ELU()

    def forward(self, features: Tensor) -> Tensor:
        """Float [N, C, h, w] to the same shape."""
        merged: Tensor = self.activation(features + RESIDUAL * self.residual(features))
        return merged


def strided_pool(channels: int, *, dropout: float) -> nn.Sequential:
    """A 3x3 convolution of stride 2 in place of pooling (Springenberg et al. 2015), dropout.

    [N, C, h, w] to [N, C, h/2, w/2].
    """
    halving = glorot_convolution(channels, channels, (3, 3), stride=2)
    return nn.Sequential(normalised(halving), nn.Dropout(dropout))


def _split(inputs: int, narrow: int, outputs: int, *, reach: int) -> nn.Sequential:
    """1x1 to fewer channels, then 1xn and nx1 with batch norm between them."""
    return nn.Sequential(
        he_convolution(inputs, narrow, (1, 1)),
        nn.ELU(),
        normalised(he_convolution(narrow, outputs, (1, reach))),
        he_convolution(outputs, outputs, (reach, 1)),
    )
