"""What training makes of contradictory labels; the frames that score it keep theirs."""

import logging
from collections.abc import Callable, Sequence
from math import exp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.conflicts.audit import Audit, find_conflicts
from nerveceg.data.frames import Frame
from nerveceg.data.presence import presence_of
from nerveceg.errors import NerveCegError

logger = logging.getLogger(__name__)

# Share of its loss that a frame keeps whose label another one contradicts.
DOUBT = 0.3
# How much a frame believes its near-duplicates, beside itself.
TRUST = 1.0
_ALIKE = 0.02


class TrainingLabels(NamedTuple):
    """The frames to train on, and what each of the F teaches."""

    frames: list[Frame]
    target: NDArray[np.float32]
    """[F] presence that the gate aims at, in [0, 1]"""
    weight: NDArray[np.float32]
    """[F] factor of the frame's loss"""


def training_labels(
    frames: Sequence[Frame], policy: str = "keep", *, progress: bool = True
) -> TrainingLabels:
    """Training frames under a policy for near-duplicates that contradict each other.

    keep: as they are. drop-empty-twin: without the frames that show no nerve and have a
    near-duplicate that does. soft-label: the gate aims at the mean presence of a frame and its
    near-duplicates, these weighed by exp((NCC - 1) / .02). weight: contradicted frames count .3.
    Every policy but keep searches these frames, and no others, for near-duplicates.

    Raises:
        NerveCegError: an unknown policy, or `find_conflicts` refuses the frames.
        DataError: a truth is unknown, or a file can't be read.
    """
    if policy not in POLICIES:
        raise NerveCegError(f"data.conflicts={policy}: any of {', '.join(POLICIES)}")
    present = presence_of(frames).astype(np.float32)
    labels = TrainingLabels(list(frames), present, np.ones_like(present))
    treat = POLICIES[policy]
    if treat is None:
        return labels
    audit = find_conflicts(frames, progress=progress)
    treated = treat(labels, audit)
    logger.info(
        "data.conflicts=%s: %d of %d near-duplicate pairs of training frames contradict each "
        "other; %d of %d frames dropped, %d targets and %d weights changed",
        *(policy, len(audit.contradictions), len(audit.pairs)),
        *(len(frames) - len(treated.frames), len(frames)),
        *(np.count_nonzero(treated.target % 1), np.count_nonzero(treated.weight != 1)),
    )
    return treated


def _drop_empty_twins(labels: TrainingLabels, audit: Audit) -> TrainingLabels:
    present = _by_id(labels, labels.target)
    twins = {
        name
        for pair in audit.pairs
        if pair.kind == "presence"
        for name in (pair.first, pair.second)
        if not present[name]
    }
    kept = [place for place, frame in enumerate(labels.frames) if frame.id not in twins]
    return TrainingLabels(
        [labels.frames[place] for place in kept], labels.target[kept], labels.weight[kept]
    )


def _soften(labels: TrainingLabels, audit: Audit) -> TrainingLabels:
    present = _by_id(labels, labels.target)
    said, heard = dict(present), dict.fromkeys(present, 1.0)
    for pair in audit.pairs:
        share = TRUST * exp((pair.ncc - 1) / _ALIKE)
        for name, twin in ((pair.first, pair.second), (pair.second, pair.first)):
            said[name] += share * present[twin]
            heard[name] += share
    target = [said[frame.id] / heard[frame.id] for frame in labels.frames]
    return labels._replace(target=np.array(target, dtype=np.float32))


def _doubt(labels: TrainingLabels, audit: Audit) -> TrainingLabels:
    contradicted = audit.contradicted
    weight = [DOUBT if frame.id in contradicted else 1.0 for frame in labels.frames]
    return labels._replace(weight=np.array(weight, dtype=np.float32))


def _by_id(labels: TrainingLabels, values: NDArray[np.float32]) -> dict[str, float]:
    return dict(zip((frame.id for frame in labels.frames), values.tolist(), strict=True))


Treatment = Callable[[TrainingLabels, Audit], TrainingLabels]
POLICIES: dict[str, Treatment | None] = {
    "keep": None,
    "drop-empty-twin": _drop_empty_twins,
    "soft-label": _soften,
    "weight": _doubt,
}
