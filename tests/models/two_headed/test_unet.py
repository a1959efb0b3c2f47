import pytest
import torch
from torch import nn

from nerveceg.errors import NerveCegError
from nerveceg.models.two_headed import TwoHeadedUNet


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def block(inputs, outputs):
    """Two 5x5 convolutions with biases, each with batch norm's two values a channel."""
    return (25 * inputs + 1 + 2) * outputs + (25 * outputs + 1 + 2) * outputs


@pytest.fixture(scope="module")
def network():
    return TwoHeadedUNet().network


def test_every_block_has_the_parameters_of_the_published_layers(network):
    assert [count(part) for part in network.blocks] == [
        block(1, 32),
        block(32, 64),
        block(64, 128),
        block(128, 256),
    ]
    assert count(network.bottom) == block(256, 512)
    assert [count(part) for part in network.rises] == [
        block(64 + 32, 32),
        block(128 + 64, 64),
        block(256 + 128, 128),
        block(512 + 256, 256),
    ]
    assert count(network.pools) == count(network.skips) == 0
    assert count(network.head.presence) == (512 + 1) + (10 * 10 + 1)
    assert count(network.head.mask) == 32 + 1
    assert count(network) == 21_795_879


def test_every_level_has_the_shape_of_the_figure(network, shapes_of_levels):
    down = [(32, 160, 160), (64, 80, 80), (128, 40, 40), (256, 20, 20)]
    assert shapes_of_levels(network, (160, 160)) == [*down, (512, 10, 10), *reversed(down)]


def test_convolutions_start_as_he_says_and_see_five_pixels():
    torch.manual_seed(0)
    network = TwoHeadedUNet(channels=[32, 64]).network
    layers = [layer for part in network.blocks for layer in part.modules()]
    kernels = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert {layer.kernel_size for layer in kernels} == {(5, 5)}
    wide = kernels[1].weight
    assert wide.std().item() == pytest.approx((2 / (25 * 32)) ** 0.5, rel=0.02)
    assert not any(layer.bias.any() for layer in kernels)


@pytest.mark.parametrize("channels", [[32], [], [1, 2]])
def test_channels_that_make_no_network_are_refused_in_one_line(channels):
    with pytest.raises(NerveCegError, match="channels=") as caught:
        TwoHeadedUNet(channels=channels)
    assert "\n" not in str(caught.value)
