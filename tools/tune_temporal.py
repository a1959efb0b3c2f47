"""Choose on out-of-fold clips what smooths presence over new ones, without running a network.

python tools/tune_temporal.py checkpoint=runs/of_all_folds
python tools/tune_temporal.py checkpoint=runs/of_all_folds data.root=FOLDER data.clips=subject
"""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command
from nerveceg.tools.composition import build, load_known
from nerveceg.tools.console import next_step
from nerveceg.tools.folds import fold_folders
from nerveceg.tools.trained import checkpoint_folder, take_data_of

if TYPE_CHECKING:
    from nerveceg.calibration import Calibration
    from nerveceg.data.frames import Frame
    from nerveceg.decision import Rule
    from nerveceg.evaluation.ladder import Rung
    from nerveceg.evaluation.out_of_fold import OutOfFold
    from nerveceg.evaluation.smoothing import Line

logger = logging.getLogger(__name__)


def tune_temporal(config: DictConfig) -> float:
    """Write the chosen filter into the run's pipeline; returns the NLL that it leaves, nats."""
    from dataclasses import replace

    from nerveceg.checkpoint import read_description, write_description
    from nerveceg.evaluation.calibrating import calibrate
    from nerveceg.evaluation.out_of_fold import OutOfFold
    from nerveceg.evaluation.smoothing import choose_smoother, clips_of, judge_smoothers
    from nerveceg.outputs.smoothing import smoother_in_words, smoothing_table

    run = checkpoint_folder(config)
    described, predictions = read_description(run), OutOfFold.load(run / "oof.npz")
    folders = fold_folders(run)
    if folders:
        take_data_of(config, folders[min(folders)])
    frames = load_known(config)
    calibrations = calibrate(predictions, build(config.calibration)).by_fold
    clips = clips_of(predictions, frames, calibrations)
    lines = judge_smoothers(clips, resamples=config.bootstraps)
    rungs = _decide(run, predictions, frames, calibrations, described.rule, lines)
    print(smoothing_table(lines, rungs, resamples=config.bootstraps))
    smoother = choose_smoother(lines)
    write_description(run, replace(described, temporal=smoother))
    chosen = smoother_in_words(smoother)
    logger.info("%s is in %s: infer.py takes it for clips", chosen, run / "pipeline.json")
    next_step("tools/infer.py", f"checkpoint={run}", "input=CLIP")
    return next(line.nll.value for line in lines if line.smoother == smoother)


def _decide(
    run: Path,
    predictions: "OutOfFold",
    frames: "list[Frame]",
    calibrations: "dict[int, Calibration]",
    rule: "Rule",
    lines: "list[Line]",
) -> "list[Rung]":
    """What the rule decides with the presence of each line, scored at native pixels."""
    from nerveceg.evaluation.ladder import rung_of
    from nerveceg.evaluation.rescore import rescore
    from nerveceg.postprocess import load_priors

    priors = {k: load_priors([folder / "seg"]) for k, folder in fold_folders(run).items()}
    known = {str(one) for one in predictions.ids}
    own = [frame for frame in frames if frame.id in known]
    evaluations = {
        line.name: rescore(
            predictions,
            own,
            calibrations,
            rule,
            priors=priors,
            cleaned=False,
            presence=line.presence,
            resamples=2,  # of intervals that nobody sees: the table makes its own
        )
        for line in lines
    }
    return [rung_of(name, one.report.results) for name, one in evaluations.items()]


main = command(tune_temporal)

if __name__ == "__main__":
    main()
