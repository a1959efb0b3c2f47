"""Stage 2: one mask logit a pixel, from any smp architecture and encoder."""

import inspect
from collections.abc import Sequence
from typing import Any

import segmentation_models_pytorch as smp
from torch import Tensor, nn

from nerveceg.errors import NerveCegError
from nerveceg.models.fitting import start_from
from nerveceg.models.names import check_architecture, check_encoder
from nerveceg.models.normalisation import Normalise, encoder_statistics
from nerveceg.models.padding import pad_to_stride
from nerveceg.models.weights import find_encoder_weights


class Segmenter(nn.Module):
    """Draws the nerve in a grey frame of any size.

    `weights` starts the encoder: None (random), "imagenet", or a local file. `decoder_channels`
    (a list or a number, as the architecture has it) and `decoder_attention` ("scse") default to
    smp's own; `drop_path` is the stochastic depth of a `tu-` encoder. `mean` and `std` of the
    grey values follow from the encoder unless given. `config` rebuilds the network.

    Raises:
        NerveCegError: an unknown name, a pair or option that smp refuses, weights not to be had.
    """

    config: dict[str, Any]

    def __init__(
        self,
        architecture: str = "Unet",
        *,
        encoder: str = "tu-tf_efficientnet_b4",
        weights: str | None = None,
        decoder_channels: Sequence[int] | int | None = None,
        decoder_attention: str | None = None,
        drop_path: float = 0.0,
        mean: float | None = None,
        std: float | None = None,
    ) -> None:
        super().__init__()
        check_architecture(architecture)
        check_encoder(encoder)
        usual = encoder_statistics(encoder)
        if isinstance(decoder_channels, Sequence):
            decoder_channels = list(decoder_channels)
        self.config = {
            "architecture": architecture,
            "encoder": encoder,
            "weights": None,
            "decoder_channels": decoder_channels,
            "decoder_attention": decoder_attention,
            "drop_path": drop_path,
            "mean": usual.mean if mean is None else mean,
            "std": usual.std if std is None else std,
        }
        self.normalise = Normalise(self.config["mean"], self.config["std"])
        self.network = _network(self.config)
        if weights is not None:
            start_from(find_encoder_weights(encoder, weights), self.encoder, self.normalise)

    @property
    def encoder(self) -> nn.Module:
        """The part of the network that stage 1 can start."""
        return self.network.get_submodule("encoder")

    def forward(self, image: Tensor) -> Tensor:
        """Float image [N, 1, H, W] in [0, 1] to the mask logit, float [N, 1, H, W]."""
        height, width = image.shape[-2:]
        logit: Tensor = self.network(self.normalise(pad_to_stride(image)))
        return logit[..., :height, :width]


def _network(config: dict[str, Any]) -> nn.Module:
    architecture, encoder = config["architecture"], config["encoder"]
    try:
        network: nn.Module = smp.create_model(
            architecture,
            encoder_name=encoder,
            encoder_weights=None,
            in_channels=1,
            classes=1,
            **_options(config),
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, NerveCegError):
            raise
        reason = " ".join(str(error).split()).rstrip(".")
        raise NerveCegError(
            f"smp can't build {architecture} on encoder {encoder}: {reason}; take another pair"
        ) from None
    return network


def _options(config: dict[str, Any]) -> dict[str, Any]:
    architecture = smp.MODEL_ARCHITECTURES_MAPPING[config["architecture"].lower()]
    taken = inspect.signature(architecture).parameters
    options = {}
    for ours, theirs in (
        ("decoder_channels", "decoder_channels"),
        ("decoder_attention", "decoder_attention_type"),
    ):
        if config[ours] is None:
            continue
        if theirs not in taken:
            raise NerveCegError(f"{architecture.__name__} takes no {ours}: leave {ours}=null")
        options[theirs] = config[ours]
    if config["drop_path"]:
        if not config["encoder"].startswith("tu-"):
            raise NerveCegError(f"encoder {config['encoder']} takes no drop_path: set drop_path=0")
        options["drop_path_rate"] = config["drop_path"]
    return options
