"""A stage begun with a whole trained network: one that comes with nerveceg, or a run's own."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from nerveceg.documents import read_object
from nerveceg.errors import NerveCegError
from nerveceg.files import require_unchanged
from nerveceg.models.files import read_tensors
from nerveceg.models.names import without_tag
from nerveceg.models.saving import load_config

STARTER = "starter"
FOLDER = Path(__file__).with_name(STARTER)
"""Where the pair lies that comes with nerveceg."""

RECORD = "starter.json"
SCHEMA = 1
NONE_HERE = (
    "this build of nerveceg has no starter weights: make them as docs/head_start.md shows, "
    "or set cls.init=null seg.init=null"
)
MAY_DIFFER = ("weights", "dropout", "drop_path", "mean", "std")
"""Arguments of a network that name no tensor; mean and std are compared by their own rule."""


class Origin(NamedTuple):
    """A trained network on disk, of one stage."""

    source: str
    """what it is called in messages"""
    stage: str
    network: str
    """its class"""
    arguments: dict[str, Any]
    """of its class"""
    weights: Path
    sha256: str
    trained_on: frozenset[str]
    """digests of the image files that it has seen"""


def find_origin(stage: str, init: str, *, starter: Path = FOLDER) -> Origin:
    """The network of a stage, cls or seg, that `init` names.

    init: "starter" for the pair in the folder `starter`, a folder of another such pair, or the
    folder of a trained run.

    Raises:
        NerveCegError: there is none, its record is damaged, or its weights are not the record's.
    """
    if init != STARTER and not Path(init).is_dir():
        also = ", cls for the encoder of stage 1" if stage == "seg" else ""
        raise NerveCegError(
            f"{stage}.init={init}: null, starter, the folder of a trained run{also} is wanted"
        )
    folder = starter if init == STARTER else Path(init)
    if (folder / RECORD).is_file():
        origin = _of_pair(folder, stage, source=init)
    elif init == STARTER:
        raise NerveCegError(NONE_HERE)
    else:
        origin = _of_run(folder, stage, source=init)
    _check_weights(origin, RECORD if (folder / RECORD).is_file() else "config.json")
    return origin


def start_network(network: nn.Module, origin: Origin) -> None:
    """Copies all of the origin's tensors into the network: head, decoder and batch norm too.

    Half precision becomes the network's own.

    Raises:
        NerveCegError: another architecture or another input normalisation; it is named.
    """
    _check_same_network(network, origin)
    _check_normalisation(network, origin)
    tensors = read_tensors(origin.weights)
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:160]
        raise NerveCegError(
            f"{origin.weights} holds another network than its record says ({reason}): "
            f"copy it again, or set {origin.stage}.init=null"
        ) from None


def _of_pair(folder: Path, stage: str, *, source: str) -> Origin:
    path = folder / RECORD
    record = read_object(path)
    if record.get("schema") != SCHEMA:
        raise NerveCegError(
            f"{path} is of schema {record.get('schema')}, this version reads {SCHEMA}: "
            "make the pair again, or install the version that made it"
        )
    try:
        part = record["stages"][stage]
        return Origin(
            source,
            stage,
            part["class"],
            dict(part["arguments"]),
            folder / f"{stage}.safetensors",
            part["sha256"],
            frozenset(record["trained_on"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NerveCegError(f"{path} lacks or misplaces {error}: copy it again") from None


def _of_run(folder: Path, stage: str, *, source: str) -> Origin:
    cure = f"give {stage}.init the folder of a run whose stage {stage} is trained"
    config = load_config(folder / stage, cure=cure)
    return Origin(
        source,
        stage,
        str(config.get("class")),
        config["arguments"],
        folder / stage / "model.safetensors",
        str(config.get("sha256")),
        frozenset(map(str, config.get("trained_on", ()))),
    )


def _check_weights(origin: Origin, record: str) -> None:
    if not origin.weights.is_file():
        raise NerveCegError(f"{origin.weights} is missing: its folder isn't whole, copy it again")
    cure = "copy it, or install nerveceg, again"
    require_unchanged(origin.weights, origin.sha256, by=record, cure=cure)


def _check_same_network(network: nn.Module, origin: Origin) -> None:
    ours = _facts(type(network).__name__, _config(network))
    theirs = _facts(origin.network, origin.arguments)
    for name in [*theirs, *ours]:
        there, here = theirs.get(name), ours.get(name)
        if there != here:
            raise NerveCegError(
                f"{origin.stage}.init={origin.source} holds another network: its {name} is "
                f"{there}, {here} is wanted here: take {_cure(origin.stage, name, there)}, "
                f"or {origin.stage}.init=null"
            )


def _config(network: nn.Module) -> dict[str, Any]:
    """Its constructor's arguments, as they come back from JSON."""
    config: dict[str, Any] = json.loads(json.dumps(network.config))
    return config


def _facts(network: str, arguments: dict[str, Any]) -> dict[str, Any]:
    plain = {
        name: without_tag(value) if isinstance(value, str) else value
        for name, value in arguments.items()
        if name not in MAY_DIFFER and value is not None
    }
    return {"class": network, **plain}


def _cure(stage: str, name: str, value: object) -> str:
    return f"another {stage}" if name == "class" else f"{stage}.model.{name}={value}"


def _check_normalisation(network: nn.Module, origin: Origin) -> None:
    ours, theirs = (
        [float(arguments[name]) for name in ("mean", "std")]
        for arguments in (_config(network), origin.arguments)
    )
    if any(abs(one - other) > 1e-5 for one, other in zip(ours, theirs, strict=True)):
        raise NerveCegError(
            f"{origin.stage}.init={origin.source} learnt from grey values of mean {theirs[0]:.4f} "
            f"and std {theirs[1]:.4f}, this network takes {ours[0]:.4f} and {ours[1]:.4f}: set "
            f"{origin.stage}.model.mean={theirs[0]:.4f} {origin.stage}.model.std={theirs[1]:.4f}"
        )
