import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit, log_expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from nerveceg.errors import NerveCegError
from nerveceg.probability.effective import effective_frames
from nerveceg.probability.fitting import fit_map
from nerveceg.probability.maps import FORMS, Isotonic, Temperature

SMOOTH = ("temperature", "platt", "beta")


def scans(frames=3000, *, subjects=40, seed=0, slope=0.6, intercept=-0.5):
    """Logits whose honest form is Platt's, of subjects with an offset of their own."""
    generator = np.random.default_rng(seed)
    owner = np.arange(frames) % subjects
    logit = 2 * generator.normal(size=frames) + generator.normal(size=subjects)[owner]
    present = generator.random(frames) < expit(slope * logit + intercept)
    return logit, present, np.array([f"s{o}" for o in owner])


def smoothed(present, weight):
    positive, negative = weight[present].sum(), weight[~present].sum()
    return np.where(present, (positive + 1) / (positive + 2), 1 / (negative + 2))


def loss(numbers, form, logit, target, weight):
    """The weighted likelihood loss of a form, written out."""
    if form == "beta":
        a, b, c = numbers
        line = a * log_expit(logit) - b * log_expit(-logit) + c
    else:
        slope, intercept = (*numbers, 0.0)[:2]
        line = slope * logit + intercept
    return -np.sum(weight * (target * log_expit(line) + (1 - target) * log_expit(-line)))


@pytest.mark.parametrize("weighted", [False, True])
def test_platt_is_logistic_regression_on_smoothed_targets(weighted):
    logit, present, _ = scans()
    weight = np.random.default_rng(1).random(3000) * 50 if weighted else np.ones(3000)
    target = smoothed(present, weight)
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        np.tile(logit, 2)[:, None],
        np.repeat([1, 0], 3000),
        sample_weight=np.concatenate([weight * target, weight * (1 - target)]),
    )
    fitted = fit_map("platt", logit, present, weight=weight if weighted else None)
    assert fitted.slope == pytest.approx(oracle.coef_[0, 0], rel=1e-5)
    assert fitted.intercept == pytest.approx(oracle.intercept_[0], rel=1e-5)


@pytest.mark.parametrize("form", SMOOTH)
@pytest.mark.parametrize("slope", [0.6, -0.3, 3.0])
def test_no_other_numbers_of_a_form_are_more_likely(form, slope):
    logit, present, _ = scans(500, slope=slope)
    target, weight = smoothed(present, np.ones(500)), np.ones(500)
    values = fit_map(form, logit, present).to_dict()
    values.pop("form")
    ours = np.array(list(values.values()))
    free = len(ours) - {"temperature": 1, "platt": 1, "beta": 2}[form]
    oracle = minimize(
        loss,
        np.full(len(ours), 0.5),
        args=(form, logit, target, weight),
        bounds=[(0, None)] * (len(ours) - free) + [(None, None)] * free,
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-10, "maxiter": 4000, "maxfev": 4000},
    )
    assert loss(ours, form, logit, target, weight) <= oracle.fun + 1e-6


def test_known_numbers_come_back():
    logit, present, _ = scans(200_000)
    platt = fit_map("platt", logit, present)
    assert (platt.slope, platt.intercept) == pytest.approx((0.6, -0.5), abs=0.02)
    beta = fit_map("beta", logit, present)
    assert (beta.a, beta.b, beta.c) == pytest.approx((0.6, 0.6, -0.5), abs=0.06)
    even = np.random.default_rng(5).random(200_000) < expit(0.6 * logit)
    assert fit_map("temperature", logit, even).slope == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize("form", SMOOTH)
def test_weights_are_repeated_entries(form):
    logit, present, _ = scans(300)
    times = np.random.default_rng(2).integers(0, 5, size=300)
    weighted = fit_map(form, logit, present, weight=times.astype(np.float64))
    repeated = fit_map(form, np.repeat(logit, times), np.repeat(present, times))
    line = torch.linspace(-6, 6, 100, dtype=torch.float64)
    torch.testing.assert_close(weighted(line), repeated(line), atol=1e-6, rtol=0)


