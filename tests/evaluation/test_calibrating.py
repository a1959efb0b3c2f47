from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from nerveceg.calibration import Calibration
from nerveceg.decision import Rule
from nerveceg.errors import NerveCegError
from nerveceg.evaluation.calibrating import Recipe, calibrate, presence_logit
from nerveceg.evaluation.out_of_fold import level_logits
from nerveceg.operation import OperatingPoint
from nerveceg.probability.fitting import LEAST_SUBJECTS

PLATT = Recipe(forms=("platt",), fuse=False)
FUSED = Recipe(forms=("platt",))


@pytest.fixture(scope="module")
def law(make_law):
    """Presence that is too sure by two and off by one half; pixels too sure by 1.6."""
    return make_law(slope=0.5, intercept=-0.5, pixel=0.625)


def of_fold(law, fold: int):
    return law.predictions.fold == fold


def with_truth(predictions, fold: int, change):
    """The predictions with the truth maps of one fold changed, bool [h, w] to bool [h, w]."""
    truths, areas = [], predictions.truth_area.copy()
    for place, (_, truth) in enumerate(predictions.maps()):
        if predictions.fold[place] == fold:
            truth = change(truth)
            areas[place] = 4 * truth.sum()
        truths.append(truth.ravel())
    return replace(predictions, truth=np.packbits(np.concatenate(truths)), truth_area=areas)


def test_the_fit_of_presence_recovers_the_law(law):
    fitted = calibrate(law.predictions, PLATT)
    for calibration in (fitted.whole, *fitted.by_fold.values()):
        assert calibration.presence.slope == pytest.approx(0.5, abs=0.06)
        assert calibration.presence.intercept == pytest.approx(-0.5, abs=0.12)
    said = fitted.whole.presence(torch.from_numpy(presence_logit(law.predictions))).numpy()
    assert said == pytest.approx(law.presence, abs=0.06)


def test_the_fit_of_pixels_recovers_the_law(law):
    for calibration in calibrate(law.predictions, PLATT).by_fold.values():
        assert calibration.pixel.slope == pytest.approx(0.625, abs=0.02)
        assert calibration.pixel.intercept == pytest.approx(0.0, abs=0.02)


def test_the_fit_of_pixels_is_logistic_regression_on_the_pixels_of_nerve_frames(make_law):
    predictions = make_law(12, frames=3, pixel=0.7, seed=1).predictions
    pairs = [
        pair for pair, nerve in zip(predictions.maps(), predictions.present, strict=True) if nerve
    ]
    levels, truth = (
        np.concatenate([part.ravel() for part in parts]) for parts in zip(*pairs, strict=True)
    )
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        level_logits().numpy()[levels][:, None].astype(np.float64), truth
    )
    fitted = calibrate(predictions, PLATT).whole.pixel
    assert fitted.slope == pytest.approx(oracle.coef_[0, 0], rel=1e-2)
    assert fitted.intercept == pytest.approx(oracle.intercept_[0], abs=0.02)


def test_corrected_dice_is_what_the_best_masks_get(law):
    """The best mask of true probabilities, cut by sorting, against the truth."""
    correction = calibrate(law.predictions, PLATT).whole.contour
    pairs = []
    for place, (_, truth) in enumerate(law.predictions.maps()):
        if law.predictions.present[place]:
            p = law.probability[place].ravel()
            order = np.argsort(-p)
            scores = 2 * p[order].cumsum() / (np.arange(1, p.size + 1) + p.sum())
            mask = order[: scores.argmax() + 1]
            hits = truth.ravel()[mask].sum()
            pairs.append((scores.max(), 2 * hits / (mask.size + truth.sum())))
    expected, realised = np.array(pairs).T
    slope, intercept = np.polyfit(expected, realised, 1)
    line = correction.slope * expected + correction.intercept
    assert line == pytest.approx(slope * expected + intercept, abs=0.01)
    assert line.mean() == pytest.approx(realised.mean(), abs=0.005)


@pytest.mark.parametrize("recipe", [PLATT, FUSED], ids=["gate", "fused"])
@pytest.mark.parametrize(
    "change",
    [np.logical_not, np.zeros_like, lambda t: np.roll(t, 9, axis=1)],
    ids=["flipped", "emptied", "moved"],
)
def test_no_label_of_a_fold_touches_its_own_calibration(make_law, recipe, change):
    predictions = make_law(18, frames=4, seed=2).predictions
    before = calibrate(predictions, recipe)
    after = calibrate(with_truth(predictions, 0, change), recipe)
    assert after.by_fold[0] == before.by_fold[0]
    for fold in (1, 2):
        assert after.by_fold[fold].pixel != before.by_fold[fold].pixel
    assert after.whole != before.whole


