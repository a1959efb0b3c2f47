"""A run's folder: both stages' weights, and pipeline.json that says how they work together."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nerveceg.calibration import Calibration
from nerveceg.data.filters import Filter, filter_from_dict
from nerveceg.data.geometry import Geometry
from nerveceg.data.runlength import decode_runs, encode_runs
from nerveceg.data.sources.limits import MOST_PIXELS
from nerveceg.decision import Rule
from nerveceg.documents import MALFORMED, read_object
from nerveceg.errors import NerveCegError
from nerveceg.files import require_unchanged, sha256_of, write_text
from nerveceg.schema import SCHEMA, to_current
from nerveceg.temporal import FrameByFrame, Smoother, describe_smoother, smoother_of
from nerveceg.views import PLAIN, View, make_views

STAGES = ("cls", "seg")
SHARED_FACTS = {
    "geometry": "data.geometry",
    "filter": "data/filter",
    "split": "data.split",
    "data": "data",
}
"""What both stages of a run must have been trained with, and where it is set."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What makes a pipeline of trained networks.

    members: folders inside the run's, each with the networks of one training; "." is the run's own.
    views: what each network sees of a frame, whose probabilities are averaged.
    temporal: what smooths presence over the frames of a clip.
    trained_on: digests of the image files that any stage was trained or chosen on.
    constant_mask: bool [1, 1, h, w], the one mask over the whole frame, on any grid, that fits the
        training frames best; a baseline of every report. None where it isn't known.
    """

    geometry: Geometry
    filter: Filter | None = None
    members: tuple[str, ...] = (".",)
    views: tuple[View, ...] = PLAIN
    calibration: Calibration = Calibration()
    rule: Rule = Rule()
    temporal: Smoother = FrameByFrame()
    trained_on: frozenset[str] = frozenset()
    constant_mask: Tensor | None = None


def write_description(folder: Path, described: Description) -> None:
    """Write pipeline.json beside the weights of every member."""
    content = {
        "schema": SCHEMA,
        "notice": "Research use only; not a medical device.",
        "geometry": described.geometry.to_dict(),
        "filter": described.filter and described.filter.to_dict(),
        "views": [view.to_dict() for view in described.views],
        "calibration": described.calibration.to_dict(),
        "rule": described.rule.to_dict(),
        "temporal": describe_smoother(described.temporal),
        "weights": {
            member: {
                stage: sha256_of(weights_of(folder / member, stage))
                for stage in stages_of(folder / member)
            }
            for member in described.members
        },
        "constant_mask": describe_mask(described.constant_mask),
        "trained_on": sorted(described.trained_on),
    }
    write_text(folder / "pipeline.json", json.dumps(content, indent=1) + "\n")


def read_description(folder: Path) -> Description:
    """What `write_description` wrote, in this version or an earlier one.

    Raises:
        NerveCegError: a file is missing, damaged, of a later schema, outside the folder, or a stage
            was changed after the pipeline was put together.
    """
    path = folder / "pipeline.json"
    content = _read_json(path, missing=_missing(folder))
    try:
        content = to_current(content, path)
        for member, weights in content["weights"].items():
            _check_inside(folder, member)
            for stage in reversed(stages_of(folder / member)):
                for file in ("config.json", "model.safetensors"):
                    _check_inside(folder, f"{member}/{stage}/{file}")
                _check_weights(weights_of(folder / member, stage), weights[stage])
        return Description(
            geometry=Geometry.from_dict(content["geometry"]),
            filter=filter_from_dict(content.get("filter")),
            members=tuple(content["weights"]),
            views=make_views(content["views"]),
            calibration=Calibration.from_dict(content["calibration"]),
            rule=Rule.from_dict(content["rule"]),
            temporal=smoother_of(content.get("temporal")),
            trained_on=frozenset(content["trained_on"]),
            constant_mask=mask_of(content["constant_mask"]),
        )
    except NerveCegError:
        raise
    except MALFORMED as error:
        raise NerveCegError(f"{path} lacks or misplaces {error!r}: copy it again") from error


def assemble(
    folder: Path,
    *,
    rule: Rule,
    calibration: Calibration | None = None,
    views: tuple[View, ...] = PLAIN,
) -> None:
    """Write pipeline.json for the stages that were trained into a folder.

    Raises:
        NerveCegError: the stages were trained at different sizes, crops or splits.
    """
    trained, calibration = describe_trained(folder), calibration or Calibration()
    described = replace(trained, calibration=calibration, rule=rule, views=tuple(views))
    write_description(folder, described)


def describe_trained(folder: Path) -> Description:
    """What the stages in a folder record of themselves, neither calibrated nor with a rule yet.

    Raises:
        NerveCegError: a stage is missing; they were trained at different sizes, crops or splits.
    """
    facts = [stage_facts(folder, stage) for stage in stages_of(folder)]
    _compare_facts(folder, facts[0], facts[-1])
    return Description(
        geometry=Geometry.from_dict(facts[-1]["geometry"]),
        filter=filter_from_dict(facts[-1].get("filter")),
        trained_on=frozenset().union(*(stage["trained_on"] for stage in facts)),
        constant_mask=mask_of(facts[-1]["constant_mask"]),
    )


def stage_facts(folder: Path, stage: str) -> Mapping[str, Any]:
    """What a trained stage's config.json records of its training.

    Raises:
        NerveCegError: it is missing or no JSON object.
    """
    return _read_json(folder / stage / "config.json", missing=_missing(folder))


def check_same_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Refuse a stage, to be trained into `folder`, that wouldn't fit the run's other one.

    Raises:
        NerveCegError: the other stage was trained at another size, crop, split or on other data.
    """
    other = folder.parent / ("seg" if folder.name == "cls" else "cls")
    if (other / "model.safetensors").is_file():
        _compare_facts(other, _read_json(other / "config.json", missing=_missing(other)), facts)


