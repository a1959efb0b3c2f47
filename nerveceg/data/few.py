"""Some of a training side's subjects, as if no more had been labelled."""

from collections.abc import Sequence

import numpy as np

from nerveceg.data.frames import Frame, natural_key
from nerveceg.data.presence import presence_of
from nerveceg.errors import NerveCegError

CANDIDATES = 6
"""Subjects in the order of chance, of which the one comes next that balances presence best."""


def keep_subjects(frames: Sequence[Frame], count: int, *, seed: int) -> list[Frame]:
    """The frames of `count` subjects, in their order; those of a smaller count are among them.

    Chance decides by the seed, but for the share of frames with nerve: it is kept near that of
    all frames. The same for any order of `frames`.

    Raises:
        NerveCegError: fewer subjects than 1, or more than there are.
        DataError: the truth of a frame is unknown or can't be read.
    """
    order = _order([str(frame.subject) for frame in frames], presence_of(frames).tolist(), seed)
    if not 1 <= count <= len(order):
        raise NerveCegError(
            f"train_subjects is {count}: 1 to {len(order)} are wanted, as many subjects as there "
            "are to train on"
        )
    kept = set(order[:count])
    return [frame for frame in frames if frame.subject in kept]


def _order(subjects: list[str], present: list[bool], seed: int) -> list[str]:
    """Every subject once, so that the first few show the nerve about as often as all."""
    names = sorted(set(subjects), key=natural_key)
    shown = dict.fromkeys(names, 0)
    frames = dict.fromkeys(names, 0)
    for subject, present_there in zip(subjects, present, strict=True):
        shown[subject] += present_there
        frames[subject] += 1
    waiting = [names[place] for place in np.random.default_rng(seed).permutation(len(names))]
    wanted, order = sum(present) / len(present), list[str]()
    lead = 0.0  # frames with nerve among the chosen, above what their share would be
    while waiting:
        changes = {each: shown[each] - wanted * frames[each] for each in waiting[:CANDIDATES]}
        chosen = min(changes, key=lambda each: abs(lead + changes[each]))
        lead += changes[chosen]
        waiting.remove(chosen)
        order.append(chosen)
    return order
