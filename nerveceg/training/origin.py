"""What a run was begun with: a resumed one must find the same frames, and should the same torch."""

import hashlib
import json
import logging
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nerveceg.data.dataset import FrameDataset
from nerveceg.errors import NerveCegError
from nerveceg.processes import count
from nerveceg.training.checkpointing import States
from nerveceg.training.state import State

logger = logging.getLogger(__name__)

LIBRARIES = ("torch", "numpy", "timm", "albumentations", "accelerate")
"""Another version of any may round otherwise, or change frames otherwise."""


def origin_of(
    train: FrameDataset, validation: FrameDataset, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """A digest of the frames with their truth and of the run's facts, processes, versions."""
    sides = [
        [[frame.id, frame.subject] for frame in side.frames] + side.present.tolist()
        for side in (train, validation)
    ]
    text = json.dumps([*sides, dict(facts)], sort_keys=True)
    return {
        "data": hashlib.sha256(text.encode()).hexdigest(),
        "processes": count(),
        "versions": {name: _version(name) for name in LIBRARIES},
    }


def load_same(states: States, origin: Mapping[str, Any]) -> State:
    """The newest whole state of a run on the same frames.

    Raises:
        NerveCegError: there is none, or the frames are others.
    """
    state = states.load()
    check_origin(state, origin)
    return state


def check_origin(began: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Warn of a library that changed since the run began.

    Raises:
        NerveCegError: the frames or the number of processes did.
    """
    if began["processes"] != now["processes"]:
        raise NerveCegError(
            f"resume=true in {now['processes']} processes, but the run began in "
            f"{began['processes']}: as many are wanted, or overwrite=true starts anew"
        )
    if began["data"] != now["data"]:
        raise NerveCegError(
            "resume=true, but the frames aren't those that the run began with: bring them back, or "
            "overwrite=true starts anew"
        )
    for name, there in began["versions"].items():
        if there != now["versions"][name]:
            logger.warning(
                "the run began with %s %s and goes on with %s: its weights may differ from those "
                "of an undisturbed run",
                name,
                there,
                now["versions"][name],
            )


def _version(name: str) -> str:
    """Not every library is wanted everywhere: without augmentation there's no albumentations."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