@pytest.mark.parametrize("form", SMOOTH)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_frames_that_a_threshold_parts_keep_finite_numbers(form, scale):
    logit = scale * np.concatenate([np.linspace(-3, -1, 20), np.linspace(1, 3, 20)])
    fitted = fit_map(form, logit, logit > 0)
    presence = fitted(torch.from_numpy(logit)).numpy()
    assert 0.001 < presence.min() < 0.1 < 0.9 < presence.max() < 0.999


@pytest.mark.parametrize("form", SMOOTH)
def test_a_gate_that_is_always_wrong_gets_a_flat_map(form):
    logit, present, _ = scans(slope=-1.0)
    presence = fit_map(form, logit, present)(torch.from_numpy(logit))
    assert float(presence.max() - presence.min()) < 1e-6


@pytest.mark.parametrize("form", SMOOTH)
def test_logits_that_are_all_equal_give_the_prevalence_or_one_half(form):
    present = np.arange(400) < 100
    presence = float(fit_map(form, np.full(400, -2.0), present)(torch.tensor(-2.0)))
    assert presence == pytest.approx(0.25, abs=0.005)
    nothing = float(fit_map(form, np.zeros(400), present)(torch.tensor(0.0)))
    assert nothing == pytest.approx(0.5 if form == "temperature" else 0.25, abs=0.005)


def test_isotonic_is_scikit_learns_kept_off_0_and_1():
    logit, present, subject = scans(subjects=47, slope=2.0)
    fitted = fit_map("isotonic", logit, present, subject=subject)
    margin = 1 / effective_frames(present, subject)
    oracle = IsotonicRegression(y_min=margin, y_max=1 - margin, out_of_bounds="clip")
    oracle.fit(logit, present)
    line = np.linspace(-12, 12, 501)
    ours = fitted(torch.from_numpy(line)).numpy()
    np.testing.assert_allclose(ours, oracle.predict(line), atol=1e-4)
    assert ours.min() == pytest.approx(margin)
    assert ours.max() == pytest.approx(1 - margin)


def test_isotonic_heeds_weights():
    logit, present, subject = scans()
    weight = np.random.default_rng(3).random(3000)
    fitted = fit_map("isotonic", logit, present, subject=subject, weight=weight)
    oracle = IsotonicRegression(out_of_bounds="clip").fit(logit, present, sample_weight=weight)
    line = np.linspace(-3, 3, 100)
    ours = fitted(torch.from_numpy(line)).numpy()
    np.testing.assert_allclose(ours, oracle.predict(line), atol=1e-4)


def test_isotonic_knots_stay_apart_in_float32():
    logit, present, subject = scans()
    fitted = fit_map("isotonic", 1 + 1e-7 * logit, present, subject=subject)
    assert isinstance(fitted, Isotonic)
    assert fitted(torch.linspace(0.9, 1.1, 50)).isfinite().all()


def test_isotonic_wants_thirty_subjects():
    logit, present, subject = scans(subjects=29)
    message = "on 29 subjects: 30 or more are wanted, take temperature, platt or beta"
    with pytest.raises(NerveCegError, match=message):
        fit_map("isotonic", logit, present, subject=subject)
    with pytest.raises(NerveCegError, match="on 0 subjects"):
        fit_map("isotonic", logit, present)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_refuses_one_class_and_wrong_logits(form):
    logit, present, subject = scans()
    with pytest.raises(NerveCegError, match="frames to calibrate on show no nerve: both kinds"):
        fit_map(form, logit, np.ones(3000, bool), subject=subject)
    with pytest.raises(NerveCegError, match="frames to calibrate on show the nerve"):
        fit_map(form, logit, present, subject=subject, weight=np.where(present, 0.0, 1.0))
    for wrong in (np.nan, np.inf):
        logit[7] = wrong
        with pytest.raises(NerveCegError, match=f"logit 7 of 3000 is {wrong}: finite logits are"):
            fit_map(form, logit, present, subject=subject)


def test_an_unknown_form_is_refused():
    logit, present, _ = scans(50)
    with pytest.raises(NerveCegError, match='"spline" is unknown: temperature, platt, beta'):
        fit_map("spline", logit, present)


def test_a_map_has_plain_numbers():
    logit, present, _ = scans(50)
    fitted = fit_map("temperature", logit, present)
    assert isinstance(fitted, Temperature)
    assert type(fitted.slope) is float
