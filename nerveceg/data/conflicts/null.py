"""How alike frames of different people are by chance: what a near-duplicate has to beat."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from nerveceg.data.conflicts.alignment import align, likeness
from nerveceg.data.conflicts.thumbnails import read_copies
from nerveceg.data.frames import Frame
from nerveceg.errors import NerveCegError

QUANTILE = 0.999
# Ten decibels: a near-duplicate differs by a tenth of what the most alike strangers differ by.
MARGIN = 10.0
_MOST_FRAMES = 300


class Null(NamedTuple):
    """What pairs of frames of different subjects say about chance."""

    pairs: int
    """how many were compared"""
    strangers: float
    """NCC that 999 of 1,000 of them stay below after alignment"""
    floor: float
    """NCC that 99 of 100 stay below without alignment; less isn't worth aligning"""
    threshold: float
    """NCC from which a pair counts as near-duplicate"""


def measure_null(frames: Sequence[Frame]) -> Null:
    """Compare frames of different subjects; always the same frames, spread over all subjects.

    1 - NCC is half the mean squared difference of two standardised frames. Two views of one neck
    share its anatomy and are more alike than strangers without being duplicates, so the threshold
    asks for more than the strangers' quantile: `MARGIN` times less difference than it leaves.

    Raises:
        NerveCegError: all frames are of one subject, or a subject is unknown.
        DataError: an image can't be read.
    """
    chosen = _spread(frames)
    subjects = np.array([frame.subject for frame in chosen])
    first, second = np.nonzero(np.triu(subjects[:, None] != subjects))
    copies = read_copies(frame.image for frame in chosen)
    aligned = align(copies, first, second)
    strangers = float(np.quantile(aligned.ncc, QUANTILE))
    return Null(
        pairs=len(first),
        strangers=strangers,
        floor=float(np.quantile(likeness(copies)[first, second], 0.99)),
        threshold=1 - (1 - strangers) / MARGIN,
    )


def _spread(frames: Sequence[Frame]) -> list[Frame]:
    """At most `_MOST_FRAMES` frames: of as many subjects as there are, as many of each."""
    ordered = sorted(frames, key=lambda frame: (frame.subject, frame.id))
    people = [list(group) for _, group in groupby(ordered, key=lambda frame: frame.subject)]
    unknown = next((frame for frame in ordered if not frame.subject), None)
    if unknown is not None:
        raise NerveCegError(
            f"{unknown.image} has no subject: near-duplicates are told from chance by comparing "
            "people; give data.subject_pattern, or a column subject in data.table"
        )
    if len(people) < 2:
        raise NerveCegError(
            f'all {len(frames)} frames are of subject "{ordered[0].subject}": near-duplicates are '
            "told from chance by comparing people; frames of two or more are wanted"
        )
    people = _evenly(people, _MOST_FRAMES)
    return [frame for own in people for frame in _evenly(own, _MOST_FRAMES // len(people))]


def _evenly(things: list[Any], most: int) -> list[Any]:
    count = min(len(things), most)
    return [things[place * len(things) // count] for place in range(count)]
