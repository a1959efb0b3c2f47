"""What a stage's network begins with, beside the first weights that its model names."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

if TYPE_CHECKING:
    from torch import nn

    from nerveceg.models.starting import Origin

logger = logging.getLogger(__name__)

ENCODER = "cls"
"""As seg.init: the encoder alone, from this run's stage 1."""


def origin_of_stage(config: DictConfig, stage: str) -> "Origin | None":
    """The trained network that a stage's `init` names, if it names a whole one.

    Raises:
        NerveCegError: there is none, or its files are damaged.
    """
    from nerveceg.models.starting import find_origin

    init = config[stage].init
    return find_origin(stage, str(init)) if _is_whole(stage, init) else None


def without_first_weights(config: DictConfig, stage: str) -> DictConfig:
    """The stage's node; its model looks for no weights where `init` replaces them all."""
    node: DictConfig = config[stage].copy()
    if _is_whole(stage, node.init):
        node.model.weights = None
    return node


def begin_with(network: "nn.Module", origin: "Origin | None") -> None:
    """Copy the origin's weights into the network; none leaves it as it is."""
    from nerveceg.models.starting import start_network

    if origin is not None:
        start_network(network, origin)


def facts_with(facts: dict[str, Any], origin: "Origin | None") -> dict[str, Any]:
    """A stage's facts with what its origin was and has seen: what it must not be scored on."""
    if origin is None:
        return facts
    seen = {*facts["trained_on"], *origin.trained_on}
    began = {"from": Path(origin.source).name, "sha256": origin.sha256}
    return {**facts, "init": began, "trained_on": sorted(seen)}


def say_beginning(stage: str, facts: dict[str, Any], origin: "Origin | None") -> None:
    """Say what the stage begins with, and how many of its frames that has seen before."""
    from nerveceg.models.starting import STARTER

    if origin is None:
        return
    seen = len(origin.trained_on.intersection(facts["trained_on"]))
    logger.info(
        "stage %s: begins with %s, which saw %s of these frames; %s.init=null begins with the "
        "first weights of its model",
        stage,
        "nerveceg's starter weights of made-up people"
        if origin.source == STARTER
        else f"the network of {origin.source}",
        seen or "none",
        stage,
    )


def _is_whole(stage: str, init: str | None) -> bool:
    return init is not None and (stage, init) != ("seg", ENCODER)
