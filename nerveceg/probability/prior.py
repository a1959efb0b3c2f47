"""Presence among frames of another prevalence: shifted to a stated one, or to one estimated."""

import numpy as np
from numpy.typing import NDArray

from nerveceg.arrays import Array
from nerveceg.errors import NerveCegError

ITERATIONS = 10_000
TOLERANCE = 1e-10


def shift(presence: Array, *, trained: float, target: float) -> Array:
    """Presence where the nerve is shown by a share `target` of frames instead of `trained`.

    pi r / (pi r + (1 - pi) s), r = target / trained, s = (1 - target) / (1 - trained): right where
    frames with the nerve look alike in both places, and so do frames without.

    Args:
        presence: float, any shape, in [0, 1], calibrated where the prevalence is `trained`.
        trained: in (0, 1).
        target: in (0, 1).

    Raises:
        NerveCegError: a prevalence is outside (0, 1).
    """
    _require_prevalence("trained", trained)
    _require_prevalence("target", target)
    present = presence * (target / trained)
    return present / (present + (1 - presence) * ((1 - target) / (1 - trained)))


def estimate_prevalence(
    presence: NDArray[np.floating], *, trained: float, damping: float = 0.0
) -> float:
    """The most likely share of frames that show the nerve, without their truth, by EM.

    Each round shifts presence to the last estimate and takes its mean, with `damping` further
    frames of prevalence `trained`. The likelihood has one peak (Saerens, Latinne & Decaestecker,
    Adjusting the outputs of a classifier to new a priori probabilities, 2002). The estimate is
    kept 1 / (F + 2) off 0 and 1, so that it can be the target of `shift`.

    Args:
        presence: float [F] in [0, 1], F >= 1, calibrated where the prevalence is `trained`.
        trained: in (0, 1).
        damping: frames, from 0.

    Raises:
        NerveCegError: `trained` is outside (0, 1), or `damping` below 0.
    """
    _require_prevalence("trained", trained)
    if not 0 <= damping < np.inf:
        raise NerveCegError(f"damping={damping}: a number of frames from 0 is wanted")
    likelihood = presence.astype(np.float64) / trained
    other = (1 - presence.astype(np.float64)) / (1 - trained)
    prevalence, frames = trained, len(presence)
    for _ in range(ITERATIONS):
        nerve = prevalence * likelihood
        expected = float((nerve / (nerve + (1 - prevalence) * other)).sum())
        last, prevalence = prevalence, (expected + damping * trained) / (frames + damping)
        if abs(prevalence - last) < TOLERANCE:
            break
    margin = 1 / (frames + 2)
    return float(np.clip(prevalence, margin, 1 - margin))


def _require_prevalence(name: str, prevalence: float) -> None:
    if not 0 < prevalence < 1:
        raise NerveCegError(f"{name} prevalence is {prevalence}: a share in (0, 1) is wanted")
