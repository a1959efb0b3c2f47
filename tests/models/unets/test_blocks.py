import torch
from torch.nn import functional

from nerveceg.models.unets.attention import AttentionGate
from nerveceg.models.unets.blocks import (
    DoubleConvolution,
    RecurrentConvolution,
    RecurrentResidualBlock,
    UpConvolution,
)


def conv_norm(features, convolution):
    """A convolution and what batch norm makes of it in training, from the formulas alone."""
    there = functional.conv2d(
        features, convolution.weight, convolution.bias, padding=convolution.kernel_size[0] // 2
    )
    mean = there.mean((0, 2, 3), keepdim=True)
    return (there - mean) / (there.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()


def close(found, wanted):
    return torch.allclose(found, wanted, atol=1e-4)


def test_a_level_of_unet_is_two_padded_convolutions_with_batch_norm_and_relu():
    block = DoubleConvolution(3, 8)
    features = torch.randn(2, 3, 6, 10)
    wanted = conv_norm(conv_norm(features, block[0][0]).relu(), block[1][0]).relu()
    assert wanted.shape == (2, 8, 6, 10)
    assert close(block(features), wanted)


def test_two_steps_are_one_pass_over_the_input_and_two_over_input_and_last_output():
    layer = RecurrentConvolution(5, steps=2)
    torch.nn.init.normal_(layer.scale)
    torch.nn.init.normal_(layer.shift)
    scale, shift = layer.scale.view(5, 1, 1), layer.shift.view(5, 1, 1)
    features = torch.randn(2, 5, 6, 10)
    first = (conv_norm(features, layer.convolution) * scale + shift).relu()
    second = (conv_norm(features + first, layer.convolution) * scale + shift).relu()
    third = (conv_norm(features + second, layer.convolution) * scale + shift).relu()
    assert close(layer(features), third)
    assert not close(third, second)


def test_every_pass_is_evaluated_with_its_own_statistics():
    layer = RecurrentConvolution(4, steps=2)
    features = torch.randn(8, 4, 16, 16) * 3
    for _ in range(100):
        learnt = layer(features)
    assert torch.allclose(layer.eval()(features), learnt, atol=0.02)


def test_a_level_of_r2unet_adds_two_recurrent_layers_to_a_widened_input():
    block = RecurrentResidualBlock(3, 8, steps=2)
    features = torch.randn(2, 3, 6, 10)
    widened = functional.conv2d(features, block.widen.weight, block.widen.bias)
    wanted = widened + block.recurrent[1](block.recurrent[0](widened))
    assert wanted.shape == (2, 8, 6, 10)
    assert close(block(features), wanted)


def test_the_way_up_repeats_every_pixel_before_it_convolves():
    up = UpConvolution(6, 3)
    features = torch.randn(2, 6, 3, 5)
    repeated = features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert close(up(features), conv_norm(repeated, up[1][0]).relu())


def test_the_attention_gate_scales_a_pixels_features_by_one_coefficient():
    gate = AttentionGate(8)
    skip, signal = torch.randn(2, 2, 8, 4, 6)
    added = conv_norm(skip, gate.skip[0]) + conv_norm(signal, gate.signal[0])
    assert added.shape == (2, 4, 4, 6), "half of the channels lie between"
    alpha = conv_norm(added.relu(), gate.psi[0]).sigmoid()
    assert alpha.shape == (2, 1, 4, 6)
    assert close(gate.coefficients(skip, signal), alpha)
    assert close(gate(skip, signal), skip * alpha)
