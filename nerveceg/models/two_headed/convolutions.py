"""Convolutions that keep their input's size, as Keras starts them."""

from torch import nn


def he_convolution(inputs: int, outputs: int, kernel: tuple[int, int]) -> nn.Conv2d:
    """Weights from a normal distribution of variance 2 / fan-in (He et al. 2015, eq. 10)."""
    convolution = _convolution(inputs, outputs, kernel, stride=1)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return convolution


def glorot_convolution(
    inputs: int, outputs: int, kernel: tuple[int, int], *, stride: int = 1
) -> nn.Conv2d:
    """Weights from a uniform distribution (Glorot and Bengio 2010, eq. 16), Keras's default."""
    convolution = _convolution(inputs, outputs, kernel, stride=stride)
    nn.init.xavier_uniform_(convolution.weight)
    return convolution


def normalised(convolution: nn.Conv2d) -> nn.Sequential:
    """Convolution, batch norm (Ioffe and Szegedy 2015), ELU (Clevert et al. 2016)."""
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ELU())


def _convolution(inputs: int, outputs: int, kernel: tuple[int, int], *, stride: int) -> nn.Conv2d:
    padding = (kernel[0] // 2, kernel[1] // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding)
    assert convolution.bias is not None  # noqa: S101
    nn.init.zeros_(convolution.bias)
    return convolution
