"""What starter.json says beside the networks: how they were made, on what, how good they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from nerveceg.errors import NerveCegError
from nerveceg.tools.entries import word
from nerveceg.tools.recorded import read_recorded
from nerveceg.tools.stage_folder import MUST_STAY

if TYPE_CHECKING:
    from nerveceg.evaluation.report import Report

EXPERIMENT = "experiment=starter"
LICENCE = "Apache-2.0"
MEASURED = 64
"""Made-up people whose frames are measured for the data's statistics."""

REPEATED = {
    **dict.fromkeys(("cls", "seg"), ("optimizer", "schedule")),
    **dict.fromkeys(("cls.objective", "seg.objective"), ("loss",)),
}
"""What a stage takes from the whole configuration, where it stands by its own name."""

MACHINE = ("root", "table", "folder", "cache", "cache_folder", "mask_folder")
"""Where things lie, which is the reader's affair; they hold no seed."""

SHOWN = ("frames", "subjects", "prevalence", "dice", "rows", "gate", "facts")
"""Of the report."""


def make_record(run: Path, report: "Report") -> dict[str, Any]:
    """Plain values for starter.json; the pair's own report is of frames that it never saw.

    Raises:
        NerveCegError: the run was not trained on a stream of made-up people.
    """
    from nerveceg import __version__
    from nerveceg.checkpoint import STAGES, describe_trained
    from nerveceg.models.saving import load_facts

    described = describe_trained(run)
    trained = {stage: _recorded(run, stage) for stage in STAGES}
    return {
        "licence": LICENCE,
        "nerveceg": __version__,
        "command": [_command(stage, config) for stage, config in trained.items()],
        "seeds": {stage: config["seed"] for stage, config in trained.items()},
        "geometry": described.geometry.to_dict(),
        "filter": described.filter and described.filter.to_dict(),
        "normalisation": {
            stage: {name: _argument(run, stage, name) for name in ("mean", "std")}
            for stage in STAGES
        },
        "data": {
            stage: {"people_an_epoch": config["data"]["stream"]["people"], **_epochs(config, stage)}
            for stage, config in trained.items()
        },
        "best": {stage: _best(load_facts(run / stage)) for stage in STAGES},
        "statistics": _statistics(trained["cls"]),
        "report": {name: report.to_dict()[name] for name in SHOWN},
        "trained_on": sorted(described.trained_on),
    }


def _recorded(run: Path, stage: str) -> dict[str, Any]:
    config = read_recorded(run / stage)
    if not config["data"].get("stream"):
        raise NerveCegError(
            f"{run / stage} was not trained on a stream: train it with {EXPERIMENT}, or with "
            "data=phantom_stream; only weights that no patient's frame has touched are handed on"
        )
    if config[stage].get("init") not in (None, "cls"):
        raise NerveCegError(
            f"{run / stage} began with {config[stage]['init']}: train the pair from its own start"
        )
    return config


def _command(stage: str, config: Mapping[str, Any]) -> str:
    """The words that train the stage again."""
    from nerveceg.tools.command import compose

    usual = _plain(compose([EXPERIMENT]))
    keys = ("name", *MUST_STAY, "cls", "seg")
    words = [each for key in keys for each in _differences(key, usual.get(key), config.get(key))]
    return " ".join([f"python tools/train_{stage}.py {EXPERIMENT}", *dict.fromkeys(words)])


def _differences(key: str, usual: Any, now: Any) -> list[str]:
    """The overrides that make one value, and all within it, of the other."""
    if isinstance(usual, dict) and isinstance(now, dict):
        return [
            each
            for name in now
            if name not in (*MACHINE, *REPEATED.get(key, ()))
            for each in _differences(f"{key}.{name}", usual.get(name, ...), now[name])
        ]
    if usual == now:
        return []
    return [f"+{word(key, now)}" if usual is ... else word(key, now)]


def _plain(config: DictConfig) -> dict[str, Any]:
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)  # noqa: S101
    return {str(key): value for key, value in plain.items()}


def _epochs(config: Mapping[str, Any], stage: str) -> dict[str, Any]:
    return {name: config[stage][name] for name in ("epochs", "batch_size")}


def _best(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: facts[name] for name in ("epoch", "score", "metric") if name in facts}


def _argument(run: Path, stage: str, name: str) -> float:
    from nerveceg.models.saving import load_config

    return float(load_config(run / stage)["arguments"][name])


def _statistics(config: Mapping[str, Any]) -> dict[str, float]:
    """Of the stream's first people, before augmentation, at the networks' size."""
    from nerveceg.data.geometry import Geometry
    from nerveceg.data.phantom.variety import Variety
    from nerveceg.data.stream import PhantomStream

    stream = config["data"]["stream"]
    variety = {name: value for name, value in stream["variety"].items() if name != "_target_"}
    geometry = {n: v for n, v in config["data"]["geometry"].items() if n != "_target_"}
    made_up = PhantomStream(
        MEASURED,
        geometry=Geometry(**geometry),
        variety=Variety(**variety),
        seed=config["seed"],
    )
    frames = [made_up[0, place] for place in range(len(made_up))]
    grey = np.stack([frame.image.numpy() for frame in frames]) / 255
    area = np.array([float(frame.mask.float().mean()) for frame in frames[::2]])
    return {
        "frames": len(frames),
        "grey_mean": round(float(grey.mean()), 4),
        "grey_std": round(float(grey.std()), 4),
        "prevalence": round(float(made_up.present.mean()), 4),
        "mask_share_mean": round(float(area.mean()), 4),
        "mask_share_least": round(float(area.min()), 4),
        "mask_share_most": round(float(area.max()), 4),
    }
