"""Write a folder that predicts without torch: graphs, geometry, calibration and rule.

python tools/export.py checkpoint=runs/demo output=exported
python tools/export.py checkpoint=runs/demo output=exported_int8 engine=onnxruntime \
    engine.precision=int8 input=FRAMES
python -m nerveceg.exported exported FRAMES PREDICTIONS
"""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from omegaconf import DictConfig

from nerveceg.tools.command import command

if TYPE_CHECKING:
    from nerveceg.pipeline import Pipeline
    from nerveceg.prediction import Grey

logger = logging.getLogger(__name__)

CALIBRATION_FRAMES = 128
"""Taken evenly from all there are: more change the ranges of values little and take long."""


def export(config: DictConfig) -> None:
    """Export the run's pipeline."""
    from nerveceg.exported.writing import export_pipeline
    from nerveceg.temporal import FrameByFrame
    from nerveceg.tools.trained import checkpoint_folder, load_pipeline_of

    wanted = config.engine.precision
    # The networks are traced, and calibrated on frames, in torch and in float32.
    config.engine = {"_target_": "nerveceg.engines.Eager", "precision": "float32"}
    config.runtime.device = "cpu"
    pipeline = load_pipeline_of(config)
    output = Path(config.output or checkpoint_folder(config) / "exported")
    images = calibration_images(config, pipeline) if wanted == "int8" else ()
    contents = export_pipeline(pipeline, output, calibrate_on=images, overwrite=config.overwrite)
    if not isinstance(pipeline.temporal, FrameByFrame):
        logger.warning("temporal isn't exported: there each frame of a clip stands alone")
    size = sum((output / name).stat().st_size for name in contents.files)
    logger.info("%s networks, %.0f MB, in %s", contents.precision, size / 1e6, output)
    logger.info("python -m nerveceg.exported %s FRAMES PREDICTIONS", output)


def calibration_images(config: DictConfig, pipeline: "Pipeline") -> "list[Grey]":
    """Frames of `input`, or those that the run held out, which no network was trained on.

    Raises:
        NerveCegError: there is none, or one was trained on.
    """
    from nerveceg.data.images import digest_of, read_image
    from nerveceg.errors import NerveCegError
    from nerveceg.tools.trained import frames_to_predict

    frames = frames_to_predict(config)
    step = max(1, len(frames) // CALIBRATION_FRAMES)
    for frame in frames[::step]:
        if digest_of(frame.image) in pipeline.trained_on:
            raise NerveCegError(
                f"{frame.image} was trained on: int8 is calibrated on other frames, give "
                "input=FOLDER with some"
            )
    return [read_image(frame.image) for frame in frames[::step]]


main = command(export)

if __name__ == "__main__":
    main()
