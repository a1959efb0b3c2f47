"""What train_cls.py and train_seg.py share: one stage from configuration to weights."""

import logging
import re
import shlex
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from nerveceg.tools.composition import build, data_in_words, load_split, run_folder
from nerveceg.tools.stage_folder import (
    begin_stage,
    check_stage_folder,
    stage_facts,
    training_prior,
)

if TYPE_CHECKING:
    from nerveceg.data.dataset import FrameDataset
    from nerveceg.data.splits import Split

logger = logging.getLogger(__name__)

Before = Callable[[Any, "FrameDataset"], None]


def build_stage(config: DictConfig, stage: str) -> dict[str, Any]:
    """The stage's network, objective and further arguments of `fit`; the seed decides weights."""
    import torch

    torch.manual_seed(config.seed)
    arguments: dict[str, Any] = build(config[stage])
    arguments.pop("shared", None)
    return arguments


def train_stage(
    config: DictConfig, stage: str, *, arguments: dict[str, Any], before: Before | None = None
) -> float:
    """Train one stage with `fit`'s arguments; returns its best validation score.

    before: called with the objective and the training frames when they are read.
    """
    from nerveceg.training.fit import fit

    folder = run_folder(config) / stage
    check_stage_folder(folder, config)
    for node in (config.rule, config.tta):
        build(node)  # a mistake there is said now, not after the training
    split = load_split(config)
    announce(config, stage, arguments, split=split)
    train, validation = datasets(config, split)
    if before is not None:
        before(arguments["objective"], train)
    facts = stage_facts(config, split, folder)
    prior = training_prior(config, split) if stage == "seg" else None
    best = fit(
        **arguments,
        train=train,
        validation=validation,
        folder=folder,
        runtime=build(config.runtime),
        seed=config.seed,
        resume=config.resume,
        facts=facts,
        begin=partial(begin_stage, folder, config, prior=prior),
    )
    logger.info("best %s %.4f in epoch %d", arguments["metric"], best.score, best.epoch)
    finish(config, folder.parent)
    return best.score


def datasets(config: DictConfig, split: "Split") -> "tuple[FrameDataset, FrameDataset]":
    """Training frames with augmentation and `data.conflicts`, validation frames as they are."""
    from nerveceg.data.conflicts import training_labels
    from nerveceg.data.dataset import FrameDataset

    with warnings.catch_warnings():
        # albumentations only warns of an argument it doesn't know, and takes its default instead.
        warnings.simplefilter("error", UserWarning)
        augment = build(config.augment)
    geometry, filter = build(config.data.geometry), build(config.data.filter)
    labels = training_labels(split.train, config.data.conflicts)
    return (
        FrameDataset(
            labels.frames,
            geometry=geometry,
            filter=filter,
            augment=augment,
            seed=config.seed,
            target=labels.target,
            weight=labels.weight,
        ),
        FrameDataset(split.validation, geometry=geometry, filter=filter),
    )


def announce(config: DictConfig, stage: str, arguments: dict[str, Any], *, split: "Split") -> None:
    """Say what runs on which data and device, and how long an epoch will take."""
    from nerveceg.training.estimate import in_words, seconds_a_frame

    runtime, size = build(config.runtime), tuple(config.data.geometry.size)
    model, objective = arguments["model"], arguments["objective"]
    seconds = seconds_a_frame(model, objective, size=size, runtime=runtime) * len(split.train)
    logger.info(
        "stage %s: %s at %d x %d on %d frames of %s; %s; an epoch takes %s or less",
        stage,
        network_in_words(model),
        *size,
        len(split.train),
        data_in_words(config),
        runtime.describe(),
        in_words(seconds),
    )


def network_in_words(model: Any) -> str:
    """Architecture and encoder or backbone; else the class, and the options that are on."""
    named = ("architecture", "encoder", "backbone", "stem")
    found = [str(model.config[key]) for key in named if model.config.get(key)]
    switched_on = [key for key, value in model.config.items() if value is True]
    return " ".join(found or [type(model).__name__, *switched_on])


def finish(config: DictConfig, run: Path) -> None:
    """Put the pipeline together if both stages are there, and say what to do next."""
    from nerveceg.checkpoint import assemble, missing_stages

    given = shlex.join(word for word in HydraConfig.get().overrides.task if _is_shared(word))
    missing = missing_stages(run)
    if missing:
        logger.info("next: python tools/train_%s.py %s", missing[0], given)
        return
    assemble(run, rule=build(config.rule), views=build(config.tta))
    logger.info("the pipeline is in %s; next: python tools/infer.py checkpoint=%s", run, run)
    if config.fold is not None:
        logger.info("with every fold: python tools/evaluate.py checkpoint=%s", run.parent)


def _is_shared(word: str) -> bool:
    """Whether an override matters to the other stage too."""
    shared = ("experiment", "name", "out", "fold", "seed", "data", "runtime", "cls", "seg")
    return re.split("[=./]", word)[0] in shared