def _compare_facts(folder: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    for fact, cure in SHARED_FACTS.items():
        known, wanted = (json.loads(json.dumps(facts.get(fact))) for facts in (there, here))
        if known != wanted:
            raise NerveCegError(
                f"{folder}: one stage's {fact} is {known}, the other's {wanted}: train both with "
                f"the same {cure}, or name=OTHER for a new run"
            )


def stages_of(folder: Path) -> tuple[str, ...]:
    """The stages that a run's folder has or waits for: one alone where it has no gate."""
    path = folder / "seg" / "config.json"
    gated = not path.is_file() or _read_json(path, missing="").get("gate", True)
    return STAGES if gated else STAGES[1:]


def missing_stages(folder: Path) -> list[str]:
    """The stages that are not trained yet in a run's folder."""
    return [stage for stage in stages_of(folder) if not weights_of(folder, stage).is_file()]


def weights_of(folder: Path, stage: str) -> Path:
    """The file of a stage's weights."""
    return folder / stage / "model.safetensors"


def _check_inside(folder: Path, name: str) -> None:
    if not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise NerveCegError(
            f"{folder / 'pipeline.json'} names {name!r}, which lies or leads outside its folder"
        )


def _check_weights(path: Path, wanted: str) -> None:
    if not path.is_file():
        raise NerveCegError(f"{path} is missing: the run's folder isn't whole")
    require_unchanged(path, wanted, by="pipeline.json", cure="train the stage again")


def _read_json(path: Path, *, missing: str) -> Mapping[str, Any]:
    if not path.exists():
        raise NerveCegError(missing)
    return read_object(path)


def _missing(folder: Path) -> str:
    stages = missing_stages(folder)
    if not stages:
        return f"{folder}/pipeline.json is missing: run python tools/train_seg.py again to write it"
    cures = " and ".join(f"python tools/train_{stage}.py" for stage in stages)
    fold = folder.name.removeprefix("fold_")
    run = f"name={folder.parent.name} fold={fold}" if fold.isdecimal() else f"name={folder.name}"
    return (
        f"no trained pipeline in {folder}: {' and '.join(stages)} missing; run {cures} with "
        f"{run} first, or give checkpoint=FOLDER"
    )


def describe_mask(mask: Tensor | None) -> dict[str, Any] | None:
    """A mask, bool [1, 1, h, w], as plain values for a JSON file."""
    if mask is None:
        return None
    pixels = np.asarray(mask[0, 0].cpu())
    return {"size": list(pixels.shape), "runs": encode_runs(pixels)}


def mask_of(described: Mapping[str, Any] | None) -> Tensor | None:
    """The mask that `describe_mask` described."""
    if described is None:
        return None
    height, width = described["size"]
    if not 0 < height * width <= MOST_PIXELS:
        raise NerveCegError(f"constant_mask is {height} x {width}: the run's file is damaged")
    return torch.from_numpy(decode_runs(described["runs"], (height, width)).copy())[None, None]
