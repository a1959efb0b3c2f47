"""Frames to train, validation and test sides that share no subject, balanced by presence."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.data.few import keep_subjects
from nerveceg.data.frames import Frame, natural_key
from nerveceg.data.presence import presence_of
from nerveceg.errors import NerveCegError

logger = logging.getLogger(__name__)

HOLD_OUTS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    # subjects to learn from, subjects to test on
    "nerveceg-36-47": (frozenset(map(str, range(1, 36))), frozenset(map(str, range(36, 48)))),
}
SPLITS = ("subject", *HOLD_OUTS, "random-frames")

Sides = tuple[list[Frame], list[Frame]]
_Places = NDArray[np.int64]


class Split(NamedTuple):
    """Frames to learn from, to choose checkpoints by, and to test on."""

    train: list[Frame]
    validation: list[Frame]
    test: list[Frame]


def split_by_subject(frames: Sequence[Frame], *, fold: int, folds: int = 5, seed: int = 0) -> Sides:
    """Frames to learn from and held-out frames; no subject on both sides, presence balanced.

    The same for any order of `frames`; each frame is held out in exactly one of the `folds` folds
    (scikit-learn's StratifiedGroupKFold). Sides come in natural order of the ids.

    Raises:
        NerveCegError: there is no such fold, there are fewer subjects than folds, a frame has no
            subject, or one side would have only frames with, or only frames without the nerve.
        DataError: the truth of a frame is unknown or can't be read.
    """
    _require_fold(fold, folds)
    train, held_out = _subject_folds(_in_order(frames), folds, seed)[fold]
    _require_both_classes({"train": train, "held_out": held_out}, f"fold {fold} of {folds}")
    check_leak(Split(train, [], held_out))
    return train, held_out


def split_frames(
    frames: Sequence[Frame],
    *,
    by: str = "subject",
    fold: int = 0,
    folds: int = 5,
    validation_share: float = 0.2,
    seed: int = 0,
    train_subjects: int | None = None,
    subjects_seed: int = 0,
) -> Split:
    """Train, validation and test frames; validation is there to choose checkpoints by.

    `by` is "subject" (test is `fold` of `folds`), a named hold-out of `HOLD_OUTS`, or
    "random-frames", which ignores subjects to show how much that flatters. Validation is a fold of
    the rest, grouped like the test side, of about `validation_share` of it.
    `train_subjects` keeps that many of the training subjects (`nerveceg.data.few.keep_subjects`),
    chosen by `subjects_seed`; validation and test stay as they are.

    Raises:
        NerveCegError: as `split_by_subject`, or an unknown `by`, a share outside (0, 0.5], a
            subject that the named hold-out doesn't place, or fewer training subjects than wanted.
        DataError: the truth of a frame is unknown or can't be read.
    """
    if not 0 < validation_share <= 0.5:
        raise NerveCegError(
            f"validation_share is {validation_share}: more than 0, at most 0.5 is wanted"
        )
    if by == "random-frames":
        if train_subjects is not None:
            raise NerveCegError(
                f"train_subjects is {train_subjects} beside random-frames, which ignores subjects: "
                "split by subject, or take train_subjects=null"
            )
        return _random_split(frames, fold, folds, validation_share, seed)
    if by == "subject":
        rest, test = split_by_subject(frames, fold=fold, folds=folds, seed=seed)
    elif by in HOLD_OUTS:
        rest, test = _hold_out(_in_order(frames), by, fold)
    else:
        raise NerveCegError(f'split "{by}" is unknown: {", ".join(SPLITS)} are known')
    inner = min(round(1 / validation_share), len({frame.subject for frame in rest}))
    train, validation = _first_sound(_subject_folds(rest, max(inner, 2), seed))
    if train_subjects is not None:
        train = keep_subjects(train, train_subjects, seed=subjects_seed)
    split = Split(train, validation, test)
    _require_both_classes({"train": train, "validation": validation}, f'split "{by}"')
    check_leak(split)
    return split


def check_leak(split: Split) -> None:
    """Stop where a subject's frames are on two sides.

    Raises:
        NerveCegError: names the subject and the sides.
    """
    subjects = {side: {frame.subject for frame in part} for side, part in split._asdict().items()}
    for one, other in combinations(subjects, 2):
        for subject in sorted(subjects[one] & subjects[other], key=natural_key):
            raise NerveCegError(
                f'subject "{subject}" is on two sides, {one} and {other}: all frames of a subject '
                "belong on one"
            )


def _random_split(
    frames: Sequence[Frame], fold: int, folds: int, validation_share: float, seed: int
) -> Split:
    logger.warning("random-frames: subjects are on both sides of this split, its score flatters")
    _require_fold(fold, folds)
    rest, test = _frame_folds(_in_order(frames), folds, seed)[fold]
    train, validation = _first_sound(_frame_folds(rest, round(1 / validation_share), seed))
    return Split(train, validation, test)


def _hold_out(frames: list[Frame], name: str, fold: int) -> Sides:
    if fold != 0:
        raise NerveCegError(f'split "{name}" is one split: fold is {fold}, 0 is wanted')
    learn, test = HOLD_OUTS[name]
    stray = [frame for frame in frames if frame.subject not in learn | test]
    if stray:
        raise NerveCegError(
            f'split "{name}" doesn\'t place subject "{stray[0].subject}" of {stray[0].image}: '
            "it is made for Kaggle's subjects 1 to 47; by subject any data set can be split"
        )
    rest = [frame for frame in frames if frame.subject in learn]
    held_out = [frame for frame in frames if frame.subject in test]
    _require_both_classes({"train": rest, "test": held_out}, f'split "{name}"')
    return rest, held_out


def _subject_folds(frames: list[Frame], folds: int, seed: int) -> list[Sides]:
    from sklearn.model_selection import StratifiedGroupKFold

    subjects = [_subject_of(frame) for frame in frames]
    count = len(set(subjects))
    if count < folds:
        raise NerveCegError(
            f"{count} {'subject' if count == 1 else 'subjects'} for {folds} folds: as many "
            "subjects as folds are wanted, or fewer folds"
        )
    present = _presence_for(frames, folds)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return _sides(frames, splitter.split(present, present, subjects))


def _frame_folds(frames: list[Frame], folds: int, seed: int) -> list[Sides]:
    from sklearn.model_selection import StratifiedKFold

    present = _presence_for(frames, folds)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return _sides(frames, splitter.split(present, present))


def _presence_for(frames: list[Frame], folds: int) -> NDArray[np.bool_]:
    present = presence_of(frames)
    for count, state in ((present.sum(), "show the nerve"), ((~present).sum(), "show no nerve")):
        if count < folds:
            raise NerveCegError(
                f"{count} of {len(frames)} frames {state}: {folds} folds want one each at least"
            )
    return present


def _sides(frames: list[Frame], places: Iterable[tuple[_Places, _Places]]) -> list[Sides]:
    return [([frames[i] for i in train], [frames[i] for i in held]) for train, held in places]


def _first_sound(folds: list[Sides]) -> Sides:
    """The first fold with both classes on both sides; the first where there is none."""
    sound = (sides for sides in folds if all(map(_has_both_classes, sides)))
    return next(sound, folds[0])


def _has_both_classes(frames: list[Frame]) -> bool:
    present = presence_of(frames)
    return bool(present.any() and not present.all())


def _subject_of(frame: Frame) -> str:
    if not frame.subject:
        raise NerveCegError(
            f"{frame.image} has no subject: give data.subject_pattern, a column subject in "
            "data.table, or a sub-folder a subject"
        )
    return frame.subject


def _require_fold(fold: int, folds: int) -> None:
    if folds < 2:
        raise NerveCegError(f"folds is {folds}: 2 or more are wanted")
    if not 0 <= fold < folds:
        raise NerveCegError(f"fold is {fold}: 0 to {folds - 1} are wanted")


def _require_both_classes(sides: Mapping[str, list[Frame]], name: str) -> None:
    for side, frames in sides.items():
        if not _has_both_classes(frames):
            missing = "show no nerve" if presence_of(frames).any() else "show the nerve"
            raise NerveCegError(
                f"{name} has no frames that {missing} in {side}: fewer folds, another seed or more "
                "subjects are wanted"
            )


def _in_order(frames: Sequence[Frame]) -> list[Frame]:
    return sorted(frames, key=lambda frame: (natural_key(frame.id), str(frame.image)))
