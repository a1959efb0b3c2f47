"""Grey values in [0, 1] into the range that a network's weights were trained on."""

from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nerveceg.models.names import EFFICIENTNETS


class GreyStatistics(NamedTuple):
    """Mean and standard deviation of grey values in [0, 1]."""

    mean: float
    std: float


IMAGENET = GreyStatistics(0.449, 0.226)
"""ImageNet's RGB statistics, averaged over the channels."""

LITE = GreyStatistics(127 / 255, 128 / 255)
"""(x * 255 - 127) / 128, as EfficientNet-lite was trained."""

# smp states these only in files on a hub, so those that differ from ImageNet's stand here.
_SMP = {
    "inceptionresnetv2": GreyStatistics(0.5, 0.5),
    "inceptionv4": GreyStatistics(0.5, 0.5),
    "xception": GreyStatistics(0.5, 0.5),
    "dpn": GreyStatistics(0.451, 0.2348),
}


def backbone_statistics(backbone: str) -> GreyStatistics:
    """The statistics a backbone (timm or efficientnet-pytorch name) was trained with."""
    import timm

    if backbone in EFFICIENTNETS:
        return IMAGENET
    if backbone.startswith("tf_efficientnet_lite"):
        return LITE
    pretrained = timm.get_pretrained_cfg(backbone)
    if pretrained is None:
        return IMAGENET
    return GreyStatistics(round(fmean(pretrained.mean), 4), round(fmean(pretrained.std), 4))


def encoder_statistics(encoder: str) -> GreyStatistics:
    """The statistics an smp encoder was trained with; `tu-` encoders as timm states them."""
    if encoder.startswith("tu-"):
        return backbone_statistics(encoder.removeprefix("tu-"))
    return next((known for name, known in _SMP.items() if encoder.startswith(name)), IMAGENET)


class Normalise(nn.Module):
    """(image - mean) / std, with both as buffers so that they travel with the weights."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, image: Tensor) -> Tensor:
        """Float image [N, 1, H, W] in [0, 1] to the same shape, about zero mean, unit deviation."""
        return (image - self.mean) / self.std
