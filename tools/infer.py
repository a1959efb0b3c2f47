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
from nerveceg.tools.composition import data_in_words
from nerveceg.tools.trained import (
    checkpoint_folder,
    frames_to_predict,
    load_pipeline_of,
    presence_over_clips,
    report_on,
    require_whole,
    spacing_of,
    take_prevalence,
)

if TYPE_CHECKING:
    from nerveceg.data.frames import Frame
    from nerveceg.outputs.predictions import PredictionWriter
    from nerveceg.pipeline import Pipeline

logger = logging.getLogger(__name__)


def infer(config: DictConfig) -> float | None:
    """Predict; returns the full-set Dice of the frames whose truth is known."""
    from nerveceg.explanation import make_explainer
    from nerveceg.inference import scorable
    from nerveceg.outputs.answer import answer_line
    from nerveceg.outputs.predictions import PredictionWriter

    pipeline = load_pipeline_of(config)
    explainer = make_explainer(pipeline, config.explain)
    frames = frames_to_predict(config)
    take_prevalence(config, pipeline, frames)
    output = Path(config.output or checkpoint_folder(config) / "predictions")
    scored = scorable(pipeline, frames)
    chosen = {frame.id for frame in scored}
    rest = [frame for frame in frames if frame.id not in chosen]
    logger.info(
        "predicting %d frames of %s, %d of them with truth and not trained on; %s",
        len(frames),
        config.input or data_in_words(config),
        len(scored),
        pipeline.describe(),
    )
    with PredictionWriter(
        output,
        mask_suffix=config.mask_suffix,
        overlays=config.overlays,
        movies=config.movies,
        overwrite=config.overwrite,
        refer=pipeline.rule.refer,
        explain=None if explainer is None else explainer.explain,
    ) as writer:
        score, failures = _predict(config, pipeline, writer, scored=scored, rest=rest)
        rows = writer.finish()
    if len(rows) == 1:
        print(answer_line(rows[0], spacing_mm=spacing_of(config, frames)))
    found = ", ".join(sorted(path.name for path in output.iterdir()))
    logger.info("in %s: %s", output, found)
    if scored and config.html:
        logger.info("next: look at %s", output / "report.html")
    require_whole(failures)
    return score


def _predict(
    config: DictConfig,
    pipeline: "Pipeline",
    writer: "PredictionWriter",
    *,
    scored: "list[Frame]",
    rest: "list[Frame]",
) -> tuple[float | None, list[str]]:
    """Predict all and score some; returns their full-set Dice and what couldn't be read."""
    from nerveceg.inference import predict_frames

    score: float | None = None
    failures: list[str] = []
    presence = presence_over_clips(config, pipeline, [*scored, *rest])
    if rest:
        failures += predict_frames(
            pipeline,
            rest,
            watch=writer.write,
            presence=presence,
            on_error=config.on_error,
        )
    if scored:
        score, lost = report_on(
            config, pipeline, scored, writer.workplace, watch=writer.write, presence=presence
        )
        failures += lost
    return score, failures


main = command(infer)

if __name__ == "__main__":
    main()
