"""Which form of map calibrates frames of other subjects best, and each fold by the others."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.errors import NerveCegError
from nerveceg.probability.fitting import (
    LEAST_SUBJECTS,
    Float,
    fit_map,
    require_both_classes,
    require_finite,
    too_few,
)
from nerveceg.probability.maps import FORMS, PresenceMap, require_form


class Choice(NamedTuple):
    """The form that calibrates other subjects best, refitted on all frames."""

    map: PresenceMap
    form: str
    losses: dict[str, float]
    """mean negative log-likelihood of frames in nats, cross-fitted over subjects, by form"""


def choose_map(
    logit: Float,
    present: NDArray[np.bool_],
    subject: NDArray[Any],
    *,
    forms: Sequence[str] = tuple(FORMS),
    folds: int = 5,
    seed: int = 0,
) -> Choice:
    """The form of the lowest likelihood loss on subjects it wasn't fitted on, fitted on all.

    The lowest wins however close. The isotonic form is left out where a fit would see fewer than 30
    subjects.

    Args:
        logit: float64 [F], out-of-fold.
        present: bool [F].
        subject: [F], names.
        forms: some of `FORMS`.
        folds: of subjects, balanced by presence (scikit-learn's StratifiedGroupKFold).
        seed: of the folds.

    Raises:
        NerveCegError: as `cross_fit`, fewer subjects than folds, or no form is left.
    """
    for form in forms:
        require_form(form)
    fold = _folds_of(present, subject, folds, seed)
    fewest = min(len(np.unique(subject[fold != k])) for k in range(folds))
    tried = [f for f in FORMS if f in forms and (f != "isotonic" or fewest >= LEAST_SUBJECTS)]
    if not tried:
        raise NerveCegError(too_few(fewest))
    losses = {
        form: _loss(cross_fit(logit, present, fold, form=form, subject=subject), present)
        for form in tried
    }
    means = {form: float(loss.mean()) for form, loss in losses.items()}
    chosen = min(means, key=means.__getitem__)
    return Choice(fit_map(chosen, logit, present, subject=subject), chosen, means)


def cross_fit(
    logit: Float,
    present: NDArray[np.bool_],
    fold: NDArray[np.integer],
    *,
    form: str,
    subject: NDArray[Any] | None = None,
) -> Float:
    """Presence, float64 [F] in [0, 1], of each fold by a map fitted on the other folds.

    Args:
        logit: float64 [F], out-of-fold.
        present: bool [F].
        fold: int [F].
        form: one of `FORMS`.
        subject: [F], names; where given, each subject's frames must be in one fold.

    Raises:
        NerveCegError: there are fewer than 2 folds, a subject is in two, the frames outside a fold
            are of one class, or as `fit_map`.
    """
    require_form(form)
    require_finite(logit)
    names = np.unique(fold)
    if len(names) < 2:
        raise NerveCegError(f"{len(names)} fold to cross-fit the calibration: 2 or more are wanted")
    if subject is not None:
        _require_one_fold_each(subject, fold)
    presence = np.empty(len(logit))
    for name in names:
        inside, rest = fold == name, fold != name
        require_both_classes(present[rest], f"the frames outside fold {name}")
        owners = None if subject is None else subject[rest]
        fitted = fit_map(form, logit[rest], present[rest], subject=owners)
        presence[inside] = fitted(logit[inside])
    return presence


def _folds_of(
    present: NDArray[np.bool_], subject: NDArray[Any], folds: int, seed: int
) -> NDArray[np.int64]:
    from sklearn.model_selection import StratifiedGroupKFold

    subjects = len(np.unique(subject))
    if subjects < folds:
        raise NerveCegError(
            f"{subjects} subjects to choose a calibration over {folds} folds: as many subjects as "
            "folds are wanted, or fewer folds"
        )
    fold = np.zeros(len(present), dtype=np.int64)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(splitter.split(present, present, subject)):
        fold[held_out] = number
    return fold


def _loss(presence: Float, present: NDArray[np.bool_]) -> Float:
    right = np.where(present, presence, 1 - presence)
    return -np.log(np.maximum(right, np.finfo(np.float64).tiny))


def _require_one_fold_each(subject: NDArray[Any], fold: NDArray[np.integer]) -> None:
    for name in np.unique(subject):
        folds = np.unique(fold[subject == name])
        if len(folds) > 1:
            raise NerveCegError(
                f'subject "{name}" is in folds {folds[0]} and {folds[1]}: all frames of a subject '
                "belong in one fold of one split"
            )
