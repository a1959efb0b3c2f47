"""Both stages over every frame, counted on the pipeline's device: frames to report and tally."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from nerveceg.data.frames import Frame
from nerveceg.data.images import digest_of, unknown_truth
from nerveceg.data.reading import OnError, Reader, Reading
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.bootstrap import RESAMPLES
from nerveceg.evaluation.counting import Counting, Watch
from nerveceg.evaluation.report import Report, make_report
from nerveceg.evaluation.tally import Tally
from nerveceg.operation import Presence
from nerveceg.pipeline import Pipeline
from nerveceg.processes import deal, gather_named, is_first


class Evaluation(NamedTuple):
    """How the pipeline does on some frames."""

    report: Report
    tally: Tally
    failures: list[str]
    """a line for each frame that couldn't be read"""


def evaluate(
    pipeline: Pipeline,
    frames: Sequence[Frame],
    *,
    on_error: OnError = "stop",
    watch: Watch | None = None,
    presence: Mapping[str, float] | None = None,
    spacing_mm: float | None = None,
    resamples: int = RESAMPLES,
    facts: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Evaluation:
    """Score the pipeline on frames of known truth, at native pixels.

    The segmenter runs on every frame, also where the gate closes: baselines and tuning need it.
    Where several processes run, each counts its share of the frames; all return the same.
    watch: called with each frame and its prediction, the same that `Pipeline.predict` gives; of
        this process's share.
    presence: of some frames by id, as `inference.smooth_presence` gives it, in the gate's place.

    Raises:
        DataError: a frame's truth is unknown; with on_error="stop", a file can't be read.
        NerveCegError: a frame was trained on.
    """
    together = pipeline.runtime.frames_together
    share = deal(frames, batch_size=together)
    _check(pipeline, share)
    counting = Counting(pipeline.rule, constant=pipeline.constant_mask, watch=watch)
    reader = Reader(
        share,
        batch_size=together,
        truth=True,
        workers=pipeline.runtime.worker_count,
        on_error=on_error,
    )
    shown = progress and is_first()
    with tqdm(total=len(share), desc="evaluating", unit="frame", disable=not shown) as bar:
        for readings in reader:
            count_batch(counting, pipeline, readings, presence=presence)
            bar.update(len(readings))
    ids = [frame.id for frame in frames]
    tally, results = counting.finish(ids)
    failures = list(gather_named(reader.lost, order=ids).values())
    report = make_report(results, spacing_mm=spacing_mm, resamples=resamples, facts=facts)
    return Evaluation(report, tally, failures)


def _check(pipeline: Pipeline, frames: Sequence[Frame]) -> None:
    for frame in frames:
        if frame.mask is None:
            raise unknown_truth(frame)
        if pipeline.trained_on and digest_of(frame.image) in pipeline.trained_on:
            raise NerveCegError(
                f"frame {frame.id} was trained on: score subjects that neither stage has seen, as "
                "nerveceg.inference.scorable picks them"
            )


@torch.inference_mode()
def count_batch(
    counting: Counting,
    pipeline: Pipeline,
    readings: Sequence[Reading],
    *,
    presence: Mapping[str, float] | None = None,
) -> None:
    """Count a batch of decoded frames of any sizes, whose truth was read.

    presence: as in `evaluate`.
    """
    network_input = pipeline.network_input([reading.image for reading in readings])
    given = [presence.get(reading.frame.id) for reading in readings] if presence else None
    opinion, point = pipeline.look(network_input, presence=given), pipeline.operation
    gate, spread = opinion.presence
    probability = opinion.probability()
    places = range(len(readings))
    # Not sorted: neighbours mostly share one size, and the order of frames stays as given.
    for shape, group in groupby(places, key=lambda place: readings[place].image.shape):
        chosen = list(group)
        native = pipeline.geometry.restore(probability[chosen], shape)
        same = [readings[place] for place in chosen]
        one_size = Presence(gate[chosen], spread[chosen])
        counting.add(same, one_size, native, point)
