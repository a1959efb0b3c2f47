"""The two sides of the U: levels that halve, and levels that double and look back across."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from nerveceg.models.unets.attention import AttentionGate
from nerveceg.models.unets.blocks import UpConvolution

Block = Callable[[int, int], nn.Module]
"""Makes a level's block of channels in and channels out."""


class ContractingPath(nn.Module):
    """Left side (Ronneberger et al. 2015, Fig. 1): a block a level, 2 x 2 max-pooling between."""

    def __init__(self, channels: Sequence[int], *, block: Block) -> None:
        super().__init__()
        widths = [1, *channels]  # a frame is grey
        self.levels = nn.ModuleList(map(block, widths[:-1], widths[1:]))
        self.halve = nn.MaxPool2d(2)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Float [N, 1, H, W] to each level's features, [N, channels, H / 2^level, W / 2^level]."""
        features = [self.levels[0](image)]
        for level in self.levels[1:]:
            features.append(level(self.halve(features[-1])))
        return features


class ExpandingLevel(nn.Module):
    """One level of the right side: up, across (through the gate, if there is one), block."""

    def __init__(self, coarse: int, fine: int, *, block: Block, attention: bool) -> None:
        super().__init__()
        self.up = UpConvolution(coarse, fine)
        self.gate = AttentionGate(fine) if attention else None
        self.block = block(2 * fine, fine)

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        """Features [N, coarse, h, w] and skip [N, fine, 2h, 2w] to [N, fine, 2h, 2w]."""
        raised = self.up(features)
        if self.gate is not None:
            skip = self.gate(skip, raised)
        mixed: Tensor = self.block(torch.cat([skip, raised], dim=1))
        return mixed


class ExpandingPath(nn.Module):
    """Right side (Ronneberger et al. 2015, Fig. 1; gated as in Oktay et al. 2018, Fig. 1).

    All skip connections are gated; the paper leaves the finest one open.
    """

    def __init__(self, channels: Sequence[int], *, block: Block, attention: bool) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            ExpandingLevel(coarse, fine, block=block, attention=attention)
            for fine, coarse in reversed(list(zip(channels, channels[1:], strict=False)))
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        """The contracting path's features to those of its finest level, [N, channels, H, W]."""
        *skips, mixed = features
        for level, skip in zip(self.levels, reversed(skips), strict=True):
            mixed = level(mixed, skip)
        return mixed
