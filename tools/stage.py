"""What train_cls.py and train_seg.py share: one stage from configuration to weights."""

import logging
import shlex
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from nerveceg.errors import NerveCegError
from nerveceg.tools.composition import build, data_in_words, load_split, run_folder

if TYPE_CHECKING:
    from nerveceg.data.dataset import FrameDataset
    from nerveceg.data.geometry import Geometry
    from nerveceg.data.splits import Split

logger = logging.getLogger(__name__)

Before = Callable[[Any, "FrameDataset"], None]


def train_stage(
    config: DictConfig, stage: str, *, arguments: dict[str, Any], before: Before | None = None
) -> float:
    """Train one stage with `fit`'s arguments; returns its best validation score.

    before: called with the objective and the training frames when they are read.
    """
    from nerveceg.training.fit import fit

    folder = run_folder(config) / stage
    _check_folder(folder, resume=config.resume, overwrite=config.overwrite)
    for node in (config.rule, config.calibration):
        build(node)  # a mistake there is said now, not after the training
    geometry, runtime = build(config.data.geometry), build(config.runtime)
    split = load_split(config)
    announce(config, stage, arguments, split=split)
    train, validation = datasets(config, split, geometry)
    if before is not None:
        before(arguments["objective"], train)
    prepare_folder(folder, config)
    best = fit(
        **arguments,
        train=train,
        validation=validation,
        folder=folder,
        runtime=runtime,
        seed=config.seed,
        resume=config.resume,
        facts=facts(config, split, geometry),
    )
    logger.info("best %s %.4f in epoch %d", arguments["metric"], best.score, best.epoch)
    finish(config, folder.parent)
    return best.score


def datasets(
    config: DictConfig, split: "Split", geometry: "Geometry"
) -> "tuple[FrameDataset, FrameDataset]":
    """Training frames with augmentation, validation frames without."""
    from nerveceg.data.dataset import FrameDataset

    with warnings.catch_warnings():
        # albumentations only warns of an argument it doesn't know, and takes its default instead.
        warnings.simplefilter("error", UserWarning)
        augment = build(config.augment)
    return (
        FrameDataset(split.train, geometry=geometry, augment=augment, seed=config.seed),
        FrameDataset(split.validation, geometry=geometry),
    )


def announce(config: DictConfig, stage: str, arguments: dict[str, Any], *, split: "Split") -> None:
    """Say what runs on which data and device, and how long an epoch will take."""
    from nerveceg.training.estimate import in_words, seconds_a_frame

    runtime, size = build(config.runtime), tuple(config.data.geometry.size)
    model, objective = arguments["model"], arguments["objective"]
    seconds = seconds_a_frame(model, objective, size=size, runtime=runtime) * len(split.train)
    named = arguments["model"].config
    logger.info(
        "stage %s: %s at %d x %d on %d frames of %s; %s; an epoch takes %s or less",
        stage,
        " ".join(str(named[k]) for k in ("architecture", "encoder", "backbone") if k in named),
        *size,
        len(split.train),
        data_in_words(config),
        runtime.describe(),
        in_words(seconds),
    )


def facts(config: DictConfig, split: "Split", geometry: "Geometry") -> dict[str, Any]:
    """What config.json records of the run beside the network."""
    from nerveceg.checkpoint import describe_mask
    from nerveceg.data.dataset import load_frame
    from nerveceg.data.images import digest_of
    from nerveceg.data.presence import is_present
    from nerveceg.evaluation.baselines import GRID, fit_constant_mask

    positives = (load_frame(frame)[1] for frame in split.train if is_present(frame))
    constant = fit_constant_mask(positives)
    seen = [*split.train, *split.validation]
    return {
        "name": config.name,
        "seed": config.seed,
        "geometry": geometry.to_dict(),
        "split": {**OmegaConf.to_container(config.data.split), "fold": config.fold or 0},  # type: ignore[dict-item]
        "data": config.data.name if not config.data.root else Path(config.data.root).name,
        "constant_mask": describe_mask(constant.at(*GRID)),
        "trained_on": sorted({digest_of(frame.image) for frame in seen}),
    }


def finish(config: DictConfig, run: Path) -> None:
    """Put the pipeline together if both stages are there, and say what to do next."""
    from nerveceg.checkpoint import assemble, missing_stages

    given = shlex.join(word for word in HydraConfig.get().overrides.task if _is_shared(word))
    missing = missing_stages(run)
    if missing:
        logger.info("next: python tools/train_%s.py %s", missing[0], given)
        return
    assemble(run, calibration=build(config.calibration), rule=build(config.rule))
    logger.info("the pipeline is in %s; next: python tools/infer.py %s", run, given)


def _is_shared(word: str) -> bool:
    """Whether an override matters to the other tools too."""
    shared = ("experiment", "name", "out", "fold", "seed", "data", "runtime", "cls", "seg")
    return word.split("=")[0].split(".")[0] in shared


def prepare_folder(folder: Path, config: DictConfig) -> None:
    """Empty the stage's folder unless it is resumed, and keep the configuration there."""
    from nerveceg.files import write_text

    if not config.resume:
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / "pipeline.json").unlink(missing_ok=True)
    write_text(folder / "config.yaml", OmegaConf.to_yaml(config))


def _check_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    if resume and not (folder / "state").is_dir():
        raise NerveCegError(f"resume=true, but {folder} holds no stopped run: leave resume out")
    if folder.exists() and not resume and not overwrite:
        raise NerveCegError(
            f"{folder} holds a run already: name=OTHER starts a new one, resume=true goes on with "
            "it, overwrite=true replaces it"
        )
