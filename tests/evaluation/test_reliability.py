import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from nerveceg.evaluation.bootstrap import draw_subjects
from nerveceg.evaluation.reliability import judge_presence

SUBJECTS = 15


@pytest.fixture(scope="module")
def frames():
    """Presence that is too sure of itself, its truth, and subjects of unequal size."""
    generator = np.random.default_rng(0)
    subject = generator.integers(SUBJECTS, size=600)
    score = generator.normal(size=SUBJECTS)[subject] + 1.5 * generator.normal(size=600)
    present = generator.random(600) < expit(score)
    return expit(1.6 * score + 0.4).astype(np.float32), present, subject


def line(presence, present):
    """Slope and intercept of the calibration line by scikit-learn."""
    score = logit(presence.astype(np.float64))[:, None]
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(score, present)
    return fitted.coef_[0, 0], fitted.intercept_[0]


def gap(presence, present, part):
    """Expected calibration error, written out."""
    return sum(
        abs(presence[part == k].mean(dtype=np.float64) - present[part == k].mean())
        * (part == k).mean()
        for k in np.unique(part)
    )


def test_the_figures_are_scikit_learns(frames):
    presence, present, subject = frames
    ours = judge_presence(presence, present, subject, draw_subjects(SUBJECTS, seed=0))
    exact = presence.astype(np.float64)
    assert ours.nll.value == pytest.approx(log_loss(present, exact), abs=1e-12)
    assert ours.brier.value == pytest.approx(brier_score_loss(present, exact), abs=1e-12)
    slope, intercept = line(presence, present)
    assert ours.slope.value == pytest.approx(slope, rel=1e-5)
    assert ours.intercept.value == pytest.approx(intercept, rel=1e-4)
    assert ours.slope.high < 1
    for figure in ours[:5]:
        assert figure.low < figure.value < figure.high


