import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import beta, norm

from nerveceg.errors import NerveCegError
from nerveceg.probability.misses import MissCurve

SUBJECTS, FRAMES, RATE = 47, 120, 0.10


def losses(presence, subject, threshold):
    """Each subject's share of nerve frames that aren't kept, written out."""
    return [np.mean(presence[subject == name] < threshold) for name in np.unique(subject)]


def highest_allowed(presence, subject, rate):
    """The highest threshold on a fine grid with every presence on it; 0 where none is allowed."""
    grid = np.unique([*presence, *np.linspace(0, 1, 501, dtype=np.float32)])
    sums = np.array([sum(losses(presence, subject, threshold)) for threshold in grid])
    subjects = len(np.unique(subject))
    allowed = (sums + 1) / (subjects + 1) <= rate + 1e-12
    return grid[allowed].max() if allowed.any() else 0.0


def frame_quantile(presence, rate):
    """Split conformal over frames: valid only if frames were exchangeable with a new subject's."""
    return np.sort(presence)[int(np.floor(rate * (len(presence) + 1))) - 1]


frames = st.lists(
    st.tuples(st.integers(0, 20).map(lambda k: k / 20), st.integers(0, 14)), min_size=1, max_size=60
)


@given(frames, st.sampled_from([0.05, 0.1, 0.2, 0.25, 0.5, 0.9]))
def test_the_threshold_is_the_highest_that_brute_force_allows(rows, rate):
    presence = np.array([row[0] for row in rows], np.float32)
    subject = np.array([row[1] for row in rows])
    curve = MissCurve.of(presence, subject)
    wanted = highest_allowed(presence, subject, rate)
    if curve.feasible(rate):
        assert curve.threshold(rate) == wanted
    else:
        assert wanted == curve.threshold(rate) == 0
    for threshold in (0.0, 0.7, float(presence[0]), 1.0):
        mean = np.mean(losses(presence, subject, np.float32(threshold)))
        assert curve.mean_miss(threshold) == pytest.approx(mean)


@pytest.mark.parametrize(
    ("subjects", "rate", "mean"),
    [(47, 0.05, 0.030), (47, 0.10, 0.081), (47, 0.15, 0.132), (35, 0.05, 0.023), (12, 0.10, 0.025)],
)
def test_the_admissible_mean_is_that_of_the_table(subjects, rate, mean):
    """Each subject's frames are spread evenly, so that its loss at a threshold is the threshold."""
    presence = np.tile(np.arange(2000, dtype=np.float32) / 2000, subjects)
    curve = MissCurve.of(presence, np.repeat(np.arange(subjects), 2000))
    assert curve.mean_miss(curve.threshold(rate)) == pytest.approx(mean, abs=0.0006)
    assert curve.mean_miss(curve.threshold(rate)) <= (rate * (subjects + 1) - 1) / subjects + 1e-9


def test_twelve_subjects_cannot_guarantee_a_twentieth():
    curve = MissCurve.of(np.full(24, 0.9, np.float32), np.repeat(np.arange(12), 2))
    assert not curve.feasible(0.05)
    assert curve.threshold(0.05) == 0
    assert curve.least_rate == pytest.approx(1 / 13)
    assert curve.feasible(curve.least_rate)
    assert curve.threshold(curve.least_rate) == pytest.approx(0.9)


def test_the_frame_at_the_threshold_is_kept_in_float32():
    presence = np.random.default_rng(0).random(3000, dtype=np.float32)
    curve = MissCurve.of(presence, np.arange(3000) % 40)
    threshold = curve.threshold(0.2)
    kept = torch.from_numpy(presence) >= threshold
    assert (presence == np.float32(threshold)).sum() >= 1
    assert kept[torch.from_numpy(presence == np.float32(threshold))].all()
    mean = np.mean(losses(presence, np.arange(3000) % 40, threshold))
    assert curve.mean_miss(threshold) == pytest.approx(mean, abs=1e-9)