def test_prevalence_and_misses_are_those_of_the_frames_that_were_fitted_on(law):
    fitted = calibrate(law.predictions, PLATT)
    present, subjects = law.predictions.present, law.predictions.subjects
    assert fitted.whole.prevalence == present.mean()
    assert fitted.whole.misses.subjects == len(np.unique(subjects[present]))
    for fold, calibration in fitted.by_fold.items():
        rest = ~of_fold(law, fold)
        assert calibration.prevalence == present[rest].mean()
        assert calibration.misses.subjects == len(np.unique(subjects[rest & present]))
        threshold = calibration.misses.threshold(0.1)
        said = calibration.presence(torch.from_numpy(law.predictions.logits[:, 0])).numpy()
        missed = [
            np.mean(said[(subjects == name) & present] < threshold)
            for name in np.unique(subjects[rest & present])
        ]
        assert np.sum(missed) + 1 <= 0.1 * (len(missed) + 1) + 1e-6


@pytest.mark.slow
def test_masks_that_tell_of_presence_are_listened_to(make_law):
    law = make_law(telling=True, seed=3)
    predictions, present = law.predictions, law.predictions.present
    fitted = calibrate(predictions, FUSED)
    assert fitted.losses["fused platt"] < fitted.losses["gate platt"] - 0.05
    fused, gate = np.empty(len(predictions)), np.empty(len(predictions))
    for fold, calibration in fitted.by_fold.items():
        point = OperatingPoint(calibration=calibration, rule=Rule(presence=None, mask=None))
        for place in np.flatnonzero(of_fold(law, fold)):
            logits = torch.from_numpy(predictions.logits[place])[None, :, None]
            gate[place] = point.presence(logits).value.item()
    for place, (levels, _) in enumerate(predictions.maps()):
        calibration = fitted.by_fold[int(predictions.fold[place])]
        point = OperatingPoint(calibration=calibration, rule=Rule(presence=None, mask=None))
        maps = level_logits()[torch.from_numpy(levels).long()][None, None, None]
        presence = torch.tensor(gate[place : place + 1], dtype=torch.float32)
        fused[place] = point.decide(presence, point.probability(maps)).fused.item()
    assert log_loss(present, fused) < log_loss(present, gate) - 0.05
    line = LogisticRegression(C=np.inf).fit(logit(fused.clip(1e-6, 1 - 1e-6))[:, None], present)
    assert line.coef_[0, 0] == pytest.approx(1, abs=0.15)
    assert line.intercept_[0] == pytest.approx(0, abs=0.15)


def test_masks_that_tell_nothing_hardly_move_presence(law):
    fusion = calibrate(law.predictions, FUSED).whole.fusion
    presence = torch.linspace(0.05, 0.95, 10)
    for dice in (0.5, 0.7, 0.9):
        fused = fusion(presence, torch.full_like(presence, dice))
        assert fused.numpy() == pytest.approx(presence.numpy(), abs=0.12)


def test_presence_of_several_views_is_their_mean_probability(make_law):
    predictions = make_law(12, frames=2).predictions
    views = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)
    mean = presence_logit(replace(predictions, logits=views))
    assert expit(mean) == pytest.approx(expit(views.astype(np.float64)).mean(1), abs=1e-12)


def test_networks_without_a_gate_are_left_as_they_are(law):
    logits = np.full_like(law.predictions.logits, np.inf)
    fitted = calibrate(replace(law.predictions, logits=logits))
    assert fitted.whole == Calibration()
    assert fitted.by_fold == dict.fromkeys(range(3), Calibration())
    assert fitted.losses == {}


@pytest.mark.parametrize("broken", [np.inf, -np.inf, np.nan])
def test_one_logit_that_is_no_number_is_refused(law, broken):
    logits = law.predictions.logits.copy()
    logits[7] = broken
    with pytest.raises(NerveCegError, match="logit 7 of 600") as caught:
        calibrate(replace(law.predictions, logits=logits))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("recipe", [PLATT, FUSED, Recipe()])
def test_a_fold_whose_rest_has_one_class_is_refused_in_one_line(make_law, recipe):
    predictions = make_law(20, frames=3, folds=2).predictions
    emptied = with_truth(predictions, 0, np.zeros_like)
    with pytest.raises(NerveCegError, match="one class") as caught:
        calibrate(emptied, recipe)
    assert "\n" not in str(caught.value)


def test_few_subjects_outside_a_fold_leave_the_isotonic_form_out(make_law):
    """38 subjects are enough to choose it over five parts, the 19 outside a fold to fit aren't."""
    predictions = make_law(LEAST_SUBJECTS + 8, frames=4, folds=2).predictions
    assert "gate isotonic" not in calibrate(predictions, Recipe(fuse=False)).losses
    with pytest.raises(NerveCegError, match="isotonic calibration on 19 subjects"):
        calibrate(predictions, Recipe(forms=("isotonic",), fuse=False))


def test_a_recipe_names_known_forms():
    with pytest.raises(NerveCegError, match="sigmoid"):
        Recipe(forms=("platt", "sigmoid"))
    with pytest.raises(NerveCegError, match=r"calibration\.forms is empty"):
        Recipe(forms=())
    assert Recipe(forms=["beta"]) == Recipe(forms=("beta",))