def test_intervals_are_those_of_a_plain_loop(frames):
    presence, present, subject = frames
    draws = draw_subjects(SUBJECTS, seed=1, resamples=40)
    order = np.argsort(presence)
    part = np.empty(600, int)
    part[order] = np.repeat(np.arange(15), 40)
    rows = []
    for draw in draws:
        places = np.repeat(np.arange(600), draw[subject])
        p, y = presence[places], present[places]
        exact = p.astype(np.float64)
        rows.append(
            [log_loss(y, exact), brier_score_loss(y, exact), gap(p, y, part[places]), *line(p, y)]
        )
    wanted = np.quantile(rows, (0.025, 0.975), axis=0).T
    ours = judge_presence(presence, present, subject, draws)
    np.testing.assert_allclose([f[1:] for f in ours[:5]], wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_chunks_change_nothing(frames, monkeypatch):
    draws = draw_subjects(SUBJECTS, seed=2, resamples=50)
    whole = judge_presence(*frames, draws)
    monkeypatch.setattr("nerveceg.evaluation.reliability.CHUNK", 1)
    chunked = judge_presence(*frames, draws)
    np.testing.assert_allclose(whole[:5], chunked[:5], rtol=1e-9)


def test_bins_hold_equal_numbers_of_frames_and_make_up_the_error(frames):
    presence, present, subject = frames
    ours = judge_presence(presence, present, subject, draw_subjects(SUBJECTS, seed=0, resamples=2))
    assert [part.frames for part in ours.bins] == [40] * 15
    levels = [part.presence for part in ours.bins]
    assert levels == sorted(levels)
    shares = np.array([part.share for part in ours.bins])
    assert ours.ece.value == pytest.approx(np.abs(shares - levels).mean())
    assert shares.mean() == pytest.approx(present.mean())


def test_frames_of_one_presence_share_a_bin_in_any_order():
    presence = np.repeat(np.array([0.2, 0.7], np.float32), 300)
    present = np.concatenate([np.arange(300) < 60, np.arange(300) < 210])
    subject, draws = np.arange(600) % 6, draw_subjects(6, seed=0, resamples=20)
    ours = judge_presence(presence, present, subject, draws)
    assert [part.frames for part in ours.bins] == [300, 300]
    assert ours.ece.value == pytest.approx(0, abs=1e-7)
    order = np.random.default_rng(0).permutation(600)
    shuffled = judge_presence(presence[order], present[order], subject[order], draws)
    assert shuffled.ece.value == pytest.approx(ours.ece.value, abs=1e-12)


@pytest.mark.slow
def test_honest_presence_has_slope_1_and_intercept_0_within_the_interval():
    inside = []
    for seed in range(100):
        generator = np.random.default_rng(seed)
        score = 2 * generator.normal(size=900)
        present, subject = generator.random(900) < expit(score), np.arange(900) // 30
        draws = draw_subjects(30, seed=seed, resamples=300)
        ours = judge_presence(expit(score), present, subject, draws)
        inside.append(
            [ours.slope.low < 1 < ours.slope.high, ours.intercept.low < 0 < ours.intercept.high]
        )
    assert (np.mean(inside, axis=0) > 0.86).all()


def test_a_presence_of_exactly_0_or_1_costs_a_finite_loss():
    presence = np.array([0, 1, 0, 1, 0.5, 0.5], np.float32)
    present = np.array([False, True, True, False, True, False])
    ours = judge_presence(presence, present, np.arange(6), draw_subjects(6, seed=0))
    assert ours.nll.value == pytest.approx(log_loss(present, presence))
    assert np.isfinite([ours.nll.high, ours.slope.value]).all()


@pytest.mark.parametrize("kind", ["one class", "parted", "constant"])
def test_a_line_that_no_frames_define_is_nan(kind):
    presence = np.linspace(0.1, 0.9, 40)
    present = {"one class": np.ones(40, bool), "parted": presence > 0.5}.get(
        kind, np.arange(40) % 3 == 0
    )
    presence = np.full(40, 0.3) if kind == "constant" else presence
    ours = judge_presence(presence, present, np.arange(40) % 8, draw_subjects(8, seed=0))
    assert np.isnan([*ours.slope, *ours.intercept]).all()
    assert np.isfinite([*ours.nll, *ours.brier, *ours.ece]).all()


def test_resamples_of_one_class_are_left_out_of_the_interval():
    generator = np.random.default_rng(3)
    score = generator.normal(size=90)
    present, subject = generator.random(90) < expit(score), np.arange(90) // 30
    present[30:] = False
    ours = judge_presence(expit(score), present, subject, draw_subjects(3, seed=0))
    assert np.isfinite([*ours.slope, *ours.intercept]).all()


def test_a_resample_has_a_line_unless_presence_parts_its_frames():
    """Few subjects with offsets and extreme logits: each resample alone, against the optimum."""
    for seed in range(12):
        generator = np.random.default_rng(seed)
        subject = np.arange(40) % 8
        score = np.clip(generator.normal(size=40) + 4 * generator.normal(size=8)[subject], -15, 15)
        present = generator.random(40) < expit(score / 2 + 1)
        for draw in draw_subjects(8, seed=seed, resamples=20):
            ours = judge_presence(expit(score), present, subject, draw[None])
            weight = draw[subject]
            nerve, other = score[(weight > 0) & present], score[(weight > 0) & ~present]
            parted = not len(nerve) or not len(other) or nerve.min() >= other.max()
            assert np.isnan(ours.slope.low) == parted
            if not parted:
                rest = weight * (present - expit(ours.slope.low * score + ours.intercept.low))
                assert [rest.sum(), rest @ score] == pytest.approx([0, 0], abs=1e-6)


def test_one_subject_has_no_interval(frames):
    presence, present, _ = frames
    ours = judge_presence(presence, present, np.zeros(600, int), draw_subjects(1, seed=0))
    assert np.isnan([figure.low for figure in ours[:5]]).all()
    assert np.isfinite([figure.value for figure in ours[:5]]).all()
