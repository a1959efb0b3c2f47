"""A run, all its folds, or any masks to the report, without writing a mask.

python tools/evaluate.py checkpoint=runs/demo
python tools/evaluate.py checkpoint=runs/of_all_folds
python tools/evaluate.py predictions=FOLDER data.root=FRAMES
"""

import logging
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command

logger = logging.getLogger(__name__)


def evaluate(config: DictConfig) -> float:
    """Score the pipeline; returns the full-set Dice."""
    from nerveceg.errors import NerveCegError
    from nerveceg.inference import scorable
    from nerveceg.processes import count
    from nerveceg.tools.folds import fold_folders, score_folds
    from nerveceg.tools.predictions import score_predictions
    from nerveceg.tools.trained import (
        checkpoint_folder,
        frames_to_predict,
        load_pipeline_of,
        presence_over_clips,
        report_on,
        require_whole,
        take_prevalence,
    )

    if config.predictions:
        if count() > 1:
            raise NerveCegError(
                f"predictions={config.predictions} takes no network: start it without torchrun"
            )
        return score_predictions(config)
    run = checkpoint_folder(config)
    if config.input is None and fold_folders(run):
        return score_folds(config, run)
    pipeline = load_pipeline_of(config)
    frames = frames_to_predict(config)
    take_prevalence(config, pipeline, frames)
    scored = scorable(pipeline, frames)
    if not scored:
        raise NerveCegError(
            f"none of {len(frames)} frames can be scored: known truth and subjects that neither "
            "stage was trained on are wanted"
        )
    output = Path(config.output or run)
    presence = presence_over_clips(config, pipeline, frames)
    score, failures = report_on(config, pipeline, scored, output, presence=presence)
    page = "report.html, " if config.html else ""
    logger.info("%sreport.json, frames.csv, subjects.csv and tally.npz are in %s", page, output)
    if config.html:
        logger.info("next: look at %s", output / "report.html")
    require_whole(failures)
    return score


main = command(evaluate)

if __name__ == "__main__":
    main()
