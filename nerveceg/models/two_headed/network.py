"""A U-Net with two heads, from whatever blocks, and grey frames of any size through it."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nerveceg.models.fitting import start_from
from nerveceg.models.normalisation import Normalise
from nerveceg.models.padding import pad_to_stride
from nerveceg.models.two_headed.convolutions import he_convolution
from nerveceg.models.two_headed.presence import PresenceHead
from nerveceg.models.two_heads import TwoHeads
from nerveceg.models.weights import find_own_weights


class Heads(nn.Module):
    """Presence from the deepest features, the mask from the finest."""

    def __init__(self, deepest: int, finest: int, *, size: tuple[int, int], stride: int) -> None:
        super().__init__()
        self.presence = PresenceHead(deepest, size=size, stride=stride)
        self.mask = he_convolution(finest, 1, (1, 1))


class Levels(nn.Module):
    """Contract, look for presence, expand with skips (Ronneberger et al. 2015, fig. 1).

    blocks: of the contracting path, from the finest; bottom: the block below them.
    pools, skips: what follows each block, downwards and across.
    rises: blocks of the expanding path, from the finest; each takes the features from below,
        doubled in size by repetition, and those of its skip.
    """

    def __init__(
        self,
        *,
        blocks: Iterable[nn.Module],
        pools: Iterable[nn.Module],
        bottom: nn.Module,
        skips: Iterable[nn.Module],
        rises: Iterable[nn.Module],
        head: Heads,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.pools = nn.ModuleList(pools)
        self.bottom = bottom
        self.skips = nn.ModuleList(skips)
        self.rises = nn.ModuleList(rises)
        self.head = head

    def forward(self, image: Tensor, size: tuple[int, int]) -> TwoHeads:
        """Normalised float [N, 1, h, w] with sides that the levels halve; size: without padding."""
        features, kept = image, []
        for block, pool, skip in zip(self.blocks, self.pools, self.skips, strict=True):
            features = block(features)
            kept.append(skip(features))
            features = pool(features)
        features = self.bottom(features)
        presence = self.head.presence(features, size)
        for rise, across in zip(reversed(self.rises), reversed(kept), strict=True):
            below = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = rise(torch.cat([below, across], dim=1))
        return TwoHeads(presence, self.head.mask(features))


class TwoHeadedNetwork(nn.Module):
    """Normalises grey frames and pads them below and right; the mask is cropped back exactly.

    `config` has the constructor's arguments, among them size, channels, mean and std.

    weights: None, or a file of this network's own; a presence head of another size stays random.

    Raises:
        NerveCegError: weights of another network, or "imagenet", which has none.
    """

    config: dict[str, Any]

    def __init__(self, network: Levels, *, config: dict[str, Any], weights: str | None) -> None:
        super().__init__()
        self.config = {**config, "weights": None}
        self.normalise = Normalise(config["mean"], config["std"])
        self.network = network
        self._stride = stride_of(config["channels"])
        if weights is not None:
            start_from(find_own_weights(type(self).__name__, weights), network, self.normalise)

    def forward(self, image: Tensor) -> TwoHeads:
        """Float image [N, 1, H, W] in [0, 1] to the logits of presence [N] and mask [N, 1, H, W].

        The presence head is made for frames of the configured size; see `PresenceHead`.
        """
        height, width = image.shape[-2:]
        padded = pad_to_stride(image, stride=self._stride)
        presence, mask = self.network(self.normalise(padded), (height, width))
        return TwoHeads(presence, mask[..., :height, :width])


def stride_of(channels: list[int]) -> int:
    """By how much the deepest of so many levels is smaller than the frame."""
    return int(2 ** (len(channels) - 1))
