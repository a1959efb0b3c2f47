"""Frames to predictions, file by file."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from tqdm import tqdm

from nerveceg.data.frames import Frame, natural_key
from nerveceg.data.images import digest_of
from nerveceg.data.reading import OnError, Reader, Reading
from nerveceg.operation import uncalibrated
from nerveceg.pipeline import Pipeline
from nerveceg.prediction import Prediction
from nerveceg.probability.prior import estimate_prevalence
from nerveceg.processes import deal, gather, gather_named, is_first
from nerveceg.temporal import FrameByFrame, Smoother

GATED = 2
"""Batches of the gate that are looked at together."""


def predict_frames(
    pipeline: Pipeline,
    frames: Sequence[Frame],
    *,
    watch: Callable[[Reading, Prediction], None],
    presence: Mapping[str, float] | None = None,
    on_error: OnError = "stop",
    progress: bool = True,
) -> list[str]:
    """Call `watch` with each decoded frame and its prediction; truth isn't read.

    The gate's batches are taken `GATED` together, so that the segmenter's, of the frames that may
    pass, are full ones.
    presence: of some frames by id, as `smooth_presence` gives it; it counts in the gate's place.
    Where several processes run, each watches its share. Returns a line for each frame that
    couldn't be read, by any of them.

    Raises:
        DataError: with on_error="stop", a file can't be read.
    """
    together = GATED * pipeline.runtime.frames_together
    share = deal(frames, batch_size=together)
    reader = Reader(
        share,
        batch_size=together,
        truth=False,
        workers=pipeline.runtime.worker_count,
        on_error=on_error,
    )
    shown = progress and is_first()
    with tqdm(total=len(share), desc="predicting", unit="frame", disable=not shown) as bar:
        for readings in reader:
            predictions = pipeline.predict_batch(
                [reading.image for reading in readings],
                presence=[(presence or {}).get(reading.frame.id) for reading in readings],
            )
            for reading, prediction in zip(readings, predictions, strict=True):
                watch(reading, prediction)
            bar.update(len(readings))
    return list(gather_named(reader.lost, order=(frame.id for frame in frames)).values())


def smooth_presence(
    pipeline: Pipeline,
    frames: Sequence[Frame],
    smoother: Smoother,
    *,
    on_error: OnError = "stop",
    progress: bool = True,
) -> dict[str, float]:
    """Calibrated presence, by id, of the frames of clips, each smoothed over its own clip.

    Frames that stand alone are left out, and all are with `FrameByFrame`. Only the gate runs.

    Raises:
        NerveCegError: the pipeline isn't calibrated.
        DataError: with on_error="stop", a file can't be read.
    """
    moving = [frame for frame in frames if frame.clip is not None]
    moving.sort(key=lambda frame: natural_key(frame.id))
    if not moving or isinstance(smoother, FrameByFrame):
        return {}
    prevalence = pipeline.calibration.prevalence
    if prevalence is None:
        raise uncalibrated(f"temporal={smoother}")
    said = _gate(pipeline, moving, on_error=on_error, progress=progress)
    clips: dict[str | None, list[str]] = {}
    for frame in moving:
        if frame.id in said:
            clips.setdefault(frame.clip, []).append(frame.id)
    smooth: dict[str, float] = {}
    for ids in clips.values():
        values = smoother(np.array([said[one] for one in ids]), prevalence=prevalence)
        smooth |= dict(zip(ids, values.tolist(), strict=True))
    return smooth


def estimate_prevalence_of(
    pipeline: Pipeline, frames: Sequence[Frame], *, progress: bool = True
) -> float:
    """The most likely share of frames that show the nerve, by EM on the gate's presence alone.

    Raises:
        NerveCegError: the pipeline isn't calibrated.
        DataError: a file can't be read.
    """
    trained = pipeline.calibration.prevalence
    if trained is None:
        raise uncalibrated("rule.prevalence=estimate")
    said = _gate(pipeline, frames, on_error="stop", progress=progress)
    return estimate_prevalence(np.array(list(said.values())), trained=trained)


@torch.inference_mode()
def _gate(
    pipeline: Pipeline,
    frames: Sequence[Frame],
    *,
    on_error: OnError,
    progress: bool,
) -> dict[str, float]:
    """What the gate alone says of each frame that can be read, calibrated, by id."""
    together, workers = pipeline.runtime.frames_together, pipeline.runtime.worker_count
    share = deal(frames, batch_size=together)
    reader = Reader(share, batch_size=together, truth=False, workers=workers, on_error=on_error)
    said: dict[str, float] = {}
    shown = progress and is_first()
    with tqdm(total=len(share), desc="presence", unit="frame", disable=not shown) as bar:
        for readings in reader:
            network_input = pipeline.network_input([reading.image for reading in readings])
            presence = pipeline.look(network_input).presence.value.tolist()
            said |= zip((reading.frame.id for reading in readings), presence, strict=True)
            bar.update(len(readings))
    return gather_named(said, order=(frame.id for frame in frames))


def scorable(pipeline: Pipeline, frames: Sequence[Frame]) -> list[Frame]:
    """The frames of known truth whose subjects the pipeline was not trained or chosen on.

    A subject is recognised by the bytes of its image files, whatever they are called now.
    """
    known = [frame for frame in frames if frame.mask is not None]
    share = deal(frames, batch_size=64)  # some neighbours together: frames of one file, read once
    mine = {f.subject or f.id for f in share if digest_of(f.image) in pipeline.trained_on}
    seen = set().union(*gather(mine))
    return [frame for frame in known if (frame.subject or frame.id) not in seen]
