import pytest
import torch
from torch.nn import functional

from nerveceg.models.two_headed.inception import Inception, ResidualSkip, strided_pool


def convolved(features, layer):
    reach = [side // 2 for side in layer.weight.shape[-2:]]
    return functional.conv2d(features, layer.weight, layer.bias, padding=reach)


def normed(features):
    """Batch norm as it starts, in training."""
    mean = features.mean((0, 2, 3), keepdim=True)
    spread = features.var((0, 2, 3), keepdim=True, unbiased=False)
    return (features - mean) / (spread + 1e-5).sqrt()


def look(features, part):
    narrow, _, (across, *_), down = part
    entered = functional.elu(convolved(features, narrow))
    return convolved(functional.elu(normed(convolved(entered, across))), down)


def test_an_inception_block_is_four_looks_side_by_side():
    block = Inception(6, 32).double()
    features = torch.randn(3, 6, 9, 11, dtype=torch.float64)
    pooled = functional.max_pool2d(features, 3, stride=1, padding=1)
    looks = [
        convolved(features, block.point),
        look(features, block.near),
        look(features, block.wide),
        convolved(pooled, block.pooled[1]),
    ]
    assert [part.shape[1] for part in looks] == [8, 16, 4, 4]
    expected = functional.elu(normed(torch.cat(looks, dim=1)))
    assert torch.allclose(block(features), expected, atol=1e-10)


@pytest.mark.parametrize(("part", "reach"), [("near", 3), ("wide", 5)])
def test_a_split_convolution_sees_as_far_as_a_whole_one(part, reach):
    """Szegedy et al. 2016, fig. 6: 1xn, then nx1."""
    branch = getattr(Inception(1, 32), part).eval()
    image = torch.rand(1, 1, 15, 15, requires_grad=True)
    branch(image)[0, :, 7, 7].abs().sum().backward()
    seen = image.grad[0, 0] != 0
    assert seen.sum() == reach * reach
    assert seen[7 - reach // 2 : 8 + reach // 2, 7 - reach // 2 : 8 + reach // 2].all()
    kernels = [layer.kernel_size for layer in branch.modules() if hasattr(layer, "kernel_size")]
    assert kernels == [(1, 1), (1, reach), (reach, 1)]


def test_a_residual_skip_adds_a_tenth_of_its_residual():
    skip = ResidualSkip(4)
    features = torch.randn(2, 4, 6, 6)
    residual = normed(convolved(features, skip.residual[0]))
    assert torch.allclose(skip(features), functional.elu(features + 0.1 * residual), atol=1e-5)


@pytest.mark.parametrize("size", [(80, 112), (6, 10)])
def test_a_strided_pool_halves(size):
    halved = strided_pool(2, dropout=0.5)(torch.randn(2, 2, *size))
    assert halved.shape == (2, 2, size[0] // 2, size[1] // 2)
