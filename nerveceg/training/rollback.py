"""A network's buffers as they were at its last update: a pass forward alone changes them."""

import torch
from torch import nn


class Buffers:
    """Running statistics and counts of batch norm, which a batch that came to nothing leaves."""

    def __init__(self, model: nn.Module) -> None:
        self._live = list(model.buffers())
        self._kept = [buffer.clone() for buffer in self._live]

    @torch.no_grad()
    def keep(self) -> None:
        """Remember them as they are."""
        for kept, live in zip(self._kept, self._live, strict=True):
            kept.copy_(live)

    @torch.no_grad()
    def restore(self) -> None:
        """Make them what they were when they were last kept."""
        for kept, live in zip(self._kept, self._live, strict=True):
            live.copy_(kept)
