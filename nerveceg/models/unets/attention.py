"""The attention gate, which lets through what the coarser level asks for."""

from torch import Tensor, nn


class AttentionGate(nn.Module):
    """Additive attention over a skip connection (Oktay et al. 2018, Fig. 2, Eq. 1 and 2).

    alpha = sigmoid(psi(ReLU(W_x x + W_g g))): one coefficient in (0, 1) a pixel, by which all
    features of that pixel are multiplied. The paper's gating signal g comes from the coarser
    grid, so x is halved and alpha resampled; here g has been brought up to x's grid before, which
    needs neither. Each of the three 1 x 1 convolutions has batch norm, and half of the features'
    channels lie between them.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        between = channels // 2
        self.skip = _linear(channels, between)
        self.signal = _linear(channels, between)
        self.relu = nn.ReLU(inplace=True)
        self.psi = _linear(between, 1)

    def forward(self, skip: Tensor, signal: Tensor) -> Tensor:
        """Features and gating signal, float [N, channels, h, w], to the gated features."""
        return skip * self.coefficients(skip, signal)

    def coefficients(self, skip: Tensor, signal: Tensor) -> Tensor:
        """Alpha, float [N, 1, h, w] in (0, 1)."""
        logit: Tensor = self.psi(self.relu(self.skip(skip) + self.signal(signal)))
        return logit.sigmoid()


def _linear(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=1), nn.BatchNorm2d(channels_out)
    )
