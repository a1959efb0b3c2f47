"""The names of networks: which are known, which lie nearest to a misspelt one, which are twins."""

import difflib
from collections.abc import Collection
from functools import cache

from nerveceg.errors import NerveCegError

EFFICIENTNETS = tuple(f"efficientnet-b{size}" for size in range(8))
"""Names of efficientnet-pytorch; smp has encoders of the same names and keys."""


def check_backbone(name: str) -> None:
    """Accepts a timm name, with or without its tag, or one of `EFFICIENTNETS`.

    Raises:
        NerveCegError: for any other name, with the nearest known ones.
    """
    if name not in EFFICIENTNETS and name not in _timm_names():
        known = {*EFFICIENTNETS, *_timm_names()}
        raise _unknown("backbone", name, known, "a timm name or efficientnet-b0 to -b7")


def check_encoder(name: str) -> None:
    """Accepts an encoder of smp: its own name, or `tu-` before a timm name.

    Raises:
        NerveCegError: for any other name, with the nearest known ones.
    """
    from segmentation_models_pytorch.encoders import encoders

    universal = {f"tu-{timm_name}" for timm_name in _timm_names()}
    if name not in encoders and name not in universal:
        known = {*encoders, *universal}
        raise _unknown("encoder", name, known, "an smp name or tu- before a timm name")


def check_architecture(name: str) -> None:
    """Accepts the name of an smp architecture, in any case: Unet, FPN, DeepLabV3Plus ...

    Raises:
        NerveCegError: for any other name, with the nearest known ones.
    """
    from segmentation_models_pytorch import MODEL_ARCHITECTURES_MAPPING

    if name.lower() not in MODEL_ARCHITECTURES_MAPPING:
        known = {model.__name__ for model in MODEL_ARCHITECTURES_MAPPING.values()}
        raise _unknown("architecture", name, known, ", ".join(sorted(known)))


def without_tag(name: str) -> str:
    """The architecture in a timm name: tf_efficientnet_b4 of tf_efficientnet_b4.ns_jft_in1k."""
    return name.partition(".")[0]


def same_network(backbone: str, encoder: str) -> bool:
    """Whether a backbone's weights fit an encoder: one network, whichever library builds it."""
    names = (without_tag(name.removeprefix("tu-")) for name in (backbone, encoder))
    first, second = (name.replace("tf_efficientnet_b", "efficientnet-b") for name in names)
    return first == second


@cache
def _timm_names() -> frozenset[str]:
    import timm

    return frozenset(timm.list_models()) | frozenset(timm.list_models(pretrained=True))


def _unknown(what: str, name: str, known: Collection[str], wanted: str) -> NerveCegError:
    by_lower = {candidate.lower(): candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)
    hint = f", nearest: {', '.join(by_lower[name] for name in near)}" if near else ""
    return NerveCegError(f"unknown {what} {name!r}: give {wanted}{hint}")
