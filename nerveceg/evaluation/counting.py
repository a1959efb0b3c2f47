"""Presence and probability maps of frames to rows of results and of the tally, under a rule."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from nerveceg.data.reading import Reading
from nerveceg.decision import Drawing, Rule, draw, smooth
from nerveceg.evaluation.baselines import ConstantMask
from nerveceg.evaluation.joining import join_results, join_tallies
from nerveceg.evaluation.results import Results, ResultsBuilder, Surface
from nerveceg.evaluation.surface import surface_scores
from nerveceg.evaluation.tally import HELD_OUT, Tally, TallyBuilder
from nerveceg.operation import Decision, OperatingPoint, Presence
from nerveceg.postprocess import Priors, postprocess, stay_inside
from nerveceg.prediction import Prediction
from nerveceg.processes import gather

Watch = Callable[[Reading, Prediction], None]


class Counting:
    """Counts batch by batch.

    rule: whose blur and steps the tally's masks get.
    cleaned: tally masks after the steps too; slow.
    origin: what the frames were to the networks, OUT_OF_FOLD or HELD_OUT.
    constant: bool [1, 1, h, w], the constant mask to compare with; may change between batches.
    watch: called with each frame and its prediction.
    surface: of a mask and its truth; None leaves distances and contours out, which want both on
        the host.
    """

    def __init__(
        self,
        rule: Rule,
        *,
        cleaned: bool = True,
        origin: str = HELD_OUT,
        constant: Tensor | None = None,
        watch: Watch | None = None,
        surface: Surface | None = surface_scores,
    ) -> None:
        self.results = ResultsBuilder(surface=surface)
        self._rule = rule
        self._priors: Priors = ()
        clean = self._clean if cleaned and rule.postprocess else None
        self.tally = TallyBuilder(
            clean=clean, inside=stay_inside(rule.postprocess), blur=rule.blur, origin=origin
        )
        self.compare_with(constant)
        self._watch = watch

    def compare_with(self, constant: Tensor | None) -> None:
        """Take this constant mask, bool [1, 1, h, w], for the frames to come."""
        mask = None if constant is None else ConstantMask(mean=constant.float(), threshold=0.5)
        self.results.constant = mask

    def add(
        self,
        readings: Sequence[Reading],
        presence: Presence,
        probability: Tensor,
        point: OperatingPoint,
    ) -> None:
        """Count N frames of one size, whose truth was read.

        presence: the gate's, as `OperatingPoint.presence` gives.
        probability: float32 [N, 1, H, W] at native pixels, calibrated.
        """
        truth = torch.stack([torch.from_numpy(r.truth) for r in readings])[:, None]
        truth = truth.to(probability.device)
        decision = point.decide(presence.value, probability)
        self._priors = point.priors
        ids = [reading.frame.id for reading in readings]
        subjects = [reading.frame.subject for reading in readings]
        self.tally.add(
            ids,
            subjects,
            presence=decision.fused,
            probability=smooth(probability, self._rule),
            truth=truth,
            best=_best(probability, decision, point),
        )
        self.results.add(
            ids,
            subjects,
            presence=decision.presence,
            passed=decision.passed,
            mask=decision.mask,
            truth=truth,
            groups=[reading.frame.groups for reading in readings],
            expected=decision.score,
            spread=presence.spread,
        )
        if self._watch is not None:
            self._show(readings, decision, presence.spread)

    def finish(self, ids: Sequence[str]) -> tuple[Tally, Results]:
        """Tally and rows of the frames that all processes counted, in the order of their ids.

        Raises:
            NerveCegError: no frame was counted, or a presence or probability is NaN or infinite.
        """
        own = (self.tally.finish(), self.results.finish()) if len(self.results) else None
        parts = [part for part in gather(own) if part is not None]
        if len(parts) < 2:
            return parts[0] if parts else (self.tally.finish(), self.results.finish())
        tallies, results = zip(*parts, strict=True)
        return join_tallies(tallies, ids), join_results(results, ids)

    def _clean(self, masks: Tensor) -> Tensor:
        return postprocess(masks, self._rule.postprocess, self._priors)

    def _show(self, readings: Sequence[Reading], decision: Decision, spread: Tensor) -> None:
        assert self._watch is not None  # noqa: S101
        columns = (
            decision.presence.tolist(),
            decision.final[:, 0].cpu().numpy(),
            decision.score.tolist(),
            spread.tolist(),
        )
        for reading, *prediction in zip(readings, *columns, strict=True):
            self._watch(reading, Prediction(*prediction))


def _best(probability: Tensor, decision: Decision, point: OperatingPoint) -> Drawing:
    """The best masks, which the tally keeps whatever the rule."""
    rule = point.rule
    if rule.mask is None and rule.area == 0:
        return Drawing(decision.mask, decision.dice)
    best = replace(rule, mask=None, area=0, blur=0, miss_rate=None)
    return draw(probability, best, point.calibration.contour, priors=point.priors)
