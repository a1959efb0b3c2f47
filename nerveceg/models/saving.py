"""A trained network on disk: model.safetensors beside the config.json that rebuilds it."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor, nn

from nerveceg.documents import read_object
from nerveceg.errors import DataError, NerveCegError
from nerveceg.files import require_unchanged, write_together
from nerveceg.models.classifier import Classifier
from nerveceg.models.files import read_tensors
from nerveceg.models.segmenter import Segmenter
from nerveceg.models.two_headed import InceptionUNet, TwoHeadedUNet
from nerveceg.models.unets import RecurrentClassifier, UNet

CLASSES: dict[str, type[nn.Module]] = {
    "Classifier": Classifier,
    "Segmenter": Segmenter,
    "TwoHeadedUNet": TwoHeadedUNet,
    "InceptionUNet": InceptionUNet,
    "UNet": UNet,
    "RecurrentClassifier": RecurrentClassifier,
}
"""The only classes a config may name; each has a `config` of its constructor's arguments."""

CURE = "train it first with tools/train_cls.py (stage 1) or tools/train_seg.py (stage 2)"


def save_model(
    model: nn.Module, folder: Path | str, extra: Mapping[str, Any] | None = None
) -> None:
    """Writes both files, each whole or not at all; `extra` goes into config.json as it is.

    config.json holds the weights' sha256: should the process die between the two renames,
    `load_model` refuses the pair.

    Raises:
        NerveCegError: a model of no known class, or `extra` that hides the model's own entries.
    """
    name = type(model).__name__
    if CLASSES.get(name) is not type(model):
        raise NerveCegError(f"can't save a {name}: it must be one of {', '.join(CLASSES)}")
    tensors = {key: tensor.detach().contiguous() for key, tensor in model.state_dict().items()}
    weights = save(tensors)
    digest = hashlib.sha256(weights).hexdigest()
    config = {"class": name, "arguments": model.config, "sha256": digest}
    if extra and (taken := config.keys() & extra.keys()):
        raise NerveCegError(f"extra entry {min(taken)!r} is the model's own: take another name")
    text = json.dumps({**config, **(extra or {})}, indent=2)
    folder = Path(folder)
    write_together(
        {folder / "model.safetensors": weights, folder / "config.json": f"{text}\n".encode()}
    )


def load_model(folder: Path | str, *, cure: str = CURE) -> nn.Module:
    """The network that `save_model` wrote, on the CPU and in evaluation mode.

    `cure` is what to do where there is none. A config is data: it names one of `CLASSES`,
    nothing it says is imported, fetched or read.

    Raises:
        NerveCegError: a missing or damaged file, an unknown class or argument, other weights.
    """
    folder = Path(folder)
    config = load_config(folder, cure=cure)
    model = _rebuild(config, folder / "config.json")
    path = folder / "model.safetensors"
    if not path.is_file():
        raise NerveCegError(f"no checkpoint in {folder} (model.safetensors is missing): {cure}")
    _check_digest(path, config.get("sha256"))
    tensors = read_tensors(path)
    _check_same_tensors(tensors, model.state_dict(), path)
    model.load_state_dict(tensors, strict=True)
    return model.eval()


def load_config(folder: Path | str, *, cure: str = CURE) -> dict[str, Any]:
    """config.json as `save_model` wrote it, with its extra entries.

    Raises:
        NerveCegError: a missing, oversized or damaged file.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise NerveCegError(f"no checkpoint in {folder} (config.json is missing): {cure}")
    try:
        config = read_object(path)
    except DataError as error:
        raise DataError(f"{error}: copy or train it again") from None
    if not isinstance(config.get("arguments"), dict):
        raise NerveCegError(f"{path} must hold 'class' and 'arguments': copy or train it again")
    return config


def load_facts(folder: Path) -> dict[str, Any]:
    """What a trained stage's config.json records beside the network; empty where there is none.

    Raises:
        NerveCegError: an oversized or damaged file.
    """
    if not (folder / "config.json").is_file():
        return {}
    config = load_config(folder)
    return {
        name: value
        for name, value in config.items()
        if name not in ("class", "arguments", "sha256")
    }


def _rebuild(config: dict[str, Any], path: Path) -> nn.Module:
    name, arguments = config.get("class"), config["arguments"]
    if not isinstance(name, str) or name not in CLASSES:
        raise NerveCegError(f"{path} names class {name!r}: it must be one of {', '.join(CLASSES)}")
    known = inspect.signature(CLASSES[name]).parameters
    unknown = sorted(arguments.keys() - known.keys())
    if unknown:
        raise NerveCegError(
            f"{path} gives {name} an unknown argument {unknown[0]!r}: it takes {', '.join(known)}"
        )
    try:
        # The tensors lie in the file beside it; a config must not send us for others.
        return CLASSES[name](**{**arguments, "weights": None})
    except NerveCegError as error:
        raise NerveCegError(f"{path}: {error}") from None
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise NerveCegError(
            f"{path}: {name} can't be built so ({reason}): train it again"
        ) from None


def _check_digest(path: Path, wanted: object) -> None:
    """Refuse other weights than config.json was written with; earlier versions didn't say."""
    if wanted is not None:
        cure = "copy it again; where its training was killed, resume=true mends it"
        require_unchanged(path, str(wanted), by="config.json", cure=cure)


def _check_same_tensors(theirs: dict[str, Tensor], ours: dict[str, Tensor], path: Path) -> None:
    for name in [*ours, *theirs]:
        there, here = (
            list(state[name].shape) if name in state else "missing" for state in (theirs, ours)
        )
        if there != here:
            raise NerveCegError(
                f"{path} holds another network than its config.json: tensor {name} is {there}, "
                f"wanted {here}: keep the two files of one training together"
            )
