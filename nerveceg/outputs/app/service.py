"""Frames to answers for people and programs: the networks run once, then any rule decides."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nerveceg.data.images import read_image
from nerveceg.decision import Rule
from nerveceg.explanation import Explainer, Explanation
from nerveceg.operation import OperatingPoint, uncalibrated
from nerveceg.opinion import refuse_nan
from nerveceg.outputs.app.reasons import reason_of
from nerveceg.pipeline import Pipeline
from nerveceg.prediction import Grey, Mask
from nerveceg.temporal import FrameByFrame

_BATCH = 16


class Seen(NamedTuple):
    """What the networks said of one frame: all that a rule needs to decide."""

    image: Grey
    """uint8 [H, W]"""
    gate: Tensor
    """float32 [1], calibrated presence, smoothed over the clip where that is asked for"""
    spread: float
    """standard deviation of presence over members and views"""
    probability: Tensor
    """float32 [1, 1, h, w] at the networks' size, given that the nerve is there"""


class Answer(NamedTuple):
    """What is said of one frame under a rule; numbers as in `nerveceg.pipeline.Prediction`."""

    presence: float
    expected: float
    spread: float
    mask: Mask
    why: str
    """one sentence: the inequality that decided"""
    refer: bool
    """whether the rule leaves the frame to a human"""

    @property
    def drawn(self) -> bool:
        """Whether the mask has a pixel."""
        return bool(self.mask.any())


class Service:
    """A pipeline that answers several at a time, one after the other.

    Raises:
        NerveCegError: presence is to be smoothed, but the pipeline isn't calibrated.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._explainer = Explainer(pipeline, method="gradcam")
        # Grad-CAM hooks into the networks, and a clip is decoded by one reader at a time.
        self._lock = threading.Lock()
        if self.smooths and not self.calibrated:
            raise uncalibrated(f"temporal={self.pipeline.temporal}")

    @property
    def calibrated(self) -> bool:
        """Whether presence is a probability, fitted on out-of-fold predictions."""
        return self.pipeline.calibration.prevalence is not None

    @property
    def smooths(self) -> bool:
        """Whether the frames of a clip have a say in each other's presence."""
        return not isinstance(self.pipeline.temporal, FrameByFrame)

    def look_at(self, picture: Path, *, presence: float | None = None) -> Seen:
        """Run the networks on a picture; presence: counts in the gate's place.

        Raises:
            DataError: it can't be read.
            NerveCegError: a network's output is NaN.
        """
        with self._lock:
            return self._look(read_image(picture), presence)

    def smooth(self, pictures: Sequence[Path]) -> list[float] | None:
        """Presence of each picture of a clip, given the others; None where none is smoothed.

        Raises:
            DataError: a picture can't be read.
        """
        prevalence = self.pipeline.calibration.prevalence
        if not self.smooths or len(pictures) < 2 or prevalence is None:
            return None
        said: list[float] = []
        for start in range(0, len(pictures), _BATCH):
            with self._lock:  # let go in between, so that others aren't kept waiting for a clip
                said += self._gate(pictures[start : start + _BATCH])
        smooth: list[float] = self.pipeline.temporal(np.array(said), prevalence=prevalence).tolist()
        return smooth

    def answer(self, seen: Seen, rule: Rule) -> Answer:
        """What `Pipeline.predict` says of the frame under this rule, and why; no network runs.

        Raises:
            NerveCegError: a rule that only a calibrated pipeline can follow.
        """
        point = OperatingPoint(
            calibration=self.pipeline.calibration, rule=rule, priors=self.pipeline.shape_priors
        )
        native = self._native(seen)
        decision = point.decide(seen.gate, native)
        expected = decision.score.item()
        return Answer(
            presence=decision.presence.item(),
            expected=expected,
            spread=seen.spread,
            mask=decision.final[0, 0].cpu().numpy(),
            why=reason_of(point, seen.gate, native, decision),
            refer=expected - seen.spread < rule.refer,
        )

    def explain(self, seen: Seen) -> Explanation:
        """Where the networks look, for the pixels that the run's own rule would draw.

        Raises:
            NerveCegError: a network without feature maps.
        """
        drawn = self.pipeline.operation.decide(seen.gate, self._native(seen)).mask
        with self._lock:
            return self._explainer.explain(seen.image, drawn[0, 0].cpu().numpy())

    def _native(self, seen: Seen) -> Tensor:
        height, width = seen.image.shape
        return self.pipeline.geometry.restore(seen.probability, (height, width))

    @torch.inference_mode()
    def _look(self, image: Grey, presence: float | None) -> Seen:
        opinion = self.pipeline.look(self.pipeline.network_input([image]), presence=[presence])
        gate, spread = opinion.presence
        refuse_nan("presence", gate[:, None], [0])
        probability = opinion.probability()
        refuse_nan("mask probability", probability, [0])
        return Seen(image, gate, spread.item(), probability)

    @torch.inference_mode()
    def _gate(self, pictures: Sequence[Path]) -> list[float]:
        images = [read_image(picture) for picture in pictures]
        gate = self.pipeline.look(self.pipeline.network_input(images)).presence.value
        refuse_nan("presence", gate[:, None], range(len(images)))
        values: list[float] = gate.tolist()
        return values
