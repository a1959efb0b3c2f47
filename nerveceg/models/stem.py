"""A ResNet's first layers, exchanged for ones that keep the frame's size."""

from timm.models.resnet import ResNet
from torch import nn

from nerveceg.errors import NerveCegError

STEMS = ("3x3",)


def exchange_stem(network: nn.Module, stem: str, *, backbone: str) -> None:
    """Gives a ResNet of timm another stem, in place and with random weights.

    "3x3" is the one of He et al. 2016 for CIFAR (section 4.2): a 3 x 3 convolution of stride 1 in
    place of 7 x 7 of stride 2, and no max-pooling; every feature map has four times the sides.

    Raises:
        NerveCegError: an unknown stem, or a backbone without a 7 x 7 stem to exchange.
    """
    if stem not in STEMS:
        raise NerveCegError(f"stem={stem}: null for the backbone's own, or {', '.join(STEMS)}")
    if (
        not isinstance(network, ResNet)
        or not isinstance(network.conv1, nn.Conv2d)
        or not isinstance(network.maxpool, nn.MaxPool2d)
    ):
        raise NerveCegError(
            f"backbone {backbone} has no stem that stem={stem} can take the place of: "
            "set stem=null, or take resnet18, 34, 50, 101 or 152"
        )
    before = network.conv1
    first = nn.Conv2d(before.in_channels, before.out_channels, kernel_size=3, padding=1, bias=False)
    nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
    network.set_submodule("conv1", first)
    network.set_submodule("maxpool", nn.Identity())
