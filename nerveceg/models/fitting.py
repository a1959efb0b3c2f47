"""Weights from elsewhere into a network of ours: other key names, three colours, another head."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nerveceg.errors import NerveCegError
from nerveceg.models.conversion import timm_from_efficientnet_pytorch
from nerveceg.models.normalisation import Normalise

# What a file may hold beyond an encoder, and a network may have that its file lacks.
_HEADS = ("classifier_", "fc_", "head_", "last_linear_")
_BEYOND_ENCODER = (*_HEADS, "conv_head_", "bn2_", "norm_", "fc_norm_")


class Start(NamedTuple):
    """Weights to start from: their tensors, and where they were found, for messages."""

    source: str
    state: dict[str, Tensor]


def start_from(start: Start, network: nn.Module, normalise: Normalise) -> None:
    """Copies the weights into the network; a stem of three colours is summed to grey.

    Only a head of another size stays as it is. Nothing is copied unless all else fits.

    Raises:
        NerveCegError: weights of another network or another normalisation.
    """
    _check_normalisation(start, normalise)
    given = _by_plain_name(_trunk(start.state))
    own = _by_plain_name(network.state_dict())
    pairs = []
    for name, tensor in own.items():
        found = _as_grey(given.get(name), like=tensor)
        if found is not None and found.shape == tensor.shape:
            pairs.append((tensor, found))
        elif not name.startswith(_HEADS) and not name.endswith("num_batches_tracked"):
            raise _other_network(start, name, theirs=found, ours=tensor)
    for name in given.keys() - own.keys():
        if not name.startswith(_BEYOND_ENCODER):
            raise _other_network(start, name, theirs=given[name], ours=None)
    with torch.no_grad():
        for tensor, found in pairs:
            tensor.copy_(found)


def _trunk(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The backbone's or encoder's part of a file that holds a whole network of ours or smp's."""
    for prefix in ("network.", "encoder."):
        inside = {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}
        state = inside or state
    return state


def _by_plain_name(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names that all libraries share: smp puts `model.` before timm's, timm's features use `_`."""
    while state and all(key.startswith("model.") for key in state):
        state = {key.removeprefix("model."): tensor for key, tensor in state.items()}
    if "_conv_stem.weight" in state:
        state = timm_from_efficientnet_pytorch(state)
    return {key.replace(".", "_"): tensor for key, tensor in state.items()}


def _as_grey(tensor: Tensor | None, *, like: Tensor) -> Tensor | None:
    if tensor is None or tensor.ndim != 4 or like.ndim != 4:
        return tensor
    if tensor.shape[1] == 3 and like.shape[1] == 1:
        return tensor.sum(dim=1, keepdim=True)
    return tensor


def _check_normalisation(start: Start, normalise: Normalise) -> None:
    if "normalise.mean" not in start.state:
        return
    theirs = [start.state[f"normalise.{name}"].item() for name in ("mean", "std")]
    ours = [normalise.mean.item(), normalise.std.item()]
    if not torch.allclose(torch.tensor(theirs), torch.tensor(ours), rtol=0, atol=1e-5):
        raise NerveCegError(
            f"{start.source} learnt from grey values of mean {theirs[0]:.4f} and "
            f"std {theirs[1]:.4f}, this network takes {ours[0]:.4f} and {ours[1]:.4f}: "
            f"set mean={theirs[0]:.4f} std={theirs[1]:.4f}"
        )


def _other_network(
    start: Start, name: str, *, theirs: Tensor | None, ours: Tensor | None
) -> NerveCegError:
    there, here = (
        "missing" if tensor is None else str(list(tensor.shape)) for tensor in (theirs, ours)
    )
    return NerveCegError(
        f"{start.source} holds another network: tensor {name} is {there} there, {here} here: "
        "give weights of the same architecture"
    )
