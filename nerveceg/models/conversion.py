"""EfficientNet's weights between the key names of efficientnet-pytorch and those of timm."""

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from nerveceg.errors import NerveCegError

_OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
# MBConv blocks (Tan and Le 2019, table 1): the first stage expands by 1 and lacks that layer,
# which shifts timm's numbers of all the layers that follow.
_EXPANDED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_PLAIN = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}


def timm_from_efficientnet_pytorch(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, in the same order, under timm's `tf_efficientnet_*` keys.

    Raises:
        NerveCegError: a key that no EfficientNet of efficientnet-pytorch has.
    """
    modules = dict(_OUTSIDE)
    widths: list[int] = []
    places: list[int] = []
    for flat in _flat_blocks(state):
        width = state[f"_blocks.{flat}._project_conv.weight"].shape[0]
        # No two stages are equally wide, so a new width opens a stage.
        first = not widths or widths[-1] != width
        if first:
            widths.append(width)
            places.append(0)
        expanded = f"_blocks.{flat}._expand_conv.weight" in state
        theirs, ours = f"_blocks.{flat}", f"blocks.{len(widths) - 1}.{places[-1]}"
        modules |= _block_modules(theirs, ours, expanded=expanded)
        places[-1] += 1
    return _renamed(state, modules)


def efficientnet_pytorch_from_timm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, in the same order, under the keys of efficientnet-pytorch.

    Raises:
        NerveCegError: a key that no `tf_efficientnet_*` of timm has.
    """
    modules = dict(_OUTSIDE)
    for flat, (stage, place) in enumerate(_staged_blocks(state)):
        ours = f"blocks.{stage}.{place}"
        expanded = f"{ours}.conv_pwl.weight" in state
        modules |= _block_modules(f"_blocks.{flat}", ours, expanded=expanded)
    return _renamed(state, {ours: theirs for theirs, ours in modules.items()})


def _flat_blocks(keys: Iterable[str]) -> list[int]:
    return sorted({int(found[1]) for key in keys if (found := re.match(r"_blocks\.(\d+)\.", key))})


def _staged_blocks(keys: Iterable[str]) -> list[tuple[int, int]]:
    pattern = re.compile(r"blocks\.(\d+)\.(\d+)\.")
    return sorted({(int(found[1]), int(found[2])) for key in keys if (found := pattern.match(key))})


def _block_modules(theirs: str, ours: str, *, expanded: bool) -> dict[str, str]:
    layers = _EXPANDED if expanded else _PLAIN
    return {f"{theirs}.{name}": f"{ours}.{timm_name}" for name, timm_name in layers.items()}


def _renamed(state: Mapping[str, Tensor], modules: Mapping[str, str]) -> dict[str, Tensor]:
    renamed = {}
    for key, tensor in state.items():
        module, _, leaf = key.rpartition(".")
        if module not in modules:
            raise NerveCegError(f"tensor {key} is none of an EfficientNet: take weights of one")
        renamed[f"{modules[module]}.{leaf}"] = tensor
    return renamed
