"""Out-of-fold predictions to report and tally, without running a network."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from nerveceg.calibration import Calibration
from nerveceg.data.frames import Frame
from nerveceg.data.reading import Reader, Reading
from nerveceg.decision import Rule
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.bootstrap import RESAMPLES
from nerveceg.evaluation.counting import Counting, Watch
from nerveceg.evaluation.evaluate import Evaluation
from nerveceg.evaluation.out_of_fold import OutOfFold, level_logits
from nerveceg.evaluation.report import make_report
from nerveceg.evaluation.tally import OUT_OF_FOLD
from nerveceg.operation import OperatingPoint, Presence
from nerveceg.postprocess import Priors


def rescore(
    predictions: OutOfFold,
    frames: Sequence[Frame],
    calibrations: Mapping[int, Calibration],
    rule: Rule,
    *,
    constants: Mapping[int, Tensor | None] | None = None,
    priors: Mapping[int, Priors] | None = None,
    cleaned: bool = True,
    presence: Mapping[str, float] | None = None,
    watch: Watch | None = None,
    spacing_mm: float | None = None,
    resamples: int = RESAMPLES,
    facts: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Evaluation:
    """Score a rule on out-of-fold predictions, at native pixels.

    frames: the frames behind the predictions, for their truth.
    calibrations: by fold; fitted without the fold, so that no label of a frame touches its score.
    cleaned: tally cleaned masks too; plain rules are tuned on them, but they are slow to count.
    presence: of some frames by id; it counts in the gate's place, as one smoothed over a clip does.
    constants: by fold, the constant masks, bool [1, 1, h, w], of its training frames.
    priors: by fold, the shape prior of its training frames, which a rule may name.

    Raises:
        NerveCegError: the frames are others than those that were predicted, or the rule names a
            shape prior that a fold doesn't have.
        DataError: a file can't be read.
    """
    by_id = {frame.id: frame for frame in frames}
    _check_same(predictions, by_id)
    points = {
        k: OperatingPoint(calibration=calibration, rule=rule, priors=(priors or {}).get(k, ()))
        for k, calibration in calibrations.items()
    }
    counting = Counting(rule, cleaned=cleaned, origin=OUT_OF_FOLD, watch=watch)
    ordered = [by_id[str(name)] for name in predictions.ids]
    reader = iter(Reader(ordered, batch_size=1, truth=True))
    bar = tqdm(total=len(ordered), desc="scoring", unit="frame", disable=not progress)
    with bar, torch.inference_mode():
        for place, (levels, _) in enumerate(predictions.maps()):
            fold, readings = int(predictions.fold[place]), next(reader)
            _check_size(predictions, place, readings[0])
            counting.compare_with(constants[fold] if constants else None)
            logits = torch.from_numpy(predictions.logits[place])[None, :, None]
            maps = level_logits()[torch.from_numpy(levels).long()][None, None, None]
            half = points[fold].probability(maps)
            counting.add(
                readings,
                _better(points[fold].presence(logits), (presence or {}).get(readings[0].frame.id)),
                _native(half, readings[0].image.shape),
                points[fold],
            )
            bar.update()
    tally, results = counting.tally.finish(), counting.results.finish()
    report = make_report(results, spacing_mm=spacing_mm, resamples=resamples, facts=facts)
    return Evaluation(report, tally, [])


def _better(own: Presence, known: float | None) -> Presence:
    """The gate's presence of one frame, but for what is known better."""
    return own if known is None else own._replace(value=torch.full_like(own.value, known))


def _native(half: Tensor, size: tuple[int, int]) -> Tensor:
    """Probabilities of every second pixel, float32 [1, 1, h, w], at native pixels."""
    even = half.shape[-2] * 2, half.shape[-1] * 2
    whole = torch.nn.functional.interpolate(half, even, mode="bilinear")
    return whole[..., : size[0], : size[1]].contiguous()


def _check_same(predictions: OutOfFold, by_id: Mapping[str, Frame]) -> None:
    missing = [str(name) for name in predictions.ids if str(name) not in by_id]
    if missing or len(by_id) != len(predictions):
        found = missing[0] if missing else next(iter(by_id.keys() - set(predictions.ids)))
        raise NerveCegError(
            f"frame {found} isn't in both the data ({len(by_id)} frames) and the out-of-fold "
            f"predictions ({len(predictions)}): give the data that the folds were trained on"
        )


def _check_size(predictions: OutOfFold, place: int, reading: Reading) -> None:
    wanted = int(predictions.height[place]), int(predictions.width[place])
    if reading.image.shape != wanted:
        raise NerveCegError(
            f"{reading.frame.image} has {reading.image.shape} pixels, frame {reading.frame.id} of "
            f"the out-of-fold predictions {wanted}: give the data that the folds were trained on"
        )
