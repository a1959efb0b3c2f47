"""The inception U-Net of 2018: two heads, split convolutions, strided pools, residual skips."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from nerveceg.errors import NerveCegError
from nerveceg.models.two_headed.inception import Inception, ResidualSkip, strided_pool
from nerveceg.models.two_headed.network import Heads, Levels, TwoHeadedNetwork, stride_of
from nerveceg.models.two_headed.unet import DEEPEST
from nerveceg.models.unets.unet import check_channels


class InceptionUNet(TwoHeadedNetwork):
    """U-Net (Ronneberger et al. 2015, fig. 1) of inception blocks; 0.704 on Kaggle as an ensemble.

    E. Tyantov's ultrasound-nerve-segmentation: `Inception` blocks, `strided_pool` for max-pool,
    `ResidualSkip` across, upsampling by repetition, dropout after every level but the skips.
    Batch norm uses running statistics to predict; the original's used those of the batch, so that
    a frame's mask followed from its neighbours. It standardised grey values by its training
    frames; the round `mean` and `std` here are those of neck frames, set them to your own.

    `size` is the height and width of the frames, for the dense layer of the presence head;
    `channels` those of the levels from the finest, multiples of 16; `weights` None or a file of
    this network's own.

    Raises:
        NerveCegError: channels that make no network, weights not to be had.
    """

    def __init__(
        self,
        *,
        size: Sequence[int] = (80, 112),
        channels: Sequence[int] = (32, 64, 128, 256, 512),
        dropout: float = 0.5,
        weights: str | None = None,
        mean: float = 0.4,
        std: float = 0.2,
    ) -> None:
        check_channels(channels, most=DEEPEST)
        if any(count % 16 for count in channels):
            raise NerveCegError(
                f"channels={list(channels)}: inception blocks part them in sixteenths, take "
                "multiples of 16"
            )
        config = {
            "size": list(size),
            "channels": list(channels),
            "dropout": dropout,
            "mean": mean,
            "std": std,
        }
        levels = _levels(list(channels), size, dropout=dropout)
        super().__init__(levels, config=config, weights=weights)


def _levels(channels: list[int], size: Sequence[int], *, dropout: float) -> Levels:
    *upper, deepest = channels
    height, width = size

    def dropped(inputs: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(Inception(inputs, outputs), nn.Dropout(dropout))

    return Levels(
        blocks=[Inception(before, after) for before, after in pairwise([1, *upper])],
        pools=[strided_pool(count, dropout=dropout) for count in upper],
        bottom=dropped(upper[-1], deepest),
        skips=[ResidualSkip(count) for count in upper],
        rises=[dropped(below + own, own) for own, below in pairwise(channels)],
        head=Heads(deepest, upper[0], size=(height, width), stride=stride_of(channels)),
    )
