"""What evaluate.py does with a run of several folds: out-of-fold predictions, one report."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from nerveceg.errors import NerveCegError
from nerveceg.processes import is_first
from nerveceg.tools.composition import build, load_known
from nerveceg.tools.console import next_step
from nerveceg.tools.pages import keep_masks, write_html
from nerveceg.tools.trained import (
    facts_of,
    rule_of,
    show_report,
    spacing_of,
    take_data_of,
    warn_infeasible,
)

if TYPE_CHECKING:
    from nerveceg.checkpoint import Description
    from nerveceg.data.frames import Frame
    from nerveceg.evaluation.gather import Fold
    from nerveceg.evaluation.out_of_fold import OutOfFold
    from nerveceg.views import View

logger = logging.getLogger(__name__)


def fold_folders(run: Path) -> dict[int, Path]:
    """The folders of a run's folds by number; empty where the run has none."""
    found = {path.name.removeprefix("fold_"): path for path in run.glob("fold_*")}
    return {int(number): found[number] for number in sorted(found) if number.isdecimal()}


def score_folds(config: DictConfig, run: Path) -> float:
    """Gather, calibrate, score; leaves the ensemble of the folds as the run's pipeline."""
    from nerveceg.checkpoint import describe_trained, read_description
    from nerveceg.decision import Rule
    from nerveceg.evaluation.calibrating import calibrate
    from nerveceg.evaluation.rescore import rescore
    from nerveceg.postprocess import load_priors

    folders = fold_folders(run)
    take_data_of(config, folders[min(folders)])
    config.fold = None  # that of the data is one fold's, the report is the run's
    described = {k: describe_trained(folder) for k, folder in folders.items()}
    predictions, frames = gather_folds(config, run, build(config.tta))
    if not is_first():
        return math.nan  # what is left takes no network: the first process does it
    predictions.save(run / "oof.npz")
    fitted = calibrate(predictions, build(config.calibration))
    logger.info("calibration by %s", _in_words(fitted.losses))
    trained = read_description(folders[min(folders)]).rule
    calibrated = fitted.losses and trained == Rule()  # an experiment's own rule stays
    rule = rule_of(config, Rule(presence=None, mask=None) if calibrated else trained)
    fewest = min(fitted.by_fold.values(), key=lambda one: one.misses.subjects if one.misses else 0)
    warn_infeasible(fewest, rule)
    keeper = keep_masks() if config.html else None
    evaluation = rescore(
        predictions,
        frames,
        fitted.by_fold,
        rule,
        constants={k: one.constant_mask for k, one in described.items()},
        priors={k: load_priors([folder / "seg"]) for k, folder in folders.items()},
        watch=keeper,
        spacing_mm=spacing_of(config, frames),
        resamples=config.bootstraps,
        facts=facts_of(config, rule, split=f"{config.data.split.by}, out of {len(folders)} folds"),
    )
    _write_ensemble(config, run, described, calibration=fitted.whole, rule=rule)
    output = Path(config.output or run)
    show_report(evaluation, output)
    if keeper is not None:
        write_html(evaluation, output, run=run, frames=frames, keeper=keeper)
    logger.info("oof.npz and the ensemble of the folds, pipeline.json, are in %s", run)
    next_step("tools/infer.py", f"checkpoint={run}", "input=FOLDER")
    return evaluation.report.dice.value


def gather_folds(
    config: DictConfig, run: Path, views: "Sequence[View]"
) -> "tuple[OutOfFold, list[Frame]]":
    """Out-of-fold predictions of a run of several folds, and their frames."""
    from nerveceg.evaluation.gather import gather

    folders = fold_folders(run)
    if not folders:
        raise NerveCegError(f"{run} has no folds: train them with --multirun fold=0,1,2,3,4")
    split = shared_split(folders)
    folds = _folds(config, folders, views)
    predictions = gather(folds, split=split)
    return predictions, [frame for fold in folds.values() for frame in fold.frames]


def shared_split(folders: Mapping[int, Path]) -> dict[str, Any]:
    """The split that all folds were trained with.

    Raises:
        NerveCegError: they were trained with several, or one is missing.
    """
    from nerveceg.checkpoint import stage_facts

    shared: dict[str, Any] = {}
    for number, folder in folders.items():
        facts = stage_facts(folder, "seg")
        split = {name: value for name, value in facts["split"].items() if name != "fold"}
        split |= {name: facts[name] for name in ("data", "geometry")}
        split["filter"] = facts.get("filter")  # a run from before there were filters has none
        if facts["split"]["fold"] != number:
            raise NerveCegError(f"{folder} holds fold {facts['split']['fold']}: train it again")
        shared = shared or split
        if split != shared:
            name = next(name for name in split if split[name] != shared.get(name))
            raise NerveCegError(
                f"{folder} was trained with {name} {split[name]}, the folds before it with "
                f"{shared[name]}: folds of one split are wanted; train it again"
            )
    missing = [k for k in range(shared["folds"]) if k not in folders]
    if missing:
        raise NerveCegError(
            f"fold {missing[0]} of {shared['folds']} isn't trained: run tools/train_cls.py and "
            f"tools/train_seg.py with fold={','.join(map(str, missing))} --multirun first"
        )
    return shared


def _folds(
    config: DictConfig, folders: Mapping[int, Path], views: "Sequence[View]"
) -> "dict[int, Fold]":
    from nerveceg.checkpoint import describe_trained
    from nerveceg.data.splits import split_frames
    from nerveceg.evaluation.gather import Fold
    from nerveceg.pipeline import Pipeline

    split, runtime, frames = config.data.split, build(config.runtime), load_known(config)
    engine = build(config.engine)
    folds = {}
    for k, folder in folders.items():
        sides = split_frames(
            frames,
            by=split.by,
            fold=k,
            folds=split.folds,
            validation_share=split.validation_share,
            seed=split.seed,
        )
        described = replace(describe_trained(folder), views=tuple(views))
        pipeline = Pipeline.from_description(described, folder, runtime=runtime, engine=engine)
        folds[k] = Fold(pipeline, sides.test)
    return folds


def _write_ensemble(
    config: DictConfig, run: Path, described: "Mapping[int, Description]", **fitted: Any
) -> None:
    """Write pipeline.json that averages the folds."""
    import torch

    from nerveceg.checkpoint import Description, write_description

    shared = next(iter(described.values()))
    masks = [one.constant_mask for one in described.values() if one.constant_mask is not None]
    write_description(
        run,
        Description(
            geometry=shared.geometry,
            filter=shared.filter,
            members=tuple(f"fold_{k}" for k in described),
            views=build(config.tta),
            trained_on=frozenset().union(*(one.trained_on for one in described.values())),
            constant_mask=torch.stack(masks).float().mean(0) >= 0.5 if masks else None,
            **fitted,
        ),
    )


def _in_words(losses: Mapping[str, float]) -> str:
    if not losses:
        return "nothing: the run has no gate"
    return ", ".join(f"{form} {loss:.4f}" for form, loss in losses.items()) + " (grouped NLL)"
