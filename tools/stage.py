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

from nerveceg.processes import agree, count, in_turn, is_first
from nerveceg.tools.beginnings import (
    begin_with,
    facts_with,
    origin_of_stage,
    say_beginning,
    without_first_weights,
)
from nerveceg.tools.composition import build, load_split, run_folder
from nerveceg.tools.made_up import (
    check_stream,
    frames_an_epoch,
    make_stream,
    seconds_to_render,
    training_data_in_words,
)
from nerveceg.tools.relaunch import is_relaunched
from nerveceg.tools.stage_folder import (
    begin_stage,
    check_stage_folder,
    has_state,
    stage_facts,
    training_prior,
)
from nerveceg.tools.stopping import stops_in_words

if TYPE_CHECKING:
    from nerveceg.data.dataset import FrameDataset
    from nerveceg.data.splits import Split

logger = logging.getLogger(__name__)

Before = Callable[[Any, "FrameDataset"], None]


def build_stage(config: DictConfig, stage: str) -> dict[str, Any]:
    """The stage's network, objective and further arguments of `fit`; the seed decides weights.

    A network that `init` names replaces the network's first weights.
    """
    import torch

    origin = origin_of_stage(config, stage)
    torch.manual_seed(config.seed)
    arguments: dict[str, Any] = build(without_first_weights(config, stage))
    begin_with(arguments["model"], origin)
    for key in ("shared", "init", "repeats"):
        arguments.pop(key, None)
    return arguments


def train_stage(
    config: DictConfig, stage: str, *, arguments: dict[str, Any], before: Before | None = None
) -> float:
    """Train one stage with `fit`'s arguments; returns its best validation score.

    before: called with the objective and the training frames when they are read.
    """
    sizes = {key: arguments[key] for key in ("batch_size", "accumulate")}
    with stops_in_words(stage, **sizes):
        score = _train_stage(config, stage, arguments=arguments, before=before)
    if is_first():
        finish(config, run_folder(config))
    return score


def _train_stage(
    config: DictConfig, stage: str, *, arguments: dict[str, Any], before: Before | None
) -> float:
    from nerveceg.data.repeats import repeated
    from nerveceg.training.fit import fit

    folder = run_folder(config) / stage
    config.resume = config.resume or agree(partial(is_relaunched, folder))
    agree(partial(check_stage_folder, folder, config))
    for node in (config.rule, config.tta):
        build(node)  # a mistake there is said now, not after the training
    split = load_split(config)
    check_stream(config.data)
    announce(config, stage, arguments, split=split)
    train, validation = in_turn(partial(datasets, config, split))
    train = repeated(train, config[stage].repeats)
    if before is not None:
        before(arguments["objective"], train)
    facts = agree(partial(stage_facts, config, split, folder))
    origin = origin_of_stage(config, stage)
    if is_first() and not (config.resume and has_state(folder)):
        say_beginning(stage, facts, origin)
    facts = facts_with(facts, origin)
    prior = training_prior(config, split) if stage == "seg" and is_first() else None
    best = fit(
        **arguments,
        train=train,
        validation=validation,
        folder=folder,
        runtime=build(config.runtime),
        seed=config.seed,
        resume=config.resume and agree(partial(has_state, folder)),
        facts=facts,
        begin=partial(begin_stage, folder, config, prior=prior),
    )
    logger.info("best %s %.4f in epoch %d", arguments["metric"], best.score, best.epoch)
    return best.score


def datasets(config: DictConfig, split: "Split") -> "tuple[FrameDataset, FrameDataset]":
    """Training frames with augmentation and `data.conflicts`, validation frames as they are.

    With `data.stream` the training frames are the stream's.
    """
    from nerveceg.data.cache import Cache
    from nerveceg.data.conflicts import training_labels
    from nerveceg.data.dataset import FrameDataset

    with warnings.catch_warnings():
        # albumentations only warns of an argument it doesn't know, and takes its default instead.
        warnings.simplefilter("error", UserWarning)
        augment = build(config.augment)
    seen: dict[str, Any] = {key: build(config.data[key]) for key in ("geometry", "filter")}
    cache = Cache(kind=config.data.cache, folder=config.data.cache_folder)
    if config.data.stream is not None:
        train: FrameDataset = make_stream(config, augment=augment, **seen)
    else:
        labels = training_labels(split.train, config.data.conflicts)
        train = FrameDataset(
            labels.frames,
            cache=cache,
            augment=augment,
            seed=config.seed,
            target=labels.target,
            weight=labels.weight,
            **seen,
        )
    return train, FrameDataset(split.validation, cache=cache, **seen)


def announce(config: DictConfig, stage: str, arguments: dict[str, Any], *, split: "Split") -> None:
    """Say what runs on which data and device, and how long an epoch will take."""
    from nerveceg.training.estimate import cost_of_determinism, in_words, seconds_a_frame

    if not is_first():
        return
    runtime, size = build(config.runtime), tuple(config.data.geometry.size)
    model, objective = arguments["model"], arguments["objective"]
    seconds = seconds_a_frame(model, objective, size=size, runtime=runtime)
    frames = frames_an_epoch(config, on_disk=len(split.train)) * config[stage].repeats
    seconds = (seconds + seconds_to_render(config, runtime)) * frames / count()
    logger.info(
        "stage %s: %s at %d x %d on %d frames of %s; %s%s; an epoch takes %s or less",
        stage,
        network_in_words(model),
        *size,
        frames,
        training_data_in_words(config),
        runtime.describe(),
        f" in each of {count()} processes" if count() > 1 else "",
        in_words(seconds),
    )
    if runtime.deterministic and runtime.torch_device.type == "cuda":
        cost = cost_of_determinism(model, objective, size=size, runtime=runtime)
        logger.info("runtime.deterministic=true: an update takes %.2f times as long", cost)


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
    logger.info("the pipeline is in %s; next: python tools/infer.py %s", run, _checkpoint_word(run))
    if config.fold is not None:
        whole = _checkpoint_word(run.parent)
        logger.info("with every fold: python tools/evaluate.py %s", whole)


def _checkpoint_word(run: Path) -> str:
    return shlex.quote(f"checkpoint={run}")


def _is_shared(word: str) -> bool:
    """Whether an override matters to the other stage too."""
    shared = ("experiment", "name", "out", "fold", "seed", "data", "runtime", "cls", "seg")
    return re.split("[=./]", word)[0] in shared
