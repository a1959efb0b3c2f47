"""Frames in; masks, overlays, tables and, where truth is known, the report out.

python tools/infer.py checkpoint=runs/demo input=FOLDER output=DIR
"""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command
from nerveceg.tools.trained import checkpoint_folder, load_pipeline_of, report_on, require_whole

if TYPE_CHECKING:
    from nerveceg.data.frames import Frame

logger = logging.getLogger(__name__)


def infer(config: DictConfig) -> float | None:
    """Predict; returns the full-set Dice of the frames whose truth is known."""
    from nerveceg.inference import predict_frames, scorable
    from nerveceg.outputs.predictions import PredictionWriter

    pipeline = load_pipeline_of(config)
    frames = frames_to_predict(config)
    output = Path(config.output or checkpoint_folder(config) / "predictions")
    writer = PredictionWriter(
        output, mask_suffix=config.mask_suffix, overlays=config.overlays, overwrite=config.overwrite
    )
    scored = scorable(pipeline, frames)
    chosen = {frame.id for frame in scored}
    rest = [frame for frame in frames if frame.id not in chosen]
    logger.info(
        "predicting %d frames, %d of them with truth and not trained on; %s",
        len(frames),
        len(scored),
        pipeline.runtime.describe(),
    )
    score: float | None = None
    failures: list[str] = []
    if scored:
        score, failures = report_on(config, pipeline, scored, output, watch=writer.write)
    if rest:
        failures += predict_frames(
            pipeline,
            rest,
            watch=writer.write,
            batch_size=config.batch_size,
            on_error=config.on_error,
        )
    writer.finish()
    logger.info("masks, overlays, predictions.csv and submission.csv are in %s", output)
    require_whole(failures)
    return score


def frames_to_predict(config: DictConfig) -> "list[Frame]":
    """The frames of `input`, or the split's held-out ones."""
    from nerveceg.data.frames import find_frames
    from nerveceg.tools.composition import load_split

    if config.input is None:
        return load_split(config).test
    data = config.data
    return find_frames(
        config.input,
        table=data.table,
        mask_folder=data.mask_folder,
        subject_pattern=data.subject_pattern,
    )


main = command(infer)

if __name__ == "__main__":
    main()
