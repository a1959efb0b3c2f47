import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold

from nerveceg.errors import NerveCegError
from nerveceg.probability.choice import choose_map, cross_fit
from nerveceg.probability.fitting import fit_map

ORDER = ["temperature", "platt", "beta", "isotonic"]


def scans(truth, *, subjects=47, frames=80, offset=0.4, seed=0):
    """Logits, presence drawn by `truth` of the logit, and subjects with an offset of their own."""
    generator = np.random.default_rng(seed)
    owner = np.repeat(np.arange(subjects), frames)
    logit = 2 * generator.normal(size=len(owner)) + offset * generator.normal(size=subjects)[owner]
    return logit, generator.random(len(owner)) < truth(logit), np.array([f"s{o}" for o in owner])


def test_each_fold_is_calibrated_by_the_others_alone():
    logit, present, subject = scans(lambda x: expit(0.5 * x - 1))
    fold = np.unique(subject, return_inverse=True)[1] % 5
    presence = cross_fit(logit, present, fold, form="platt", subject=subject)
    for k in range(5):
        fitted = fit_map("platt", logit[fold != k], present[fold != k])
        expected = fitted(torch.from_numpy(logit[fold == k])).numpy()
        np.testing.assert_allclose(presence[fold == k], expected, atol=1e-12)
    flipped = np.where(fold == 3, ~present, present)
    again = cross_fit(logit, flipped, fold, form="platt", subject=subject)
    assert np.array_equal(again[fold == 3], presence[fold == 3])
    assert not np.array_equal(again[fold != 3], presence[fold != 3])


@pytest.mark.parametrize(
    ("truth", "forms"),
    [
        (lambda x: expit(0.4 * x), ("temperature", "platt")),
        (lambda x: expit(0.8 * x - 1.2), ("platt",)),
        (lambda x: expit(2.0 * -np.logaddexp(0, -x) - 0.2 * -np.logaddexp(0, x) + 1), ("beta",)),
        (lambda x: np.where(np.abs(x) < 1.5, 0.5, np.where(x < 0, 0.05, 0.7)), ("isotonic",)),
    ],
)
def test_the_form_of_the_law_is_found(truth, forms):
    logit, present, subject = scans(truth, subjects=100, frames=100)
    choice = choose_map(logit, present, subject)
    assert choice.form in forms
    assert list(choice.losses) == ORDER
    assert choice.map == fit_map(choice.form, logit, present, subject=subject)


def test_losses_are_those_of_other_subjects():
    logit, present, subject = scans(lambda x: expit(0.6 * x - 0.5))
    choice = choose_map(logit, present, subject, forms=("platt",), folds=4, seed=3)
    fold = np.zeros(len(logit), int)
    splitter = StratifiedGroupKFold(4, shuffle=True, random_state=3)
    for k, (_, held_out) in enumerate(splitter.split(logit, present, subject)):
        fold[held_out] = k
    presence = cross_fit(logit, present, fold, form="platt")
    assert choice.losses == pytest.approx({"platt": log_loss(present, presence)})


def test_the_form_of_the_lowest_loss_wins():
    for seed in range(4):
        logit, present, subject = scans(lambda x: expit(0.5 * x), seed=seed, frames=30)
        choice = choose_map(logit, present, subject)
        assert choice.form == min(choice.losses, key=choice.losses.get)
        assert choice.map == fit_map(choice.form, logit, present, subject=subject)


def test_the_same_frames_and_seed_give_the_same_choice():
    logit, present, subject = scans(lambda x: expit(0.8 * x - 1.2))
    first, again = (choose_map(logit, present, subject, seed=1) for _ in range(2))
    assert first == again


def test_isotonic_is_left_out_where_a_fit_would_see_too_few_subjects():
    logit, present, subject = scans(lambda x: expit(x), subjects=35)
    assert list(choose_map(logit, present, subject).losses) == ORDER[:3]
    with pytest.raises(NerveCegError, match="isotonic calibration on 28 subjects: 30 or more"):
        choose_map(logit, present, subject, forms=("isotonic",))


def test_what_cannot_be_cross_fitted_is_refused_in_one_line():
    logit, present, subject = scans(lambda x: expit(x), subjects=4, frames=20)
    fold = np.repeat([0, 0, 1, 2], 20)
    with pytest.raises(NerveCegError, match="^1 fold to cross-fit the calibration: 2 or more"):
        cross_fit(logit, present, np.zeros(80, int), form="platt")
    with pytest.raises(NerveCegError, match='subject "s0" is in folds 0 and 1: all frames of'):
        cross_fit(logit, present, np.arange(80) // 10 % 2, form="platt", subject=subject)
    with pytest.raises(NerveCegError, match="none of the frames outside fold 1 show the nerve"):
        cross_fit(logit, present & (fold == 1), fold, form="platt")
    with pytest.raises(NerveCegError, match="none of the frames outside fold 2 show no nerve"):
        cross_fit(logit, present | (fold != 2), fold, form="platt")
    with pytest.raises(NerveCegError, match='"spline" is unknown'):
        cross_fit(logit, present, fold, form="spline")
    logit[5] = np.nan
    with pytest.raises(NerveCegError, match="logit 5 of 80 is nan: finite logits are wanted"):
        cross_fit(logit, present, fold, form="platt")


def test_a_choice_over_more_folds_than_subjects_is_refused():
    logit, present, subject = scans(lambda x: expit(x), subjects=4, frames=20)
    with pytest.raises(NerveCegError, match="4 subjects to choose a calibration over 5 folds"):
        choose_map(logit, present, subject)
    with pytest.raises(NerveCegError, match='"spline" is unknown'):
        choose_map(logit, present, subject, forms=("platt", "spline"))