def simulate(generator):
    """Nerve frames of one set of subjects: those with fewer of them are harder to see.

    Prevalence by subject is Beta(1.48, 2.11), as among Kaggle's 47; the mean logit follows it.
    """
    prevalence = generator.beta(1.48, 2.11, size=SUBJECTS)
    owner = np.repeat(np.arange(SUBJECTS), generator.binomial(FRAMES, prevalence))
    return expit(logit(prevalence)[owner] + generator.normal(size=len(owner))), owner


@pytest.fixture(scope="module")
def law():
    """Miss rate that a new subject of that law is to expect, as a function of the threshold."""
    prevalence = beta.ppf((np.arange(4000) + 0.5) / 4000, 1.48, 2.11)
    weight = 1 - (1 - prevalence) ** FRAMES

    def expected(threshold):
        missed = norm.cdf(logit(threshold)[:, None] - logit(prevalence))
        return missed @ weight / weight.sum()

    return expected


@pytest.mark.slow
def test_a_new_subject_is_missed_as_seldom_as_asked_and_frame_quantiles_break_it(law):
    generator, thresholds = np.random.default_rng(0), []
    for _ in range(2000):
        presence, owner = simulate(generator)
        by_subject = MissCurve.of(presence, owner).threshold(RATE)
        thresholds.append((by_subject, frame_quantile(presence, RATE)))
    by_subject, by_frame = (law(column) for column in np.array(thresholds).T)
    error = by_subject.std() / np.sqrt(2000)
    print(
        f"\nnerve frames missed of a new subject, {len(thresholds)} calibrations on {SUBJECTS}, "
        f"wanted {RATE}: {by_subject.mean():.4f} by subjects, {by_frame.mean():.4f} by frames"
    )
    assert by_subject.mean() <= RATE + 3 * error
    # Conformal risk control isn't idle either: it stays within 2 / (n + 1) of the rate.
    assert by_subject.mean() >= RATE - 2 / (SUBJECTS + 1)
    assert by_frame.mean() > RATE + 3 * by_frame.std() / np.sqrt(2000)


def test_repeated_frames_leave_the_threshold_where_frame_quantiles_move():
    presence, owner = simulate(np.random.default_rng(1))
    presence = presence.astype(np.float32)
    once = MissCurve.of(presence, owner)
    hardest = owner == np.argmin([presence[owner == s].mean() for s in np.unique(owner)])
    everyone, one = np.full(len(owner), 10), np.where(hardest, 10, 1)
    for times in (everyone, one):
        many, owners = np.repeat(presence, times), np.repeat(owner, times)
        again = MissCurve.of(many, owners)
        for rate in (0.05, 0.10, 0.15, 0.3):
            assert again.threshold(rate) == once.threshold(rate)
    assert frame_quantile(np.repeat(presence, one), RATE) < frame_quantile(presence, RATE)


def test_subjects_without_nerve_frames_and_the_order_of_frames_do_not_count():
    presence, owner = simulate(np.random.default_rng(2))
    order = np.random.default_rng(3).permutation(len(owner))
    named = np.array([f"s{o}" for o in owner])
    curve = MissCurve.of(presence, owner)
    assert MissCurve.of(presence[order], named[order]).threshold(RATE) == curve.threshold(RATE)
    assert curve.subjects == len(np.unique(owner))


def test_a_curve_comes_back_from_json_equal():
    presence, owner = simulate(np.random.default_rng(4))
    curve = MissCurve.of(presence, owner)
    text = json.dumps(curve.to_dict())
    assert MissCurve.from_dict(json.loads(text)) == curve


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan")])
def test_an_impossible_rate_is_refused(rate):
    curve = MissCurve.of(np.array([0.5], np.float32), np.array([0]))
    with pytest.raises(NerveCegError, match=r"a share in \(0, 1\) is wanted"):
        curve.threshold(rate)


def test_a_curve_of_nothing_or_of_no_probability_is_refused():
    with pytest.raises(NerveCegError, match="no frame shows the nerve"):
        MissCurve.of(np.zeros(0, np.float32), np.zeros(0))
    with pytest.raises(NerveCegError, match="NaN or outside"):
        MissCurve.of(np.array([0.5, np.nan]), np.zeros(2))
