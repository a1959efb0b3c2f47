"""Both stages over every frame, counted on the pipeline's device: frames to report and tally."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from nerveceg.data.frames import Frame
from nerveceg.data.images import digest_of, unknown_truth
from nerveceg.data.reading import OnError, Reader, Reading
from nerveceg.decision import draw, passes
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.baselines import ConstantMask
from nerveceg.evaluation.bootstrap import RESAMPLES
from nerveceg.evaluation.report import Report, make_report
from nerveceg.evaluation.results import ResultsBuilder
from nerveceg.evaluation.tally import Tally, TallyBuilder
from nerveceg.pipeline import Pipeline, Prediction
from nerveceg.postprocess import clean_mask

Watch = Callable[[Reading, Prediction], None]


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
    batch_size: int = 16,
    on_error: OnError = "stop",
    watch: Watch | None = None,
    spacing_mm: float | None = None,
    resamples: int = RESAMPLES,
    facts: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Evaluation:
    """Score the pipeline on frames of known truth, at native pixels.

    The segmenter runs on every frame, also where the gate closes: baselines and tuning need it.
    watch: called with each frame and its prediction, the same that `Pipeline.predict` gives.

    Raises:
        DataError: a frame's truth is unknown; with on_error="stop", a file can't be read.
        NerveCegError: a frame was trained on.
    """
    for frame in frames:
        if frame.mask is None:
            raise unknown_truth(frame)
        if pipeline.trained_on and digest_of(frame.image) in pipeline.trained_on:
            raise NerveCegError(
                f"frame {frame.id} was trained on: score subjects that neither stage has seen, as "
                "nerveceg.inference.scorable picks them"
            )
    counting = _Counting(pipeline, watch)
    reader = Reader(
        frames,
        batch_size=batch_size,
        truth=True,
        workers=pipeline.runtime.worker_count,
        on_error=on_error,
    )
    with tqdm(total=len(frames), desc="evaluating", unit="frame", disable=not progress) as bar:
        for readings in reader:
            counting.add(readings)
            bar.update(len(readings))
    tally, results = counting.tally.finish(), counting.results.finish()
    report = make_report(results, spacing_mm=spacing_mm, resamples=resamples, facts=facts)
    return Evaluation(report, tally, reader.failures)


class _Counting:
    """Counts batch by batch."""

    def __init__(self, pipeline: Pipeline, watch: Watch | None) -> None:
        constant = pipeline.constant_mask
        self.results = ResultsBuilder(
            constant=None
            if constant is None
            else ConstantMask(mean=constant.float(), threshold=0.5)
        )
        steps = pipeline.rule.postprocess
        self.tally = TallyBuilder(clean=partial(clean_mask, names=steps) if steps else None)
        self._pipeline = pipeline
        self._watch = watch

    @torch.inference_mode()
    def add(self, readings: Sequence[Reading]) -> None:
        """Count a batch of frames of any sizes."""
        network_input = self._pipeline.network_input([reading.image for reading in readings])
        presence = self._pipeline.presence(network_input)
        probability = self._pipeline.probability(network_input)
        places = range(len(readings))
        # Not sorted: neighbours mostly share one size, and the order of frames stays as given.
        for shape, group in groupby(places, key=lambda place: readings[place].image.shape):
            chosen = list(group)
            native = self._pipeline.geometry.restore(probability[chosen], shape)
            self._add_same_size([readings[i] for i in chosen], presence[chosen], native)

    def _add_same_size(
        self, readings: Sequence[Reading], presence: Tensor, probability: Tensor
    ) -> None:
        truth = torch.stack([torch.from_numpy(r.truth) for r in readings])[:, None]
        truth = truth.to(probability.device)
        ids = [reading.frame.id for reading in readings]
        subjects = [reading.frame.subject for reading in readings]
        self.tally.add(ids, subjects, presence=presence, probability=probability, truth=truth)
        passed = passes(presence, self._pipeline.rule)
        masks = draw(probability, self._pipeline.rule)
        self.results.add(
            ids,
            subjects,
            presence=presence,
            passed=passed,
            mask=masks,
            truth=truth,
            groups=[reading.frame.groups for reading in readings],
        )
        if self._watch is not None:
            final = (masks & passed[:, None, None, None])[:, 0].cpu().numpy()
            for reading, one, mask in zip(readings, presence.tolist(), final, strict=True):
                self._watch(reading, Prediction(one, mask))
