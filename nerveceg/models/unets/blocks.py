"""What the U-Nets are stacked from: plain, recurrent and residual convolutions, and the way up."""

import torch
from torch import Tensor, nn


def convolution(channels_in: int, channels_out: int) -> nn.Sequential:
    """3 x 3 convolution that keeps the size, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class DoubleConvolution(nn.Sequential):
    """A level of U-Net: two 3 x 3 convolutions (Ronneberger et al. 2015, Fig. 1, blue arrows).

    Unlike the paper's, they are padded, so that a mask is as large as its frame, and each has
    batch norm. [N, channels_in, h, w] to [N, channels_out, h, w].
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            convolution(channels_in, channels_out), convolution(channels_out, channels_out)
        )


class RecurrentConvolution(nn.Module):
    """A convolution that sees its input again, `steps` times (Alom et al. 2018, Eq. 1 and Fig. 5).

    As in Fig. 5, t = 2 steps are one pass over the input and two over input plus last output. The
    paper's Eq. 1 has one kernel for each of the two; here, as in the implementation that is in
    use, they share one, and all passes share scale and shift of their batch norm. Its statistics
    are each pass's own (Cooijmans et al. 2017, section 3): shared running averages fit no pass,
    and networks that have learnt their frames by heart find nothing in evaluation mode.
    [N, channels, h, w] to the same shape.
    """

    def __init__(self, channels: int, *, steps: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.standardise = nn.ModuleList(
            nn.BatchNorm2d(channels, affine=False) for _ in range(steps + 1)
        )
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Float [N, channels, h, w] to float of the same shape, none below 0."""
        state = torch.zeros_like(features)
        for standardise in self.standardise:
            standard = standardise(self.convolution(features + state))
            state = (standard * self.scale[:, None, None] + self.shift[:, None, None]).relu()
        return state


class RecurrentResidualBlock(nn.Module):
    """A level of R2U-Net: the recurrent residual unit (Alom et al. 2018, Fig. 4d and Eq. 3).

    A 1 x 1 convolution brings the input to the block's width; two recurrent convolutions are then
    added to it. [N, channels_in, h, w] to [N, channels_out, h, w].
    """

    def __init__(self, channels_in: int, channels_out: int, *, steps: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(channels_in, channels_out, kernel_size=1)
        self.recurrent = nn.Sequential(
            RecurrentConvolution(channels_out, steps=steps),
            RecurrentConvolution(channels_out, steps=steps),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Float [N, channels_in, h, w] to float [N, channels_out, h, w]."""
        widened: Tensor = self.widen(features)
        refined: Tensor = self.recurrent(widened)
        return widened + refined


class UpConvolution(nn.Sequential):
    """From one level to the finer one above (Ronneberger et al. 2015, Fig. 1, green arrows).

    The nearest pixel is repeated and then convolved, 3 x 3, in place of the paper's 2 x 2
    transposed convolution. [N, channels_in, h, w] to [N, channels_out, 2h, 2w].
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(nn.Upsample(scale_factor=2), convolution(channels_in, channels_out))
