"""Out-of-fold predictions to a calibration, and for each fold one that never saw its labels."""

from dataclasses import dataclass, replace
from itertools import compress
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nerveceg.calibration import MARGIN, Calibration, Correction, Fusion
from nerveceg.decision import Rule, draw
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.counts import Counts, count_mask, count_pixels, dice
from nerveceg.evaluation.out_of_fold import OutOfFold, level_logits
from nerveceg.probability.choice import Choice, choose_map
from nerveceg.probability.fitting import LEAST_SUBJECTS, fit_map, fit_weights
from nerveceg.probability.maps import FORMS, Platt, require_form
from nerveceg.probability.misses import MissCurve
from nerveceg.views import average_logits

BEST = Rule(presence=None, mask=None)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to calibrate.

    forms: of presence, to choose from; some of `maps.FORMS`.
    fuse: let the expected Dice of its mask have a say in a frame's presence.
    """

    forms: tuple[str, ...] = tuple(FORMS)
    fuse: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "forms", tuple(self.forms))
        for form in self.forms:
            require_form(form)
        if not self.forms:
            raise NerveCegError(f"calibration.forms is empty: any of {', '.join(FORMS)} is wanted")


class Fitted(NamedTuple):
    """Calibrations of presence, pixels and expected Dice."""

    whole: Calibration
    """fitted on all frames: for frames of new subjects"""
    by_fold: dict[int, Calibration]
    """fitted without the fold: for scoring the fold itself"""
    losses: dict[str, float]
    """subject-grouped negative log-likelihood of presence, nats, by source and form"""


class _Evidence(NamedTuple):
    """What calibration needs of F frames, and nothing of any others."""

    logit: NDArray[np.float64]
    present: NDArray[np.bool_]
    subject: NDArray[np.str_]
    pixel: Platt
    """fitted on those of the frames that show the nerve"""
    expected: NDArray[np.float64]
    """plug-in expected Dice of the best mask under `pixel`"""
    dice: NDArray[np.float64]
    """realised Dice of that mask at half the native size, 0 without nerve"""


def calibrate(predictions: OutOfFold, recipe: Recipe | None = None) -> Fitted:
    """Fit presence (the best form by grouped likelihood), pixels (Platt) and expected Dice.

    Only the nerve's own frames teach the pixels: their probability is given that it is there.
    Networks without a gate have no presence to calibrate: theirs stays as it is.

    Raises:
        NerveCegError: a presence logit isn't finite, or a fold's rest has only one class.
    """
    recipe, logit = recipe or Recipe(), presence_logit(predictions)
    if np.isposinf(logit).all():
        folds = np.unique(predictions.fold).tolist()
        return Fitted(Calibration(), dict.fromkeys(folds, Calibration()), {})
    recipe = replace(recipe, forms=_feasible(recipe.forms, predictions))
    choice = choose_map(logit, predictions.present, predictions.subjects, forms=recipe.forms)
    histogram = _histograms(predictions)
    pooled = _evidence(predictions, histogram, np.ones(len(predictions), dtype=np.bool_))
    gate = _fit(pooled, choice.form, None)
    fused = _choose_fusion(pooled, gate, recipe) if recipe.fuse else None
    forms = (choice.form, fused and fused.form)
    return Fitted(
        whole=_fit(pooled, *forms),
        by_fold={
            int(k): _fit(_evidence(predictions, histogram, predictions.fold != k), *forms)
            for k in np.unique(predictions.fold)
        },
        losses={
            **{f"gate {form}": loss for form, loss in choice.losses.items()},
            **{f"fused {form}": loss for form, loss in (fused.losses if fused else {}).items()},
        },
    )


def _feasible(forms: tuple[str, ...], predictions: OutOfFold) -> tuple[str, ...]:
    """The forms for which the subjects outside every fold are enough; all of them if none is."""
    subjects, fold = predictions.subjects, predictions.fold
    fewest = min(len(np.unique(subjects[fold != k])) for k in np.unique(fold))
    return tuple(f for f in forms if f != "isotonic" or fewest >= LEAST_SUBJECTS) or forms


def presence_logit(predictions: OutOfFold) -> NDArray[np.float64]:
    """The logit of each frame's presence averaged over views, float64 [F]."""
    logits = torch.from_numpy(predictions.logits).double()
    return np.asarray(average_logits(logits.T).numpy())


