"""How many independent frames the frames of some subjects are worth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def effective_frames(present: NDArray[np.bool_], subject: NDArray[Any]) -> float:
    """How many independent frames tell as much of the prevalence as these, in (0, F].

    F / (1 + (m - 1) ICC): ICC is the correlation of presence within subjects, estimated by
    analysis of variance, and m the mean number of frames of a frame's own subject (Kish, Survey
    Sampling, 1965).
    """
    _, owner, frames = np.unique(subject, return_inverse=True, return_counts=True)
    total, subjects = len(present), len(frames)
    if subjects < 2 or total == subjects:
        return float(subjects)
    mean = np.bincount(owner, weights=present) / frames
    own = float((frames**2).sum() / total)
    between = float((frames * (mean - present.mean()) ** 2).sum()) / (subjects - 1)
    within = float(((present - mean[owner]) ** 2).sum()) / (total - subjects)
    usual = (total - own) / (subjects - 1)
    spread = between + (usual - 1) * within
    correlation = min(max((between - within) / spread, 0.0), 1.0) if spread > 0 else 0.0
    return total / (1 + (own - 1) * correlation)
