"""What evaluate.py does with masks that were drawn elsewhere."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from nerveceg.tools.composition import build, data_in_words, load_frames
from nerveceg.tools.trained import frames_to_predict, require_whole, spacing_of

if TYPE_CHECKING:
    from nerveceg.data.frames import Frame

logger = logging.getLogger(__name__)


def score_predictions(config: DictConfig) -> float:
    """Score the masks of `predictions`; returns the full-set Dice.

    The report is printed, and saved only where `output` says.
    """
    from nerveceg.evaluation.masks import evaluate_masks
    from nerveceg.outputs.table import report_table

    frames = frames_to_score(config)
    report, failures, unused = evaluate_masks(
        Path(config.predictions),
        frames,
        spacing_mm=spacing_of(config, frames),
        resamples=config.bootstraps,
        facts=_facts(config),
        on_error=config.on_error,
        workers=build(config.runtime).worker_count,
    )
    print(report_table(report))
    logger.info("presence: %s", report.facts["presence"])
    unknown = report.facts["left_out"]["frames of unknown truth"]
    if unknown:
        logger.warning("%d frames have no truth: left out", unknown)
    if unused:
        logger.warning("%d masks are of other frames, such as %s: left out", len(unused), unused[0])
    if config.output:
        report.save(Path(config.output))
        logger.info("report.json, frames.csv and subjects.csv are in %s", config.output)
    require_whole(failures)
    return report.dice.value


def frames_to_score(config: DictConfig) -> "list[Frame]":
    """The frames of `input`, those held out from a named run or fold, or else all of `data`."""
    if config.input or config.checkpoint or config.fold is not None:
        return frames_to_predict(config)
    return load_frames(config.data)


def _facts(config: DictConfig) -> dict[str, Any]:
    from nerveceg import __version__

    held_out = not config.input and (config.checkpoint or config.fold is not None)
    split = config.data.split
    return {
        "data": Path(config.input or data_in_words(config)).name,
        "split": f"{split.by}, fold {config.fold or 0} of {split.folds}" if held_out else None,
        "nerveceg": __version__,
    }