def _evidence(
    predictions: OutOfFold, histogram: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> _Evidence:
    """The evidence of the chosen frames, bool [F]; histogram: int64 [F, 2, 256]."""
    present = predictions.present[chosen]
    if present.all() or not present.any():
        raise NerveCegError(
            "a fold leaves frames of one class alone to calibrate on: fewer folds or another seed"
        )
    pixel = _fit_pixel(histogram[chosen & predictions.present])
    return _Evidence(
        presence_logit(predictions)[chosen],
        present,
        predictions.subjects[chosen],
        pixel,
        *_best_masks(predictions, pixel, chosen),
    )


def _fit(evidence: _Evidence, form: str, fused_form: str | None) -> Calibration:
    present, subject = evidence.present, evidence.subject
    calibration = Calibration(
        presence=fit_map(form, evidence.logit, present, subject=subject),
        pixel=evidence.pixel,
        contour=_fit_contour(evidence.expected[present], evidence.dice[present]),
        prevalence=float(present.mean()),
    )
    if fused_form is not None:
        calibration = replace(calibration, fusion=_fit_fusion(evidence, calibration, fused_form))
    said = _presence(evidence, calibration).float().numpy()[present]
    return replace(calibration, misses=MissCurve.of(said, subject[present]))


def _choose_fusion(evidence: _Evidence, gate: Calibration, recipe: Recipe) -> Choice:
    """The form of fused presence that explains other subjects best."""
    fusion = _fit_fusion(evidence, gate, "platt")
    logit = fusion.logit(*_gate_and_dice(evidence, gate)).numpy()
    return choose_map(logit, evidence.present, evidence.subject, forms=recipe.forms)


def _fit_fusion(evidence: _Evidence, gate: Calibration, form: str) -> Fusion:
    presence, dice = _gate_and_dice(evidence, gate)
    columns = torch.stack([presence.logit(eps=MARGIN), dice.logit(eps=MARGIN)], 1).numpy()
    weights = fit_weights(columns, evidence.present)
    fused = columns @ np.array(weights[:2]) + weights[2]
    fitted = fit_map(form, fused, evidence.present, subject=evidence.subject)
    return Fusion(presence=weights[0], dice=weights[1], intercept=weights[2], map=fitted)


def _gate_and_dice(evidence: _Evidence, gate: Calibration) -> tuple[Tensor, Tensor]:
    """The gate's presence and corrected expected Dice, float64 [F] each."""
    presence = gate.presence(torch.from_numpy(evidence.logit))
    return presence, gate.contour(torch.from_numpy(evidence.expected))


def _presence(evidence: _Evidence, calibration: Calibration) -> Tensor:
    """Presence, fused where the calibration fuses, float64 [F]."""
    presence, dice = _gate_and_dice(evidence, calibration)
    return presence if calibration.fusion is None else calibration.fusion(presence, dice)


def _histograms(predictions: OutOfFold) -> NDArray[np.int64]:
    counted = np.zeros((len(predictions), 2, 256), dtype=np.int64)
    for place, (levels, truth) in enumerate(predictions.maps()):
        flat = levels.ravel() + 256 * truth.ravel().astype(np.int64)
        counted[place] = np.bincount(flat, minlength=512).reshape(2, 256)
    return counted


def _fit_pixel(histogram: NDArray[np.int64]) -> Platt:
    """Platt's map of a pixel; histogram: int64 [F, 2, 256] of frames with nerve."""
    logit = level_logits().double().numpy()
    weight = histogram.sum(axis=0).ravel().astype(np.float64)
    inside = np.repeat([False, True], 256)
    fitted = fit_map("platt", np.tile(logit, 2), inside, weight=weight)
    assert isinstance(fitted, Platt)  # noqa: S101
    return fitted


def _best_masks(
    predictions: OutOfFold, pixel: Platt, chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expected and realised Dice of each chosen frame's best mask, float64 [n]; 0 without nerve."""
    probability_of = pixel(level_logits())
    pairs: list[tuple[float, float]] = []
    for levels, truth in compress(predictions.maps(), chosen):
        probability = probability_of[torch.from_numpy(levels).long()][None, None]
        mask, expected = draw(probability, BEST)
        true = torch.from_numpy(truth.copy())[None, None]
        counts = Counts(*(column.numpy() for column in count_mask(mask, true)))
        pairs.append((expected.item(), float(dice(counts, count_pixels(true).numpy())[0])))
    expected_dice, realised = np.array(pairs).T
    return expected_dice, realised


def _fit_contour(expected: NDArray[np.float64], realised: NDArray[np.float64]) -> Correction:
    """The least-squares line of realised on expected Dice; level where it would fall."""
    if len(expected) < 2 or np.ptp(expected) == 0:
        return Correction(slope=0.0, intercept=float(realised.mean()))
    slope = float(np.polyfit(expected, realised, 1)[0])
    slope = max(0.0, slope)
    return Correction(slope=slope, intercept=float(realised.mean() - slope * expected.mean()))
