"""Stage 1 from R2U-Net's blocks: one presence logit a frame."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from nerveceg.errors import NerveCegError
from nerveceg.models.fitting import start_from
from nerveceg.models.normalisation import Normalise
from nerveceg.models.unets.paths import ContractingPath
from nerveceg.models.unets.unet import check_channels, recurrent_block
from nerveceg.models.weights import find_own_weights

DEEPEST = 8
"""Levels: the smallest frames that so many can halve have 128 pixels a side."""

GRID = 6
"""Cells a side that the head sees: what six halvings leave of NerveCeg's 400 x 400."""

HEAD = (1000, 250, 80, 20, 10)
"""Widths of the head's hidden layers; dropout stands before the first three."""


class RecurrentClassifier(nn.Module):
    """Says how likely it is that a grey frame shows the nerve, with R2U-Net's blocks.

    NerveCeg's gate of 2020 (Cls_R2U_Net): R2U-Net's contracting path (Alom et al. 2018, Fig. 3
    and 4d), two narrower levels below it, and a head of six linear layers over their 6 x 6
    features. Frames of another size than 400 x 400 are averaged to that grid. The head ends in
    one logit where the original had one a class. `weights` is None (random) or a file of a
    trained RecurrentClassifier. `config` rebuilds the network.

    Raises:
        NerveCegError: channels or steps that make no network, weights not to be had.
    """

    config: dict[str, Any]

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256, 512, 1024, 512, 128),
        *,
        steps: int = 2,
        dropout: float = 0.5,
        weights: str | None = None,
        mean: float = 0.0,
        std: float = 1.0,
    ) -> None:
        super().__init__()
        check_channels(channels, most=DEEPEST)
        self.config = {
            "channels": list(channels),
            "steps": steps,
            "dropout": dropout,
            "weights": None,
            "mean": mean,
            "std": std,
        }
        self.normalise = Normalise(mean, std)
        self.contracting = ContractingPath(channels, block=recurrent_block(steps))
        self.grid = nn.AdaptiveAvgPool2d(GRID)
        self.head = _head(channels[-1] * GRID**2, dropout=dropout)
        if weights is not None:
            start_from(find_own_weights("RecurrentClassifier", weights), self, self.normalise)

    def forward(self, image: Tensor) -> Tensor:
        """Float image [N, 1, H, W] in [0, 1] to the presence logit, float [N].

        Raises:
            NerveCegError: a frame too small to be halved at every level.
        """
        least = 2 ** (len(self.config["channels"]) - 1)
        if min(image.shape[-2:]) < least:
            raise NerveCegError(
                f"a frame of {image.shape[-2]} x {image.shape[-1]} is too small for this "
                f"RecurrentClassifier: set data.geometry.size to {least} or more a side"
            )
        deepest = self.contracting(self.normalise(image))[-1]
        logit: Tensor = self.head(self.grid(deepest).flatten(1))
        return logit.squeeze(1)


def _head(features: int, *, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for place, (width_in, width_out) in enumerate(pairwise([features, *HEAD])):
        if place < 3:
            layers.append(nn.Dropout(dropout))
        layers += [nn.Linear(width_in, width_out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Linear(HEAD[-1], 1))
