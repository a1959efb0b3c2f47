"""Out-of-fold clips to the filter that smooths presence over new ones, and what it is worth."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from nerveceg.calibration import Calibration
from nerveceg.data.frames import Frame, natural_key
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.bootstrap import (
    RESAMPLES,
    Estimate,
    bootstrap_auroc,
    draw_subjects,
    estimate,
    mean_of_resamples,
)
from nerveceg.evaluation.calibrating import presence_logit
from nerveceg.evaluation.out_of_fold import OutOfFold
from nerveceg.evaluation.reliability import MARGIN
from nerveceg.temporal import CANDIDATES, FrameByFrame, Smoother

Float = NDArray[np.float64]


class Clip(NamedTuple):
    """The frames of one clip in the order of time, T of them."""

    subject: str
    ids: Sequence[str]
    presence: Float
    """float64 [T], the gate's, calibrated without the fold that the clip is in"""
    present: NDArray[np.bool_]
    """bool [T], whether the truth shows the nerve"""
    prevalence: float
    """the one that presence is calibrated to"""


class Line(NamedTuple):
    """A kind of filter, and presence as it makes it of clips that had no say in its number."""

    name: str
    """as conf/temporal calls it"""
    smoother: Smoother
    """with the number under which the truth of all clips is likeliest"""
    presence: Mapping[str, float]
    """by frame; each subject's clips are smoothed by the number that all other subjects chose"""
    nll: Estimate
    """mean negative log-likelihood of the truth, nats a frame"""
    brier: Estimate
    auroc: Estimate
    gain: Estimate
    """the NLL of presence frame by frame less this one, paired"""


def clips_of(
    predictions: OutOfFold, frames: Sequence[Frame], calibrations: Mapping[int, Calibration]
) -> list[Clip]:
    """The clips of a run's frames, as networks and calibration saw them that never saw them before.

    frames: those behind the predictions, which say what a clip is. calibrations: by fold.

    Raises:
        NerveCegError: a fold isn't calibrated, or fewer than two subjects have clips.
    """
    clip = {frame.id: frame.clip for frame in frames}
    places: dict[tuple[str, str], list[int]] = {}
    for place, (one, subject) in enumerate(zip(predictions.ids, predictions.subjects, strict=True)):
        named = clip.get(str(one))
        if named is not None:
            places.setdefault((str(subject), named), []).append(place)
    if len({subject for subject, _ in places}) < 2:
        raise NerveCegError(
            f"{len(places)} clips among {len(predictions)} frames: clips of two or more subjects "
            "are wanted; data.clips=subject takes a subject's images for one, in natural order"
        )
    presence, prevalence = _calibrated(predictions, calibrations)
    clips = []
    for (subject, _), found in places.items():
        order = sorted(found, key=lambda place: natural_key(str(predictions.ids[place])))
        clips.append(
            Clip(
                subject,
                predictions.ids[order].tolist(),
                presence[order],
                predictions.present[order],
                float(prevalence[order[0]]),
            )
        )
    return clips


def judge_smoothers(
    clips: Sequence[Clip],
    *,
    candidates: Mapping[str, tuple[Smoother, ...]] = CANDIDATES,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[Line]:
    """Each kind of filter on clips of other subjects than chose its number; intervals by subject.

    Two clips or more are wanted, of two subjects.
    """
    names = [clip.subject for clip in clips for _ in clip.ids]
    subject = np.unique(names, return_inverse=True)[1].astype(np.intp)
    ids = [one for clip in clips for one in clip.ids]
    present = np.concatenate([clip.present for clip in clips])
    alone = np.concatenate([clip.presence for clip in clips])
    draws = draw_subjects(int(subject.max()) + 1, seed=seed, resamples=resamples)

    def mean(column: Float) -> Estimate:
        resampled = mean_of_resamples(column, subject, draws)
        return estimate(float(column.mean()), resampled, draws.shape[1])

    lines = []
    for name, kind in candidates.items():
        smoother, presence = _cross_fitted(clips, kind, present, subject)
        loss = surprise(presence, present)
        lines.append(
            Line(
                name,
                smoother,
                dict(zip(ids, presence.tolist(), strict=True)),
                nll=mean(loss),
                brier=mean((presence - present) ** 2),
                auroc=_auroc(presence, present, subject, draws),
                gain=mean(surprise(alone, present) - loss),
            )
        )
    return lines


def choose_smoother(lines: Sequence[Line]) -> Smoother:
    """The filter of the least NLL, if it surely gains by it; else presence stays frame by frame."""
    best = min(lines, key=lambda line: line.nll.value)
    return best.smoother if best.gain.low > 0 else FrameByFrame()


def surprise(presence: Float, present: NDArray[np.bool_]) -> Float:
    """Negative log-likelihood of each frame's truth, nats, float64 [F]."""
    inner = np.clip(presence, MARGIN, 1 - MARGIN)
    return np.asarray(-np.log(np.where(present, inner, 1 - inner)))


def _calibrated(
    predictions: OutOfFold, calibrations: Mapping[int, Calibration]
) -> tuple[Float, Float]:
    """Calibrated presence of each frame and the prevalence of its calibration, float64 [F] each."""
    logit = torch.from_numpy(presence_logit(predictions))
    presence, prevalence = np.zeros(len(predictions)), np.zeros(len(predictions))
    for fold, calibration in calibrations.items():
        if calibration.prevalence is None:
            raise NerveCegError("the run has no gate: without presence there is nothing to smooth")
        own = predictions.fold == fold
        presence[own] = calibration.presence(logit[torch.from_numpy(own)]).numpy()
        prevalence[own] = calibration.prevalence
    return presence, prevalence


def _cross_fitted(
    clips: Sequence[Clip],
    kind: Sequence[Smoother],
    present: NDArray[np.bool_],
    subject: NDArray[np.intp],
) -> tuple[Smoother, Float]:
    """The likeliest of a kind on all frames, and presence by those that other subjects chose."""
    smooth = np.stack(
        [
            np.concatenate([one(clip.presence, prevalence=clip.prevalence) for clip in clips])
            for one in kind
        ]
    )
    loss = np.stack([surprise(presence, present) for presence in smooth])
    own = np.stack([np.bincount(subject, weights=each) for each in loss])
    by_others = (own.sum(axis=1, keepdims=True) - own).argmin(axis=0)
    chosen = kind[int(own.sum(axis=1).argmin())]
    return chosen, np.take_along_axis(smooth, by_others[subject][None], axis=0)[0]


def _auroc(
    presence: Float,
    present: NDArray[np.bool_],
    subject: NDArray[np.intp],
    draws: NDArray[np.int64],
) -> Estimate:
    everyone = np.ones((1, draws.shape[1]), dtype=np.int64)
    value = bootstrap_auroc(presence, present, subject, everyone)
    resampled = bootstrap_auroc(presence, present, subject, draws)
    return estimate(float(value[0]), resampled, draws.shape[1])
