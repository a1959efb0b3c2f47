"""Frames to predictions, file by file."""

from collections.abc import Callable, Sequence

import numpy as np
from tqdm import tqdm

from nerveceg.data.frames import Frame
from nerveceg.data.images import digest_of
from nerveceg.data.reading import OnError, Reader, Reading
from nerveceg.operation import uncalibrated
from nerveceg.pipeline import Pipeline, Prediction
from nerveceg.probability.prior import estimate_prevalence


def predict_frames(
    pipeline: Pipeline,
    frames: Sequence[Frame],
    *,
    watch: Callable[[Reading, Prediction], None],
    batch_size: int = 16,
    on_error: OnError = "stop",
    progress: bool = True,
) -> list[str]:
    """Call `watch` with each decoded frame and its prediction; truth isn't read.

    Returns a line for each frame that couldn't be read.

    Raises:
        DataError: with on_error="stop", a file can't be read.
    """
    reader = Reader(
        frames,
        batch_size=batch_size,
        truth=False,
        workers=pipeline.runtime.worker_count,
        on_error=on_error,
    )
    with tqdm(total=len(frames), desc="predicting", unit="frame", disable=not progress) as bar:
        for readings in reader:
            predictions = pipeline.predict_batch([reading.image for reading in readings])
            for reading, prediction in zip(readings, predictions, strict=True):
                watch(reading, prediction)
            bar.update(len(readings))
    return reader.failures


def estimate_prevalence_of(
    pipeline: Pipeline, frames: Sequence[Frame], *, batch_size: int = 16, progress: bool = True
) -> float:
    """The most likely share of frames that show the nerve, by EM on the gate's presence alone.

    Raises:
        NerveCegError: the pipeline isn't calibrated.
        DataError: a file can't be read.
    """
    trained = pipeline.calibration.prevalence
    if trained is None:
        raise uncalibrated("rule.prevalence=estimate")
    workers = pipeline.runtime.worker_count
    reader = Reader(frames, batch_size=batch_size, truth=False, workers=workers)
    said: list[float] = []
    with tqdm(total=len(frames), desc="prevalence", unit="frame", disable=not progress) as bar:
        for readings in reader:
            network_input = pipeline.network_input([reading.image for reading in readings])
            said += pipeline.look(network_input).presence.value.tolist()
            bar.update(len(readings))
    return estimate_prevalence(np.array(said), trained=trained)


def scorable(pipeline: Pipeline, frames: Sequence[Frame]) -> list[Frame]:
    """The frames of known truth whose subjects the pipeline was not trained or chosen on.

    A subject is recognised by the bytes of its image files, whatever they are called now.
    """
    known = [frame for frame in frames if frame.mask is not None]
    seen = {f.subject or f.id for f in frames if digest_of(f.image) in pipeline.trained_on}
    return [frame for frame in known if (frame.subject or frame.id) not in seen]
