"""One map of presence logits fitted to frames of known truth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from nerveceg.errors import NerveCegError
from nerveceg.probability.effective import effective_frames
from nerveceg.probability.maps import (
    Beta,
    Isotonic,
    Platt,
    PresenceMap,
    Temperature,
    require_form,
)

LEAST_SUBJECTS = 30
Float = NDArray[np.float64]


def fit_map(
    form: str,
    logit: Float,
    present: NDArray[np.bool_],
    *,
    subject: NDArray[Any] | None = None,
    weight: Float | None = None,
) -> PresenceMap:
    """The map of a form that makes the truth of these frames most likely.

    Targets are Platt's, (n + 1) / (n + 2) and 1 / (n + 2) for classes of n frames, so that frames
    which a threshold separates have a finite slope. Slopes are at least 0.

    Args:
        form: one of `FORMS`.
        logit: float64 [F].
        present: bool [F], whether the frame shows the nerve.
        subject: [F], names; for the isotonic form only.
        weight: float64 [F], how many frames (or pixels) each entry stands for; 1 by default.

    Raises:
        NerveCegError: the form is unknown, a logit isn't finite, a class is missing, or the form
            is isotonic and there are fewer than 30 subjects.
    """
    weight = np.ones(len(logit)) if weight is None else weight
    require_form(form)
    require_finite(logit)
    require_both_classes(present[weight > 0], "the frames to calibrate on")
    one = np.ones(len(logit))
    target = _smoothed(present, weight)
    if form == "temperature":
        (slope,) = _most_likely(logit[:, None], target, weight, slopes=1)
        return Temperature(slope=slope)
    if form == "platt":
        slope, intercept = _most_likely(np.stack([logit, one], 1), target, weight, slopes=1)
        return Platt(slope=slope, intercept=intercept)
    if form == "beta":
        design = np.stack([-np.logaddexp(0, -logit), np.logaddexp(0, logit), one], 1)
        a, b, c = _most_likely(design, target, weight, slopes=2)
        return Beta(a=a, b=b, c=c)
    return _isotonic(logit, present, subject, weight)


def fit_weights(columns: Float, present: NDArray[np.bool_]) -> list[float]:
    """Logistic regression with weights of at least 0: one a column, then the intercept.

    Args:
        columns: float64 [F, C].
        present: bool [F].

    Raises:
        NerveCegError: a number isn't finite, or a class is missing.
    """
    require_finite(columns.sum(axis=1))
    require_both_classes(present, "the frames to calibrate on")
    weight = np.ones(len(columns))
    design = np.concatenate([columns, weight[:, None]], axis=1)
    return _most_likely(design, _smoothed(present, weight), weight, slopes=columns.shape[1])


def _isotonic(
    logit: Float, present: NDArray[np.bool_], subject: NDArray[Any] | None, weight: Float
) -> Isotonic:
    from sklearn.isotonic import IsotonicRegression

    subjects = 0 if subject is None else len(np.unique(subject))
    if subject is None or subjects < LEAST_SUBJECTS:
        raise NerveCegError(too_few(subjects))
    floor = min(1 / effective_frames(present, subject), 0.5)
    regression = IsotonicRegression(y_min=floor, y_max=1 - floor)
    # Knots that differ in float64 alone would meet in the float32 of the networks.
    regression.fit(logit.astype(np.float32).astype(np.float64), present, sample_weight=weight)
    return Isotonic(
        logits=tuple(regression.X_thresholds_.tolist()),
        presence=tuple(regression.y_thresholds_.tolist()),
    )


def _smoothed(present: NDArray[np.bool_], weight: Float) -> Float:
    with_nerve, without = weight[present].sum(), weight[~present].sum()
    target: Float = np.where(present, (with_nerve + 1) / (with_nerve + 2), 1 / (without + 2))
    return target


def _most_likely(design: Float, target: Float, weight: Float, *, slopes: int) -> list[float]:
    """Logistic regression; design: float64 [F, P], its first `slopes` numbers bounded by 0."""
    scale = np.sqrt((design**2).mean(axis=0))
    scale[scale == 0] = 1
    scaled, share = design / scale, weight / weight.sum()

    def loss(numbers: Float) -> tuple[float, Float]:
        logit = scaled @ numbers
        surprise = np.logaddexp(0, logit) - target * logit
        gradient: Float = scaled.T @ (share * (expit(logit) - target))
        return float(share @ surprise), gradient

    free = design.shape[1] - slopes
    done = minimize(
        loss,
        np.concatenate([scale[:slopes], np.zeros(free)]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * slopes + [(None, None)] * free,
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000},
    )
    return [float(number) for number in done.x / scale]


def require_finite(logit: Float) -> None:
    """Stop at the first logit that is NaN or infinite."""
    wrong = np.flatnonzero(~np.isfinite(logit))
    if len(wrong):
        raise NerveCegError(
            f"logit {wrong[0]} of {len(logit)} is {logit[wrong[0]]}: finite logits are wanted, "
            "look at that frame and its network"
        )


def require_both_classes(present: NDArray[np.bool_], place: str) -> None:
    """Stop where frames with, or frames without the nerve are missing; `place` names them."""
    if present.all() or not present.any():
        missing = "show no nerve" if present.any() else "show the nerve"
        raise NerveCegError(f"none of {place} {missing}: both kinds are wanted to calibrate")


def too_few(subjects: int) -> str:
    """What is said where the isotonic form has too few subjects."""
    return (
        f"isotonic calibration on {subjects} subjects: {LEAST_SUBJECTS} or more are wanted, "
        "take temperature, platt or beta"
    )
