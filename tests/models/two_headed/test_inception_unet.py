import pytest
import torch

from nerveceg.errors import NerveCegError
from nerveceg.models.two_headed import InceptionUNet


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def inception(inputs, depth):
    """1x1; 1x1, 1x3, norm, 3x1; 1x1, 1x5, norm, 5x1; pool, 1x1; norm of all."""
    near, half, narrow, eighth = depth // 8 * 3, depth // 2, depth // 16, depth // 8
    return (
        (inputs + 1) * depth // 4
        + ((inputs + 1) * near + (3 * near + 1 + 2) * half + (3 * half + 1) * half)
        + ((inputs + 1) * narrow + (5 * narrow + 1 + 2) * eighth + (5 * eighth + 1) * eighth)
        + (inputs + 1) * eighth
        + 2 * depth
    )


@pytest.fixture(scope="module")
def network():
    return InceptionUNet().network


def test_every_block_has_the_parameters_of_the_published_layers(network):
    widths = [32, 64, 128, 256]
    assert [count(part) for part in network.blocks] == [
        inception(1, 32),
        inception(32, 64),
        inception(64, 128),
        inception(128, 256),
    ]
    assert [count(part) for part in network.pools] == [(9 * w + 1 + 2) * w for w in widths]
    assert [count(part) for part in network.skips] == [(w + 1 + 2) * w for w in widths]
    assert count(network.bottom) == inception(256, 512)
    assert [count(part) for part in network.rises] == [
        inception(64 + 32, 32),
        inception(128 + 64, 64),
        inception(256 + 128, 128),
        inception(512 + 256, 256),
    ]
    assert count(network.head.presence) == (512 + 1) + (5 * 7 + 1)
    assert count(network.head.mask) == 32 + 1
    assert count(network) == 1_858_972


def test_every_level_has_the_shape_of_the_original(network, shapes_of_levels):
    down = [(32, 80, 112), (64, 40, 56), (128, 20, 28), (256, 10, 14)]
    assert shapes_of_levels(network, (80, 112)) == [*down, (512, 5, 7), *reversed(down)]


def test_dropout_follows_every_level_but_the_contracting_blocks(network):
    dropping = [
        name for name, part in network.named_modules() if isinstance(part, torch.nn.Dropout)
    ]
    assert len(dropping) == 4 + 1 + 4
    assert not any(name.startswith(("blocks", "skips")) for name in dropping)


@pytest.mark.parametrize("channels", [[24, 32], [16, 8], [16]])
def test_channels_that_make_no_network_are_refused_in_one_line(channels):
    with pytest.raises(NerveCegError, match="channels=") as caught:
        InceptionUNet(channels=channels)
    assert "\n" not in str(caught.value)
