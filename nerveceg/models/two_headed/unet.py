"""The two-headed U-Net of 2016: 5x5 convolutions, max-pool, presence in the middle."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from nerveceg.models.two_headed.convolutions import he_convolution, normalised
from nerveceg.models.two_headed.network import Heads, Levels, TwoHeadedNetwork, stride_of
from nerveceg.models.unets.unet import check_channels

DEEPEST = 6
"""Levels: frames are padded so that they can be halved five times."""


class TwoHeadedUNet(TwoHeadedNetwork):
    """U-Net (Ronneberger et al. 2015, fig. 1) of the Keras system that scored 0.68 on Kaggle.

    R. Kotikalapudi's ultrasound-nerve-segmentation at 69209c6, with its differences from the
    paper: 5x5 convolutions that keep the size, batch norm and ELU, half the channels, upsampling
    by repetition in place of 2x2 up-convolutions, and the presence head. Batch norm is by channel;
    the original's fell on the columns of the image, Keras's default for the other axis order.
    Nor are grey values shifted or scaled: [0, 1] goes in, hence `mean` and `std`.

    `size` is the height and width of the frames, for the dense layer of the presence head;
    `channels` those of the levels from the finest; `weights` None or a file of this network's own.

    Raises:
        NerveCegError: channels that make no network, weights not to be had.
    """

    def __init__(
        self,
        *,
        size: Sequence[int] = (160, 160),
        channels: Sequence[int] = (32, 64, 128, 256, 512),
        weights: str | None = None,
        mean: float = 0.0,
        std: float = 1.0,
    ) -> None:
        check_channels(channels, most=DEEPEST)
        config = {"size": list(size), "channels": list(channels), "mean": mean, "std": std}
        super().__init__(_levels(list(channels), size), config=config, weights=weights)


def _levels(channels: list[int], size: Sequence[int]) -> Levels:
    *upper, deepest = channels
    height, width = size
    return Levels(
        blocks=[_block(before, after) for before, after in pairwise([1, *upper])],
        pools=[nn.MaxPool2d(2) for _ in upper],
        bottom=_block(upper[-1], deepest),
        skips=[nn.Identity() for _ in upper],
        rises=[_block(below + own, own) for own, below in pairwise(channels)],
        head=Heads(deepest, upper[0], size=(height, width), stride=stride_of(channels)),
    )


def _block(inputs: int, outputs: int) -> nn.Sequential:
    """Two 5x5 convolutions, [N, inputs, h, w] to [N, outputs, h, w]."""
    return nn.Sequential(
        normalised(he_convolution(inputs, outputs, (5, 5))),
        normalised(he_convolution(outputs, outputs, (5, 5))),
    )
