"""Stage 2: U-Net, R2U-Net, Attention U-Net and R2-Attention U-Net, one mask logit a pixel."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from nerveceg.errors import NerveCegError
from nerveceg.models.fitting import start_from
from nerveceg.models.normalisation import Normalise
from nerveceg.models.padding import pad_to_stride
from nerveceg.models.unets.blocks import DoubleConvolution, RecurrentResidualBlock
from nerveceg.models.unets.paths import Block, ContractingPath, ExpandingPath
from nerveceg.models.weights import find_own_weights

DEEPEST = 6
"""Levels: frames are padded so that they can be halved five times."""


class UNet(nn.Module):
    """Draws the nerve in a grey frame of any size, with one of four networks.

    U-Net (Ronneberger et al. 2015, Fig. 1); `recurrent` makes it R2U-Net (Alom et al. 2018,
    Fig. 3 and 4d), `attention` Attention U-Net (Oktay et al. 2018, Fig. 1 and 2), both R2-Attention
    U-Net. Blocks, widths and counts are those of the PyTorch versions by LeeJunHyun
    (Image_Segmentation), which NerveCeg used in 2020; `steps` is R2U-Net's t. `weights` is None
    (random) or a file of a trained UNet. `config` rebuilds the network.

    Raises:
        NerveCegError: channels or steps that make no network, weights not to be had.
    """

    config: dict[str, Any]

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256, 512, 1024),
        *,
        recurrent: bool = False,
        attention: bool = False,
        steps: int = 2,
        weights: str | None = None,
        mean: float = 0.0,
        std: float = 1.0,
    ) -> None:
        super().__init__()
        check_channels(channels, most=DEEPEST)
        self.config = {
            "channels": list(channels),
            "recurrent": recurrent,
            "attention": attention,
            "steps": steps,
            "weights": None,
            "mean": mean,
            "std": std,
        }
        block: Block = recurrent_block(steps) if recurrent else DoubleConvolution
        self.normalise = Normalise(mean, std)
        self.contracting = ContractingPath(channels, block=block)
        self.expanding = ExpandingPath(channels, block=block, attention=attention)
        self.head = nn.Conv2d(channels[0], 1, kernel_size=1)
        if weights is not None:
            start_from(find_own_weights("UNet", weights), self, self.normalise)

    def forward(self, image: Tensor) -> Tensor:
        """Float image [N, 1, H, W] in [0, 1] to the mask logit, float [N, 1, H, W]."""
        height, width = image.shape[-2:]
        features = self.contracting(self.normalise(pad_to_stride(image)))
        logit: Tensor = self.head(self.expanding(features))
        return logit[..., :height, :width]


def recurrent_block(steps: int) -> Block:
    """R2U-Net's block with so many recurrent steps.

    Raises:
        NerveCegError: fewer than one step.
    """
    if steps < 1:
        raise NerveCegError(f"steps={steps}: a recurrent block repeats itself once or more")
    return partial(RecurrentResidualBlock, steps=steps)


def check_channels(channels: Sequence[int], *, most: int) -> None:
    """Accepts two to `most` levels of two channels or more.

    Raises:
        NerveCegError: for anything else.
    """
    if not 2 <= len(channels) <= most or min(channels) < 2:
        raise NerveCegError(
            f"channels={list(channels)}: give 2 to {most} levels, each of 2 channels or more"
        )
