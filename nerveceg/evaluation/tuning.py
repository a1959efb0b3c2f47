"""The rule chosen on a tally, and what choosing is worth on subjects that had no say in it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nerveceg.decision import Rule
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.bootstrap import (
    RESAMPLES,
    Estimate,
    draw_subjects,
    estimate,
    mean_of_resamples,
)
from nerveceg.evaluation.counts import Counts, dice
from nerveceg.evaluation.tally import OUT_OF_FOLD, Tally

Float = NDArray[np.float64]

JOINT = Rule(presence=None, mask=None)
RULES: tuple[Rule, ...] = (
    JOINT,
    *(Rule(presence=presence, mask=None) for presence in (0.5, 0.55, 0.6, 0.65, 0.7)),
    *(
        Rule(presence=presence, mask=mask, area=area)
        for presence in (0.4, 0.5, 0.55, 0.6, 0.65, 0.7)
        for mask in (0.3, 0.4, 0.5)
        for area in (0, 2500)
    ),
)
"""Rules to choose from, the preferred first. Presence labels are worth some hundred independent
ones however many frames there are, so that a finer grid would fit noise."""


class Line(NamedTuple):
    """A way to choose masks and what it scores."""

    name: str
    dice: Estimate
    regret: Estimate
    """of the best rule in hindsight less this one, paired by frame"""


class Tuning(NamedTuple):
    """The rule chosen on all frames, and how such a choice scores on others."""

    rule: Rule
    lines: tuple[Line, ...]
    """tuned (each subject's frames by a rule chosen without them), joint, gate at .5, oracles"""
    chosen: tuple[Rule, ...]
    """the rule that each outer fold chose"""


def tune_rule(tally: Tally, *, rules: Sequence[Rule] = RULES) -> Rule:
    """The rule of the highest mean Dice on a tally of out-of-fold predictions.

    An earlier rule of `rules` stays unless a later one is better by more than two standard errors
    of their paired difference over subjects: among many rules one always looks better by one.

    Raises:
        NerveCegError: the tally is of held-out frames: they are for the score alone; or a rule
            asks for what the tally doesn't keep.
    """
    _require_out_of_fold(tally)
    rules = _as_counted(tally, rules)
    return rules[_choose(_scores(tally, rules), _subjects(tally))]


def judge_tuning(
    tally: Tally,
    *,
    rules: Sequence[Rule] = RULES,
    folds: int = 5,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Tuning:
    """Choose a rule, and score choosing by a second level of cross-validation over subjects.

    Raises:
        NerveCegError: as `tune_rule`, or there are fewer subjects than folds.
    """
    rules = _as_counted(tally, rules)
    rule, scores, subject = tune_rule(tally, rules=rules), _scores(tally, rules), _subjects(tally)
    places = _choose_by_fold(scores, tally.truth_area > 0, subject, folds, seed)
    tuned = np.take_along_axis(scores, places[None], axis=0)[0]
    hindsight = scores[int(scores.mean(axis=1).argmax())]
    draws = draw_subjects(subject.max() + 1, seed=seed, resamples=resamples)
    named = {
        "tuned on other subjects": tuned,
        "joint rule": tally.score(None, None),
        "gate at .5, mask at .5": tally.score(0.5, 0.5, cleaned=True),
        "best rule in hindsight": hindsight,
        "oracle gate, best mask": _oracle_gate(tally),
        "all empty": (tally.truth_area == 0).astype(np.float64),
    }
    lines = [
        Line(name, _mean(column, subject, draws), _mean(hindsight - column, subject, draws))
        for name, column in named.items()
    ]
    chosen = tuple(rules[place] for place in dict.fromkeys(places.tolist()))
    return Tuning(rule, tuple(lines), chosen)


def tuned_dice(tally: Tally, rules: Sequence[Rule], *, folds: int = 5, seed: int = 0) -> Float:
    """Dice of each frame, float64 [F], by the rule chosen on the subjects of other folds."""
    _require_out_of_fold(tally)
    scores = _scores(tally, _as_counted(tally, rules))
    places = _choose_by_fold(scores, tally.truth_area > 0, _subjects(tally), folds, seed)
    return np.asarray(np.take_along_axis(scores, places[None], axis=0)[0])


def _as_counted(tally: Tally, rules: Sequence[Rule]) -> list[Rule]:
    """The rules with the blur of the tally's masks, where they cut a map at a number."""
    blur = int(tally.blur)
    for rule in rules:
        if rule.blur not in (0, blur):
            raise NerveCegError(
                f"the tally was counted with rule.blur={blur}, not {rule.blur}: evaluate with it"
            )
        if rule.mixture_area is not None:
            raise NerveCegError(
                f"rule.mixture_area={rule.mixture_area}: rules are tuned without a mixture, null "
                "is wanted"
            )
    return [rule if rule.mask is None else replace(rule, blur=blur) for rule in rules]


def _scores(tally: Tally, rules: Sequence[Rule]) -> Float:
    """Dice of each rule and frame, float64 [R, F]."""
    return np.stack(
        [
            tally.score(
                rule.presence, rule.mask, cleaned=rule.mask is not None, minimum_area=rule.area
            )
            for rule in rules
        ]
    )


def _subjects(tally: Tally) -> NDArray[np.intp]:
    return np.unique(tally.subjects, return_inverse=True)[1]


def _choose(scores: Float, subject: NDArray[np.intp]) -> int:
    """The first rule that the best one doesn't beat by two standard errors; scores: [R, F]."""
    best = int(scores.mean(axis=1).argmax())
    for place in range(best):
        gain = np.bincount(subject, weights=scores[best] - scores[place])
        error = np.sqrt(((gain - gain.mean()) ** 2).sum()) / scores.shape[1]
        if gain.sum() / scores.shape[1] <= 2 * error:
            return place
    return best


def _choose_by_fold(
    scores: Float,
    present: NDArray[np.bool_],
    subject: NDArray[np.intp],
    folds: int,
    seed: int,
) -> NDArray[np.intp]:
    """For each frame the rule chosen on the subjects of other folds, int [F]."""
    from sklearn.model_selection import StratifiedGroupKFold

    subjects = int(subject.max()) + 1
    if subjects < folds:
        raise NerveCegError(f"{subjects} subjects for {folds} folds of tuning: more are wanted")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    places = np.zeros(len(subject), dtype=np.intp)
    for rest, held_out in splitter.split(present, present, subject):
        known = np.unique(subject[rest], return_inverse=True)[1]
        places[held_out] = _choose(scores[:, rest], known)
    return places


def _oracle_gate(tally: Tally) -> Float:
    nerve, counts = tally.truth_area > 0, tally.counts(None)
    kept = Counts(*(np.where(nerve, column, 0) for column in counts))
    return dice(kept, tally.truth_area)


def _mean(column: Float, subject: NDArray[np.intp], draws: NDArray[np.int64]) -> Estimate:
    resampled = mean_of_resamples(column, subject, draws)
    return estimate(float(column.mean()), resampled, draws.shape[1])


def _require_out_of_fold(tally: Tally) -> None:
    if str(tally.origin) != OUT_OF_FOLD:
        raise NerveCegError(
            f"this tally is of frames {tally.origin}: a rule is tuned on out-of-fold predictions "
            "alone; train every fold and run python tools/evaluate.py on their common folder"
        )
