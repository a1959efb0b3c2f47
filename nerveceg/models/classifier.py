"""Stage 1: one presence logit a frame, from a timm or efficientnet-pytorch backbone."""

from typing import Any

import timm
from torch import Tensor, nn

from nerveceg.errors import NerveCegError
from nerveceg.models.fitting import start_from
from nerveceg.models.names import EFFICIENTNETS, check_backbone
from nerveceg.models.normalisation import Normalise, backbone_statistics
from nerveceg.models.stem import exchange_stem
from nerveceg.models.weights import find_backbone_weights


class Classifier(nn.Module):
    """Says how likely it is that a grey frame shows the nerve.

    `weights` starts the backbone: None (random), "imagenet", or a local file. `stem` exchanges
    the first layers of a ResNet ("3x3": no halving there). `mean` and `std` of the grey values
    follow from the backbone unless given. `config` rebuilds the network.

    Raises:
        NerveCegError: an unknown backbone, an option it doesn't take, weights not to be had.
    """

    config: dict[str, Any]

    def __init__(
        self,
        backbone: str = "tf_efficientnet_b4",
        *,
        weights: str | None = None,
        dropout: float = 0.3,
        drop_path: float = 0.2,
        stem: str | None = None,
        mean: float | None = None,
        std: float | None = None,
    ) -> None:
        super().__init__()
        check_backbone(backbone)
        usual = backbone_statistics(backbone)
        self.config = {
            "backbone": backbone,
            "weights": None,
            "dropout": dropout,
            "drop_path": drop_path,
            "stem": stem,
            "mean": usual.mean if mean is None else mean,
            "std": usual.std if std is None else std,
        }
        self.normalise = Normalise(self.config["mean"], self.config["std"])
        self.network = _backbone(backbone, dropout=dropout, drop_path=drop_path)
        _start_head_undecided(self.network)
        if stem is not None:
            exchange_stem(self.network, stem, backbone=backbone)
        if weights is not None:
            start_from(find_backbone_weights(backbone, weights), self.network, self.normalise)

    def forward(self, image: Tensor) -> Tensor:
        """Float image [N, 1, H, W] in [0, 1] to the presence logit, float [N]."""
        logit: Tensor = self.network(self.normalise(image))
        return logit.squeeze(1)


def _start_head_undecided(network: nn.Module) -> None:
    """Start near presence .5: libraries scale a head by its outputs, too far for a single one."""
    for name, parameter in network.named_parameters():
        if name.startswith(("classifier", "fc.", "head.fc", "head.", "_fc.")):
            if parameter.ndim > 1 and parameter.shape[0] == 1:
                nn.init.trunc_normal_(parameter, std=0.02)
            elif parameter.shape == (1,):
                nn.init.zeros_(parameter)


def _backbone(name: str, *, dropout: float, drop_path: float) -> nn.Module:
    if name in EFFICIENTNETS:
        return _efficientnet_pytorch(name, dropout=dropout, drop_path=drop_path)
    # None is no argument to timm: backbones without stochastic depth take drop_path=0.
    options: dict[str, Any] = {"drop_rate": dropout, "drop_path_rate": drop_path or None}
    try:
        network: nn.Module = timm.create_model(name, in_chans=1, num_classes=1, **options)
    except TypeError as error:
        option = "drop_path" if "drop_path" in str(error) else "dropout"
        raise NerveCegError(
            f"backbone {name} takes no {option}: set {option}=0 ({error})"
        ) from None
    return network


def _efficientnet_pytorch(name: str, *, dropout: float, drop_path: float) -> nn.Module:
    from efficientnet_pytorch import EfficientNet

    # image_size None pads by the size of each image, as timm and the original do.
    network: nn.Module = EfficientNet.from_name(
        name,
        in_channels=1,
        image_size=None,
        num_classes=1,
        dropout_rate=dropout,
        drop_connect_rate=drop_path,
    )
    return network
