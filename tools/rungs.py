"""The rungs of ladder.py: a single stage, then gate, calibration, rule, views, folds, oracles."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from omegaconf import DictConfig

from nerveceg.errors import NerveCegError
from nerveceg.tools.composition import build
from nerveceg.tools.folds import fold_folders, gather_folds
from nerveceg.tools.trained import checkpoint_folder, frames_to_predict, take_data_of

if TYPE_CHECKING:
    from nerveceg.calibration import Calibration
    from nerveceg.data.frames import Frame
    from nerveceg.decision import Rule
    from nerveceg.evaluation.evaluate import Evaluation
    from nerveceg.evaluation.ladder import Rung
    from nerveceg.evaluation.out_of_fold import OutOfFold


def climb_rungs(config: DictConfig) -> float:
    """Print both ladders: out of fold, and on the subjects of `input`; returns the top's Dice.

    Raises:
        NerveCegError: no second run was named.
    """
    from nerveceg.outputs.ladder import ladder_table

    if not config.against:
        raise NerveCegError("against=null: the run of a single stage (cls=none) is wanted")
    rungs = out_of_fold_rungs(config)
    print(ladder_table(rungs, title="Out of fold", resamples=config.bootstraps))
    if config.input:
        rungs = held_out_rungs(config)
        print(ladder_table(rungs, title="Other subjects", resamples=config.bootstraps))
    return float(rungs[-1].dice.mean())


def out_of_fold_rungs(config: DictConfig) -> "list[Rung]":
    """Every way to decide, on the frames of all folds."""
    from nerveceg.decision import Rule
    from nerveceg.evaluation.calibrating import Recipe, calibrate
    from nerveceg.evaluation.counts import dice
    from nerveceg.evaluation.ladder import Rung, rung_of
    from nerveceg.evaluation.rows import row_counts
    from nerveceg.evaluation.tuning import tuned_dice
    from nerveceg.views import PLAIN

    run, single = checkpoint_folder(config), Path(config.against)
    take_data_of(config, next(iter(fold_folders(run).values())))
    half, joint = Rule(presence=0.5, mask=0.5), Rule(presence=None, mask=None)
    alone, frames = gather_folds(config, single, PLAIN)
    lone = _score(alone, frames, {}, half, cleaned=True)
    areas = [replace(half, area=area) for area in (0, 500, 1000, 2000, 3000, 4000, 6000, 8000)]
    rungs = [
        rung_of("single stage", lone.report.results),
        rung_of("single stage, least area tuned", lone.report.results)._replace(
            dice=tuned_dice(lone.tally, areas)
        ),
    ]
    plain, _ = gather_folds(config, run, PLAIN)
    gate, fused = (calibrate(plain, Recipe(fuse=fuse)).by_fold for fuse in (False, True))
    for name, calibrations, rule in (
        ("gate at .5", {}, half),
        ("calibrated gate, joint rule", gate, joint),
        ("+ presence fused with the mask", fused, joint),
    ):
        results = _score(plain, frames, calibrations, rule).report.results
        rungs.append(rung_of(name, results, honest=bool(calibrations)))
    viewed, _ = gather_folds(config, run, build(config.tta))
    top = _score(viewed, frames, calibrate(viewed).by_fold, joint).report.results
    rungs.append(rung_of("+ test-time augmentation", top, honest=True))
    counts = row_counts(top)
    for name in ("oracle gate", "oracle segmenter"):
        columns = counts[name]
        assert columns is not None  # noqa: S101
        rungs.append(Rung(name, top.ids, top.subjects, dice(columns, top.truth_area)))
    return _in_one_order(rungs)


def held_out_rungs(config: DictConfig) -> "list[Rung]":
    """One fold's networks, the mean over the folds, against all of them together, on `input`."""
    from nerveceg.checkpoint import read_description
    from nerveceg.decision import Rule
    from nerveceg.evaluation.evaluate import evaluate
    from nerveceg.evaluation.ladder import Rung, rung_of
    from nerveceg.pipeline import Pipeline

    run = checkpoint_folder(config)
    way = {"runtime": build(config.runtime), "engine": build(config.engine)}
    described = replace(
        read_description(run), views=build(config.tta), rule=Rule(presence=None, mask=None)
    )
    frames = frames_to_predict(config)
    results = [
        evaluate(
            Pipeline.from_description(replace(described, members=members), run, **way),
            frames,
        ).report.results
        for members in (*((member,) for member in described.members), described.members)
    ]
    *ones, together = results
    scores, expected = (
        np.mean([column for column in columns], axis=0)
        for columns in ([one.dice() for one in ones], [one.expected for one in ones])
    )
    return [
        Rung("one fold's networks, mean of all", together.ids, together.subjects, scores, expected),
        rung_of("+ folds", together, honest=True),
    ]


def _score(
    predictions: "OutOfFold",
    frames: "Sequence[Frame]",
    calibrations: "dict[int, Calibration]",
    rule: "Rule",
    *,
    cleaned: bool = False,
) -> "Evaluation":
    from nerveceg.calibration import Calibration
    from nerveceg.evaluation.rescore import rescore

    folds = np.unique(predictions.fold).tolist()
    return rescore(
        predictions,
        frames,
        calibrations or dict.fromkeys(folds, Calibration()),
        rule,
        cleaned=cleaned,
        resamples=2,
    )


def _in_one_order(rungs: "list[Rung]") -> "list[Rung]":
    """The rungs with their frames sorted by id."""
    ordered = []
    for rung in rungs:
        place = np.argsort(rung.ids)
        ordered.append(
            rung._replace(
                ids=rung.ids[place],
                subjects=rung.subjects[place],
                dice=rung.dice[place],
                expected=None if rung.expected is None else rung.expected[place],
            )
        )
    return ordered
